"""What the tests of the spool have in common."""

import contextlib

from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool

NOW = 1_000_000.0


def parcel(text, samples=1, created=NOW, name=""):
    return Parcel(text.encode(), samples, created, name)


@contextlib.contextmanager
def spools(path):
    """A function that opens a spool at the path; all are closed in the end."""
    made = []

    def make(**options):
        spool = Spool(path, **options)
        made.append(spool)
        spool.open()
        return spool

    try:
        yield make
    finally:
        for spool in made:
            spool.close()


def taken(spool, count=100, now=NOW):
    found, _ = spool.take(count, now)
    return [one.parcel.body.decode() for one in found]


def numbers(spool, count=100, now=NOW):
    return [one.number for one in spool.take(count, now)[0]]
