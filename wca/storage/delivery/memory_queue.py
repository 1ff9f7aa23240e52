"""Parcels that wait in memory."""

import heapq
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from wca.storage.delivery.backlog import Dropped, Size, Waiting
from wca.storage.delivery.options import Order, WhenFull
from wca.storage.delivery.parcel import Parcel

__all__ = ["MemoryQueue"]


class MemoryQueue:
    """A ``Backlog`` that ends with the process.

    What a call costs does not depend on how much waits, only on how many names there are.

    Args:
        max_bytes: of all bodies together.
        max_messages: how many parcels.
        max_age: seconds after which a parcel is given up, at the latest when it would be sent;
            None: never.
        order: which parcel is sent first.
        when_full: what makes room.
        history: whether the target keeps one state beside the next. For one that does not, a
            parcel is given up as soon as a later one says what it says.
    """

    def __init__(
        self,
        max_bytes: int,
        max_messages: int,
        max_age: float | None = None,
        order: Order = Order.OLDEST,
        when_full: WhenFull = WhenFull.MERGE,
        *,
        history: bool = True,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._max_age = max_age
        self._order = order
        self._when_full = when_full
        self._history = history
        # By number, the oldest first. A dict would look at all that was deleted before its first.
        self._parcels: OrderedDict[int, Parcel] = OrderedDict()
        #: Numbers of the parcels that are states of the same, by its name, the newest last.
        self._states: dict[str, OrderedDict[int, None]] = {}
        self._taken: set[int] = set()
        self._last = self._samples = self._bytes = 0

    def open(self) -> int:
        """Nothing to open, and nothing an earlier run could have left."""
        return 0

    def put(self, parcels: Sequence[Parcel], now: float) -> list[Dropped]:
        """Keep parcels; see ``Backlog``."""
        dropped = self._expire(now)
        room = self._max_bytes - sum(len(self._parcels[number].body) for number in self._taken)
        fitting = [parcel for parcel in parcels if len(parcel.body) <= room]
        dropped += _all("queue_full", [parcel for parcel in parcels if len(parcel.body) > room])
        if self._when_full is WhenFull.DROP_NEWEST and not self._fits(fitting):
            return [*dropped, *_all("queue_full", fitting)]
        for parcel in fitting:
            self._keep(parcel)
        if not self._history or (self._when_full is WhenFull.MERGE and not self._fits()):
            dropped += self._merge()
        while not self._fits() and (oldest := self._oldest_waiting()) is not None:
            dropped += self._drop("queue_full", [oldest])
        return dropped

    def take(self, count: int, now: float) -> tuple[list[Waiting], list[Dropped]]:
        """The next parcels to send; see ``Backlog``."""
        dropped = self._expire(now)
        if not self._history:  # of those that were taken and released a later one may wait
            dropped += self._merge()
        taken: list[Waiting] = []
        old: list[int] = []
        numbers = iter(self._parcels) if self._order is Order.OLDEST else reversed(self._parcels)
        for number in numbers:
            if len(taken) == count:
                break
            if number in self._taken:
                continue
            parcel = self._parcels[number]
            if self._too_old(parcel, now):  # it came after one that is younger: the clock was set
                old.append(number)
            else:
                taken.append(Waiting(number, parcel))
        self._taken.update(one.number for one in taken)
        return taken, [*dropped, *self._drop("expired", old)]

    def settle(self, numbers: Collection[int]) -> None:
        """Forget parcels that were taken."""
        for number in numbers:
            self._forget(number)

    def release(self, numbers: Collection[int]) -> None:
        """Let parcels wait again that were taken."""
        self._taken.difference_update(numbers)

    @property
    def size(self) -> Size:
        """How much waits."""
        oldest = next(iter(self._parcels.values()), None)
        return Size(
            len(self._parcels), self._samples, self._bytes, oldest.created if oldest else None
        )

    def close(self) -> list[Dropped]:
        """Give everything up: it ends with the process."""
        self._taken.clear()
        return self._drop("closed", list(self._parcels))

    def _fits(self, more: Sequence[Parcel] = ()) -> bool:
        return (
            len(self._parcels) + len(more) <= self._max_messages
            and self._bytes + sum(len(parcel.body) for parcel in more) <= self._max_bytes
        )

    def _oldest_waiting(self) -> int | None:
        return next((number for number in self._parcels if number not in self._taken), None)

    def _merge(self) -> list[Dropped]:
        """Give up what says nothing that a later one does not say, the oldest first.

        All of it for a target that keeps no history, else only what has to go.
        """
        merged: list[int] = []
        messages, size = len(self._parcels), self._bytes
        for number in heapq.merge(*map(_all_but_the_last, self._states.values())):
            if self._history and messages <= self._max_messages and size <= self._max_bytes:
                break
            if number not in self._taken:
                merged.append(number)
                messages, size = messages - 1, size - len(self._parcels[number].body)
        return self._drop("merged", merged)

    def _expire(self, now: float) -> list[Dropped]:
        """Give up the first ones as long as they are too old."""
        old: list[int] = []
        for number, parcel in self._parcels.items():
            if not self._too_old(parcel, now):
                break
            if number not in self._taken:
                old.append(number)
        return self._drop("expired", old)

    def _too_old(self, parcel: Parcel, now: float) -> bool:
        return self._max_age is not None and parcel.created < now - self._max_age

    def _keep(self, parcel: Parcel) -> None:
        self._last += 1
        self._parcels[self._last] = parcel
        self._samples += parcel.samples
        self._bytes += len(parcel.body)
        if parcel.supersedes:
            self._states.setdefault(parcel.supersedes, OrderedDict())[self._last] = None

    def _drop(self, reason: str, numbers: Iterable[int]) -> list[Dropped]:
        return _all(reason, [self._forget(number) for number in numbers])

    def _forget(self, number: int) -> Parcel:
        self._taken.discard(number)
        parcel = self._parcels.pop(number)
        self._samples -= parcel.samples
        self._bytes -= len(parcel.body)
        if parcel.supersedes:
            states = self._states[parcel.supersedes]
            del states[number]
            if not states:
                del self._states[parcel.supersedes]
        return parcel


def _all_but_the_last(numbers: Collection[int]) -> Iterator[int]:
    return islice(numbers, len(numbers) - 1)


def _all(reason: str, parcels: Iterable[Parcel]) -> list[Dropped]:
    samples = sum(parcel.samples for parcel in parcels)
    return [Dropped(reason, samples)] if samples else []
