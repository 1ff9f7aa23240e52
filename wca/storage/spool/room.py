"""Which parcels are given up for others: those that a later one replaces, and the oldest."""

import heapq
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from wca.storage.spool.rows import Entry

if TYPE_CHECKING:
    from wca.storage.spool.database import Database

__all__ = ["Victims", "choose_victims"]


class Victims(NamedTuple):
    """Parcels to give up.

    Args:
        merged: a later parcel says what they say.
        oldest: what had to go beyond that.
    """

    merged: list[Entry]
    oldest: list[Entry]

    @property
    def all(self) -> list[Entry]:
        """Both."""
        return self.merged + self.oldest


def choose_victims(
    database: "Database",
    new: Sequence[Entry],
    spared: Container[int],
    excess: int,
    *,
    merge: bool,
    history: bool,
) -> Victims:
    """Choose what to give up so that the rest fits.

    Args:
        database: parcels that are kept.
        new: parcels that come after them.
        spared: numbers of parcels that stay.
        excess: bytes that are too many; not positive: there is room.
        merge: whether those go first that a later one replaces.
        history: false: these go even where there is room.
    """
    merged: list[Entry] = []
    if not history:
        merged = _first(_replaced(database, new), spared, math.inf)
    elif merge and excess > 0:
        merged = _first(_replaced(database, new), spared, excess)
    excess -= sum(entry.bytes for entry in merged)
    if excess <= 0:
        return Victims(merged, [])
    gone = {entry.number for entry in merged}
    left = (entry for entry in chain(database.in_order(), new) if entry.number not in gone)
    return Victims(merged, _first(left, spared, excess))


def _first(entries: Iterable[Entry], spared: Container[int], size: float) -> list[Entry]:
    """The first of the entries that are not spared, until they have so many bytes together."""
    chosen: list[Entry] = []
    for entry in entries:
        if size <= 0:
            break
        if entry.number not in spared:
            chosen.append(entry)
            size -= entry.bytes
    return chosen


def _replaced(database: "Database", new: Sequence[Entry]) -> Iterator[Entry]:
    """Parcels of whose name there is a later one, the oldest first.

    Costs two look-ups for each name in the file, and one for each parcel that is asked for.
    """
    names = {*database.names(), *(entry.name for entry in new if entry.name)}
    return heapq.merge(*(_all_but_the_last(database, name, new) for name in names))


def _all_but_the_last(database: "Database", name: str, new: Sequence[Entry]) -> Iterator[Entry]:
    of_name = chain(database.named(name), (entry for entry in new if entry.name == name))
    return (entry for entry, _ in pairwise(of_name))
