"""What the file of a spool says about its parcels, and that it is damaged."""

from collections.abc import Collection
from typing import NamedTuple

from wca.storage.delivery.parcel import Parcel

__all__ = ["Damaged", "Entry", "Totals"]


class Damaged(Exception):  # noqa: N818 - a state of the file
    """The file does not hold what a spool has written; the message ends a sentence of the log."""


class Entry(NamedTuple):
    """A parcel without its body.

    Args:
        number: its name in the backlog.
        samples: how many samples are in it.
        bytes: length of its body.
        created: Unix time of its samples in seconds.
        name: what it is the newest state of; empty: it stands for itself.
    """

    number: int
    samples: int
    bytes: int
    created: float
    name: str

    @classmethod
    def of(cls, number: int, parcel: Parcel) -> "Entry":
        """The entry of a parcel."""
        return cls(number, parcel.samples, len(parcel.body), parcel.created, parcel.supersedes)


class Totals(NamedTuple):
    """Parcels together.

    Args:
        parcels: how many.
        samples: how many samples are in them.
        bytes: length of their bodies.
        oldest: Unix time in seconds of the oldest, or an earlier one; None: there are none.
        last: the greatest number there was; 0: there was none.
    """

    parcels: int = 0
    samples: int = 0
    bytes: int = 0
    oldest: float | None = None
    last: int = 0

    def plus(self, entries: Collection[Entry]) -> "Totals":
        """The totals with more parcels."""
        if not entries:
            return self
        oldest = min(entry.created for entry in entries)
        return Totals(
            self.parcels + len(entries),
            self.samples + sum(entry.samples for entry in entries),
            self.bytes + sum(entry.bytes for entry in entries),
            oldest if self.oldest is None else min(self.oldest, oldest),
            max(self.last, *(entry.number for entry in entries)),
        )

    def minus(self, entries: Collection[Entry]) -> "Totals":
        """The totals without some of the parcels."""
        left = self.parcels - len(entries)
        return Totals(
            left,
            self.samples - sum(entry.samples for entry in entries),
            self.bytes - sum(entry.bytes for entry in entries),
            self.oldest if left else None,
            self.last,
        )
