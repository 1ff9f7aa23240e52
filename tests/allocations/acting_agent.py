"""An agent that acts all the time: what the tests kill.

``python -m tests.allocations.acting_agent JOURNAL HOLD LEASE FOLDER...``; it says ``acting`` once it
has undone what the one before has left. ``WCA_TEST_CUT`` is the number of a record of the journal and
the share of it that is written: in the middle of it the agent kills itself.
"""

import os
import random
import signal
import sys
import time

from tests.allocations.kernel_stand_in import perform
from wca.allocations.api import JournalError, Write
from wca.allocations.confined import ConfinedFiles, control_roots
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal, recover


def main(path, hold, lease, *groups):
    lease = float(lease)
    files = ConfinedFiles(control_roots())
    journal = Journal(path, lease=lease, hold=Hold(hold))
    journal.open()
    recover(journal, files, time.time())
    print("acting", flush=True)
    if "WCA_TEST_CUT" in os.environ:
        number, share = os.environ["WCA_TEST_CUT"].split()
        die_within_a_record(path, int(number), float(share))
    while True:
        for group in groups:
            try:
                act(journal, files, group, lease)
            except JournalError as error:
                print(error, file=sys.stderr, flush=True)
                time.sleep(0.05)
        journal.renew(time.time() + lease)


def die_within_a_record(path, number, share):
    """As a machine does that is switched off, or a disk that is full."""
    real = os.write
    left = [number]

    def write(descriptor, data):
        if os.readlink(f"/proc/self/fd/{descriptor}") == path:
            left[0] -= 1
            if left[0] < 0:
                real(descriptor, data[: max(1, int(share * (len(data) - 1)))])
                os.kill(os.getpid(), signal.SIGKILL)
        return real(descriptor, data)

    os.write = write


def act(journal, files, group, lease):
    def change(name, new, *, implied=False):
        path = f"{group}/{name}"
        write = Write(
            path, files.read(path), new, "task", name, (group, files.inode(group)), implied
        )
        perform(journal, files, write, time.time() + lease)

    idle = files.read(f"{group}/cpu.idle") == "1"
    kind = random.choice(["quota", "shares", "idle"])
    if kind == "quota":
        change("cpu.cfs_quota_us", str(random.randrange(5, 50) * 1000))
    elif kind == "idle" and not idle:
        change("cpu.shares", "3", implied=True)
        change("cpu.idle", "1")
    elif kind == "idle":
        change("cpu.idle", "0")
        change("cpu.shares", "2")
    elif not idle:
        change("cpu.shares", str(random.randrange(2, 500)))


if __name__ == "__main__":
    main(*sys.argv[1:])
