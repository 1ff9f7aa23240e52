"""A short life of a spool, each step of which is compared with the model; run by other processes.

``python -m tests.storage.spool_workload sweep FOLDER CALL FIRST LAST FAULT`` lives it again and again, in
a forked process each time, under an strace that kills the process, or fails the call, at the
LAST-th call of one kind. A forked process that has made some futile calls before meets that at an
earlier one.
``python -m tests.storage.spool_workload record FOLDER LEVEL`` lives it once, and marks the end of
each step for strace.
"""

import logging
import os
import sys

from tests.storage.spool_model import Model
from wca.errors import StartError
from wca.storage.delivery.options import Order, Survives, WhenFull
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool, database

NO_FILE = 10**6
NOW = 1e9
OPTIONS = {
    "max_bytes": 20_000,
    "max_age": 100.0,
    "order": Order.OLDEST,
    "when_full": WhenFull.MERGE,
}


def _nowhere(call, *arguments):
    def futile():
        try:
            call(*arguments)
        except OSError:
            return
        raise AssertionError(call)

    return futile


#: Each kind of call that changes what is on disk, and how to make it without effect.
CALLS = {
    "pwrite64": _nowhere(os.pwrite, NO_FILE, b"", 0),
    "fdatasync": _nowhere(os.fdatasync, NO_FILE),
    "fsync": _nowhere(os.fsync, NO_FILE),
    "ftruncate": _nowhere(os.ftruncate, NO_FILE, 0),
    "unlink": _nowhere(os.unlink, ""),
    "rename": _nowhere(os.rename, "", ""),
}


def parcel(number, size, name="", age=0.0):
    return Parcel((b"%03d-" % number * size)[:size], number, NOW - age, name)


#: What happens, as methods of a spool or of a model.
STEPS = [
    ("put", [parcel(1, 900), parcel(2, 2600, "a"), parcel(3, 4500, "b")]),
    ("put", [parcel(4, 300, age=90.0)]),
    ("take", 2),
    ("put", [parcel(5, 6000, "a"), parcel(6, 20, "c")]),
    ("settle", [1]),
    ("release", [2]),
    ("put", [parcel(7, 4500, "b"), parcel(8, 4500)]),  # full: merges
    ("time", 20.0),  # the fourth expires
    ("put", [parcel(9, 15_000)]),  # full: the oldest go
    ("close", None),
    ("open", None),
    ("put", [parcel(10, 500), parcel(11, 4000)]),
    ("take", 10),
    ("settle", range(1, 12)),  # empty: the file becomes small
    ("put", [parcel(12, 3000, "a"), parcel(13, 100)]),
    ("close", None),
]


class Life:
    """A spool that takes the steps; with small numbers where they are large."""

    def __init__(self, folder, survives):
        logging.disable()
        self.path = os.path.join(folder, "spool")
        self.now = NOW
        self.spool = Spool(self.path, survives=survives, **OPTIONS)
        database.SMALL_FILE = 16_000
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)
        os.pwrite(descriptor, b"no database, so that it is renamed" * 100, 0)
        os.close(descriptor)

    def step(self, name, argument):
        if name == "open":
            self.spool.open()
            connection = self.spool._file.database({})._connection
            connection.execute("PRAGMA wal_autocheckpoint=8")
        elif name == "time":
            self.now += argument
        elif name in ("put", "take"):
            getattr(self.spool, name)(argument, self.now)
        elif name == "close":
            self.spool.close()
        else:
            getattr(self.spool, name)(argument)


def states():
    """The bodies that wait after each step, by the model; the first is that of the start."""
    model, now = Model(**OPTIONS), NOW
    found = [[]]
    for name, argument in STEPS:
        if name in ("put", "take"):
            getattr(model, name)(argument, now)
        elif name in ("settle", "release"):
            getattr(model, name)(argument)
        elif name == "close":
            model.taken.clear()
        elif name == "open":
            model.last = max(model.parcels)
        else:
            now += argument
        found.append([one.body for one in model.parcels.values()])
    return found


def sweep(root, call, first, last, fault):
    """Lines ``number status answers`` of each forked process; an answer is . or E."""
    for number in range(int(first), int(last) + 1):
        folder = os.path.join(root, str(number))
        os.mkdir(folder, 0o700)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            for _ in range(int(last) - number):
                CALLS[call]()
            _live(folder, writing)
        os.close(writing)
        answers = b""
        while some := os.read(reading, 1000):
            answers += some
        os.close(reading)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(number, status, answers.decode(), flush=True)
        if not status and "KILL" in fault:
            break  # there is no call of this number


def _live(folder, writing):
    """Take every step, also after one that has failed; leave without closing anything."""
    life = Life(folder, Survives.POWER_CUT)
    for step in [("open", None), *STEPS]:
        try:
            life.step(*step)
        except (OSError, StartError):
            os.write(writing, b"E")
            if step[0] == "open":
                break
        else:
            os.write(writing, b".")
    os._exit(0)


def record(folder, level):
    """Live once; the end of each step is an attempt to remove a file that is not there."""
    life = Life(folder, Survives(level))
    for number, step in enumerate([("open", None), *STEPS]):
        life.step(*step)
        try:
            os.unlink(os.path.join(folder, f"step-{number}"))
        except FileNotFoundError:
            continue


if __name__ == "__main__":
    {"sweep": sweep, "record": record}[sys.argv[1]](*sys.argv[2:])
