"""A process that stores in a spool and sends, until it is killed: see test_spool_storage.py.

``python -m tests.storage.spool_sender SPOOL ACCEPTED ROUND``: what the target has accepted goes into
the file ACCEPTED, each name of a metric whose ``store`` has returned to standard output.
"""

import os
import sys

from wca.metrics import Metric
from wca.storage.delivery import Parcel, Unavailable
from wca.storage.network import Encoding, NetworkStorage


class FileTarget:
    """Appends bodies to a file; every third call finds nobody there, and every seventh is lost."""

    window = 4

    def __init__(self, path, patient=False):
        self.path, self.patient, self.calls = path, patient, 0

    def open(self, timeout):
        return

    def send(self, parcels, timeout):
        self.calls += 1
        if self.patient and self.calls % 3 == 0:
            raise Unavailable("nobody is there")
        with open(self.path, "ab") as file:
            file.write(b"".join(parcel.body for parcel in parcels))
        if self.patient and self.calls % 7 == 0:
            raise Unavailable("the answer was lost")
        return [None] * len(parcels)

    def close(self, timeout):
        return


def one_each(metrics, now):
    # Large enough for a file that is checkpointed now and then.
    return Encoding([Parcel(f"{one.name:>2000}\n".encode(), 1, now) for one in metrics])


def storage(spool, target):
    return NetworkStorage(
        target,
        one_each,
        name="TestStorage",
        timeout=1.0,
        queue={"first_retry": 0.002, "longest_retry": 0.01},
        spool={"path": spool},
    )


def main(spool, accepted, number):
    storing = storage(spool, FileTarget(accepted, patient=True))
    storing.start()
    for batch in range(10**6):
        names = [f"r{number}_b{batch}_{index}" for index in range(3)]
        storing.store([Metric(name, 1.0) for name in names])
        os.write(1, "".join(f"{name}\n" for name in names).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
