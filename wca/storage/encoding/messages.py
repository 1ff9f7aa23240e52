"""Prometheus text in messages of bounded size, each one a valid text by itself.

Counters and other types travel in messages of their own: while counters only grow, a later message
of the same counters says all that an earlier one said, and may take its place; see ``States``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from wca.metrics import MetricType
from wca.storage.delivery import Parcel
from wca.storage.encoding.growth import Growth
from wca.storage.encoding.prometheus import Encoded
from wca.storage.encoding.states import Part, States

__all__ = ["Messages"]

#: What follows the head of a line, nearly always: the longest float, a time, two spaces, a newline.
_VALUE_SIZE = 24 + 14 + 2
#: Milliseconds for which a counter that is missing is remembered. Nobody is told of its end, so
#: that it goes on when it comes back, as it does where a storage gets batches of several kinds.
_MEMORY = 3_600_000


@dataclass(frozen=True, slots=True)
class _Range:
    """Series that stand one after the other in the text.

    Args:
        start: the first, as a position among the heads.
        stop: the first one after them.
        header: HELP and TYPE of the first one's family, where its head does not begin with them.
    """

    start: int
    stop: int
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one message holds.

    Args:
        ranges: the series.
    """

    ranges: tuple[_Range, ...]

    @property
    def samples(self) -> int:
        """How many series."""
        return sum(one.stop - one.start for one in self.ranges)


@dataclass(frozen=True, slots=True)
class _Cuts:
    """How texts of the same series are cut.

    Args:
        heads: of the text; the same object as long as the series are the same.
        plans: the messages, those of counters first.
        parts: names the messages of counters.
        spans: start and stop of each family of counters among the heads.
        counters: names and labels of the counters, in the order of the text.
    """

    heads: Sequence[str] | None
    plans: Sequence[_Plan]
    parts: Sequence[Part]
    spans: Sequence[tuple[int, int]]
    counters: Sequence[str]

    @staticmethod
    def none() -> "_Cuts":
        """Cuts that no text has."""
        return _Cuts(None, (), (), (), ())

    @staticmethod
    def of(encoded: Encoded, max_size: int) -> "_Cuts":
        """Cut a text."""
        spans: list[tuple[int, int]] = []
        others: list[tuple[int, int]] = []
        for start, stop, type_ in _families(encoded):
            (spans if type_ == MetricType.COUNTER else others).append((start, stop))
        plans = _pack(encoded, spans, max_size)
        parts = [_part(encoded, plan) for plan in plans]
        # Without HELP and TYPE, which stand before another series when the first one has ended.
        heads = (head for start, stop in spans for head in encoded.heads[start:stop])
        counters = [head.rpartition("\n")[2] for head in heads]
        plans += _pack(encoded, others, max_size)
        return _Cuts(encoded.heads, plans, parts, spans, counters)


class Messages:
    """Cuts text after text into messages and keeps the cuts as long as the series are the same.

    It cuts between families. A family that is too large for one message is cut between its
    series, and HELP and TYPE are repeated. A single line that is too long makes a message of its
    own, which is too long as well: whether it can be sent is the target's to say.

    Args:
        max_size: the greatest length of a message in bytes.
    """

    def __init__(self, max_size: int = 900_000) -> None:
        self._max_size = max_size
        self._cuts = _Cuts.none()
        self._growth = Growth(_MEMORY)
        self._states = States()
        self._moment = 0

    @property
    def max_size(self) -> int:
        """The greatest length of a message in bytes; may be changed between two batches."""
        return self._max_size

    @max_size.setter
    def max_size(self, size: int) -> None:
        if size != self._max_size:
            self._max_size = size
            self._cuts = _Cuts.none()

    def split(self, encoded: Encoded, created: float) -> list[Parcel]:
        """Make the messages of a batch.

        Args:
            encoded: the batch as text.
            created: Unix time of the batch in seconds.

        Returns:
            Messages that hold every series of the batch once; none for an empty batch.
        """
        if encoded.heads is not self._cuts.heads:
            self._cuts = _Cuts.of(encoded, self._max_size)
        cuts = self._cuts
        # A name for the moment: never that of another batch, even where the clock is set back.
        self._moment = max(round(created * 1000), self._moment + 1)
        self._growth.follow(cuts.counters, _values(encoded, cuts.spans), self._moment)
        names = chain(self._states.names(cuts.parts, self._growth), repeat(""))
        return [
            parcel
            for plan, name in zip(cuts.plans, names, strict=False)
            for parcel in self._parcels(encoded, plan, created, name)
        ]

    def _parcels(
        self, encoded: Encoded, plan: _Plan, created: float, name: str
    ) -> Iterator[Parcel]:
        body = _body(encoded, plan)
        if len(body) <= self._max_size or plan.samples == 1:
            yield Parcel(body, plan.samples, created, name)
            return
        # Values longer than a float, such as whole numbers of a hundred digits: no cut to be kept,
        # and nothing to be superseded.
        for half in _halves(plan, encoded):
            yield from self._parcels(encoded, half, created, "")


def _body(encoded: Encoded, plan: _Plan) -> bytes:
    pieces: list[bytes] = []
    for one in plan.ranges:
        pieces.append(one.header)
        pieces += encoded.chunks(one.start, one.stop)
    # The empty line that parts a family from the one before it.
    first = 0 if pieces[0] else 1
    pieces[first] = pieces[first].removeprefix(b"\n")
    return b"".join(pieces)


def _pack(encoded: Encoded, spans: Sequence[tuple[int, int]], max_size: int) -> list[_Plan]:
    packer = _Packer(encoded, max_size)
    for start, stop in spans:
        packer.add(start, stop)
    return [_Plan(ranges) for ranges in packer.finish()]


def _values(encoded: Encoded, spans: Sequence[tuple[int, int]]) -> Sequence[float]:
    """The values of the counters; some batches have them as text."""
    values: list[Any] = []
    for start, stop in spans:
        values += encoded.values[start:stop]
    return values if encoded.write is repr else list(map(float, values))


def _families(encoded: Encoded) -> list[tuple[int, int, str | None]]:
    """Start, stop and type of each family."""
    spans = encoded.families
    stops = [*(span.start for span in spans[1:]), len(encoded.heads)]
    return [
        (span.start, stop, span.type) for span, stop in zip(spans, stops, strict=False)
    ]  # an empty batch has a stop and no family


class _Packer:
    """Fills messages with families, one after the other."""

    def __init__(self, encoded: Encoded, max_size: int) -> None:
        self._heads = encoded.heads
        self._max_size = max_size
        self._full: list[tuple[_Range, ...]] = []
        self._ranges: list[_Range] = []
        self._size = 0

    def add(self, start: int, stop: int) -> None:
        """Add a whole family to the message, or to the next one."""
        sizes = [_line_size(head) for head in self._heads[start:stop]]
        whole = sum(sizes)
        if self._size + whole > self._max_size:
            self._begin()
        if whole <= self._max_size:
            self._append(_Range(start, stop), whole)
        else:
            self._cut(start, sizes)

    def finish(self) -> list[tuple[_Range, ...]]:
        """What each message holds."""
        self._begin()
        return self._full

    def _begin(self) -> None:
        if self._ranges:
            self._full.append(tuple(self._ranges))
        self._ranges, self._size = [], 0

    def _append(self, added: _Range, size: int) -> None:
        if self._ranges and self._ranges[-1].stop == added.start:
            last = self._ranges.pop()
            added = _Range(last.start, added.stop, last.header)
        self._ranges.append(added)
        self._size += size

    def _cut(self, start: int, sizes: Sequence[int]) -> None:
        """Spread a family over messages; the last of them takes further families."""
        header = _header(self._heads[start])
        begin, size = start, 0
        for position, line in enumerate(sizes, start):
            if position > begin and size + line > self._max_size:
                self._append(_Range(begin, position, b"" if begin == start else header), size)
                self._begin()
                begin, size = position, len(header)
            size += line
        self._append(_Range(begin, start + len(sizes), b"" if begin == start else header), size)


def _halves(plan: _Plan, encoded: Encoded) -> Iterator[_Plan]:
    """The two halves of what does not fit."""
    if len(plan.ranges) > 1:
        middle = len(plan.ranges) // 2
        yield _Plan(plan.ranges[:middle])
        yield _Plan(plan.ranges[middle:])
        return
    (one,) = plan.ranges
    middle = (one.start + one.stop) // 2
    starts = [span.start for span in encoded.families if span.start <= middle]
    header = b"" if starts[-1] == middle else _header(encoded.heads[starts[-1]])
    yield _Plan((_Range(one.start, middle, one.header),))
    yield _Plan((_Range(middle, one.stop, header),))


def _line_size(head: str) -> int:
    return len(head if head.isascii() else head.encode()) + _VALUE_SIZE


def _header(head: str) -> bytes:
    """HELP and TYPE, out of the head of a family's first series."""
    # Every newline within labels is escaped, so the last one ends the lines before the series.
    return head[: head.rfind("\n") + 1].removeprefix("\n").encode()


def _part(encoded: Encoded, plan: _Plan) -> Part:
    texts: list[bytes] = []
    for one in plan.ranges:
        texts += [one.header, "".join(encoded.heads[one.start : one.stop]).encode()]
    return Part(texts, plan.samples)
