"""The backlog on disk."""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from wca.clock import Clock, SystemClock
from wca.storage.delivery.backlog import Dropped, Size, Waiting
from wca.storage.delivery.options import Order, Survives, WhenFull
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool.file import SpoolFile
from wca.storage.spool.place import Place
from wca.storage.spool.room import choose_victims
from wca.storage.spool.rows import Damaged, Entry, Totals

if TYPE_CHECKING:
    from wca.storage.spool.database import Database

__all__ = ["MAX_AGE", "MAX_BYTES", "Spool"]

log = logging.getLogger(__name__)

#: Bounds where the configuration names none: bytes and seconds.
MAX_BYTES, MAX_AGE = 2**30, 7 * 24 * 3600.0
#: SQLite takes no value above 1,000,000,000 bytes.
LARGEST_BODY = 999_000_000
#: Parcels that are given up in one go for their age.
EXPIRED_AT_ONCE = 1000
#: With at most so many bytes waiting, making a large file smaller takes milliseconds.
ALMOST_EMPTY = 2**20

_Result = TypeVar("_Result")


class Spool:
    """A ``Backlog`` in a file: what a returned ``put`` has kept is there after the process is gone.

    A file that is damaged never stops anything: it is renamed, and an empty one takes its place.
    What waited in it is lost, and counted; what was being sent is kept.

    Args:
        path: the file. It has a folder of its own, or one that only this user can write.
        max_bytes: of all bodies together. The file needs a little more; see docs/spool.md.
        max_age: seconds after which a parcel is given up.
        order: which parcel is sent first.
        survives: what a returned ``put`` survives: the end of the process, or that of the machine.
        when_full: what makes room.
        history: whether the target keeps one state beside the next; see ``MemoryQueue``.
        kind: what bodies are, in the words of the storage. A later run that has another one knows
            by it what it has found; see ``Parcel``.
        clock: time, for the names of damaged files.
    """

    def __init__(
        self,
        path: str,
        *,
        max_bytes: int = MAX_BYTES,
        max_age: float = MAX_AGE,
        order: Order = Order.OLDEST,
        survives: Survives = Survives.KILL,
        when_full: WhenFull = WhenFull.MERGE,
        history: bool = True,
        kind: str = "messages",
        clock: Clock | None = None,
    ) -> None:
        self._file = SpoolFile(Place(path), survives, kind, clock or SystemClock())
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._newest_first = order is Order.NEWEST
        self._when_full = when_full
        self._history = history
        self._totals = Totals()  # of what waits or is taken
        self._taken: dict[int, Parcel] = {}
        self._given_up: set[int] = set()  # rows that count no more and are still in the file
        self._losses: list[Dropped] = []  # not yet reported

    @property
    def damaged(self) -> int:
        """Damaged files that were put aside since the start of the agent."""
        return self._file.damaged

    def problems(self) -> list[str]:
        """What would keep this process from using the file, in sentences; changes nothing."""
        return self._file.place.problems()

    def open(self) -> int:
        """Open the file, and make it where there is none; see ``Backlog``."""
        if self._file.in_use:
            return 0
        last, self._totals = self._totals.last, self._file.open()
        self._totals = self._totals._replace(last=max(last, self._totals.last))
        return self._totals.samples

    def put(self, parcels: Sequence[Parcel], now: float) -> list[Dropped]:
        """Keep parcels; see ``Backlog``. One that is larger than the bound is not kept."""
        storable = [_storable(parcel, now) for parcel in parcels]
        self._surviving_damage(lambda: self._put(storable, now))
        return self._report()

    def take(self, count: int, now: float) -> tuple[list[Waiting], list[Dropped]]:
        """The next parcels to send; see ``Backlog``."""
        return self._surviving_damage(lambda: self._take(count, now)), self._report()

    def settle(self, numbers: Collection[int]) -> None:
        """Forget parcels that were taken; see ``Backlog``."""
        settled = [
            Entry.of(number, parcel)
            for number in numbers
            if (parcel := self._taken.pop(number, None)) is not None
        ]
        self._give_up(settled)
        self._surviving_damage(self._forget)

    def release(self, numbers: Collection[int]) -> None:
        """Let parcels wait again that were taken; see ``Backlog``."""
        for number in numbers:
            self._taken.pop(number, None)

    @property
    def size(self) -> Size:
        """How much waits; after ``close``, what the next run will find."""
        return Size(*self._totals[:4])

    def close(self) -> list[Dropped]:
        """Close the file, which can be opened again; see ``Backlog``."""
        if not self._file.in_use:
            return []
        try:
            self._surviving_damage(self._forget)
        except OSError as error:
            log.warning("what was delivered last may be sent again: %s", error)
        if not self._file.present:  # what was being sent could not be put into a new file
            self._lose("spool_corrupt", self._totals.samples)
            self._totals = Totals(last=self._totals.last)
        self._file.close()
        self._taken.clear()
        self._given_up.clear()
        return self._report()

    def _put(self, parcels: Sequence[Parcel], now: float) -> None:
        database = self._file.database(self._taken)
        database.check_presence()
        self._expire(now)
        fitting = self._fitting(parcels)
        new = [Entry.of(n, parcel) for n, parcel in enumerate(fitting, self._totals.last + 1)]
        totals = self._totals.plus(new)
        with database.transaction():
            database.delete(self._given_up)
            victims = choose_victims(
                database,
                new,
                spared=self._taken,
                excess=totals.bytes - self._max_bytes,
                merge=self._when_full is WhenFull.MERGE,
                history=self._history,
            )
            gone = {entry.number for entry in victims.all}
            database.delete(gone)
            for entry, parcel in zip(new, fitting, strict=True):
                if entry.number not in gone:
                    database.insert(entry.number, parcel)
            if gone or self._given_up:
                totals = totals.minus(victims.all)._replace(oldest=database.oldest())
        self._given_up.clear()
        self._totals = totals
        self._lose("merged", _samples(victims.merged))
        self._lose("spool_full", _samples(parcels) - _samples(fitting) + _samples(victims.oldest))

    def _fitting(self, parcels: Sequence[Parcel]) -> Sequence[Parcel]:
        """The parcels for which there is, or can be made, room."""
        taken = sum(len(parcel.body) for parcel in self._taken.values())
        room = min(self._max_bytes - taken, LARGEST_BODY)
        fitting = [parcel for parcel in parcels if len(parcel.body) <= room]
        size = self._totals.bytes + sum(len(parcel.body) for parcel in fitting)
        if self._when_full is WhenFull.DROP_NEWEST and size > self._max_bytes:
            return []
        return fitting

    def _take(self, count: int, now: float) -> list[Waiting]:
        database = self._file.database(self._taken)
        self._expire(now)
        if not self._history:
            self._merge(database)
        found: list[Waiting] = []
        bad: list[int] = []
        for entry in database.in_order(newest_first=self._newest_first):
            if len(found) >= count:
                break
            if self._waits(entry):
                parcel = database.read(entry.number)
                if parcel is None:
                    bad.append(entry.number)
                else:
                    found.append(Waiting(entry.number, parcel))
        if bad:
            self._discard(bad)
        elif not found and count > 0 and self._totals.parcels > len(self._taken):
            raise Damaged(f"{self._totals.parcels - len(self._taken)} messages are not there")
        self._taken.update((one.number, one.parcel) for one in found)
        return found

    def _merge(self, database: "Database") -> None:
        """Give up what was taken and released where a later parcel waits that says it too."""
        spared = self._taken.keys() | self._given_up
        merged = choose_victims(database, [], spared, 0, merge=True, history=False).merged
        if merged:
            self._give_up(merged)
            self._lose("merged", _samples(merged))
            with suppress(OSError):  # they stay in the file, and are not sent in any case
                self._forget()

    def _expire(self, now: float) -> None:
        """Give up what has become too old; what is being sent stays."""
        limit = now - self._max_age
        while self._totals.oldest is not None and self._totals.oldest < limit:
            count = EXPIRED_AT_ONCE + len(self._taken) + len(self._given_up)
            rows = self._file.database(self._taken).older_than(limit, count)
            old = [entry for entry in rows if self._waits(entry)]
            self._give_up(old)
            self._lose("expired", _samples(old))
            with suppress(OSError):  # they stay in the file, and are not sent in any case
                self._forget()
            if len(rows) < count:
                break

    def _waits(self, entry: Entry) -> bool:
        return entry.number not in self._taken and entry.number not in self._given_up

    def _give_up(self, entries: Collection[Entry]) -> None:
        """Count parcels no more; ``_forget`` takes them out of the file."""
        self._given_up.update(entry.number for entry in entries)
        self._totals = self._totals.minus(entries)

    def _forget(self) -> None:
        """Take parcels out of the file that were given up; make it small when it is empty."""
        database = self._file.database(self._taken)
        if not self._given_up:
            return
        with database.transaction():
            database.delete(self._given_up)
            self._totals = self._totals._replace(oldest=database.oldest())
        self._given_up.clear()
        if self._totals.bytes <= ALMOST_EMPTY:
            with suppress(OSError):
                database.compact()

    def _discard(self, bad: Collection[int]) -> None:
        """Take rows out of the file whose content is not what was written, and count anew."""
        database = self._file.database(self._taken)
        with database.transaction():
            database.delete(self._given_up)
            database.delete(bad)
            totals = database.totals()
            if totals.parcels != self._totals.parcels - len(bad):
                raise Damaged(f"{len(bad)} messages in it are not what was written")
        self._given_up.clear()
        lost = self._totals.samples - totals.samples
        self._totals = totals._replace(last=self._totals.last)
        self._lose("spool_corrupt", lost)
        log.error(
            "%d messages in the spool %s are not what was written there: %d samples are lost; "
            "the disk or the memory of this machine may be failing",
            *(len(bad), self._file.place.path, lost),
        )

    def _surviving_damage(self, operation: Callable[[], _Result]) -> _Result:
        """Do something with the file; where it is damaged, with an empty one in its place."""
        self._file.check_owner()
        try:
            return operation()
        except Damaged as damage:
            self._write_off(damage)
        try:
            return operation()
        except Damaged as damage:
            self._write_off(damage)
            raise OSError(f"the spool {self._file.place.path} is damaged: {damage}") from damage

    def _write_off(self, damage: Damaged) -> None:
        """Give up a damaged file. What is being sent is known, and goes into the next one."""
        taken = [Entry.of(number, parcel) for number, parcel in self._taken.items()]
        lost = self._totals.samples - _samples(taken)
        self._file.give_up(damage, lost)
        self._lose("spool_corrupt", lost)
        self._given_up.clear()
        self._totals = Totals(last=self._totals.last).plus(taken)

    def _lose(self, reason: str, samples: int) -> None:
        if samples > 0:
            self._losses.append(Dropped(reason, samples))

    def _report(self) -> list[Dropped]:
        losses, self._losses = self._losses, []
        return losses


def _storable(parcel: Parcel, now: float) -> Parcel:
    """The parcel as SQLite takes it: with a time that is a number, and a name that is Unicode."""
    created = parcel.created if math.isfinite(parcel.created) else now
    name = parcel.supersedes.encode(errors="backslashreplace").decode()
    if created == parcel.created and name == parcel.supersedes:
        return parcel
    return replace(parcel, created=created, supersedes=name)


def _samples(parcels: Iterable[Parcel | Entry]) -> int:
    return sum(parcel.samples for parcel in parcels)
