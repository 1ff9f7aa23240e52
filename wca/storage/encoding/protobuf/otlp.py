"""Batches as OTLP requests: data points, and the points that end a series.

Counters are sums that are cumulative and monotonic, everything else is a gauge. Labels are the
attributes of a point. What is about the agent and its machine stands in the resource. Sums and
gauges travel in requests of their own: see ``States``.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from weakref import WeakKeyDictionary

from wca.metrics import Metric
from wca.storage.delivery import Parcel
from wca.storage.encoding.growth import Growth
from wca.storage.encoding.prometheus import Rejected
from wca.storage.encoding.protobuf.otlp_requests import START_LENGTH, Writer, attributes
from wca.storage.encoding.protobuf.points import PointReader
from wca.storage.encoding.protobuf.requests import Chunk, bodies, counter_parts
from wca.storage.encoding.protobuf.roster import Family, Roster, Row, enrol
from wca.storage.encoding.protobuf.start_times import StartTimes
from wca.storage.encoding.protobuf.streams import Stream, Streams
from wca.storage.encoding.protobuf.wire import fixed64, number
from wca.storage.encoding.states import Part, States

__all__ = ["OTLPEncoder"]

_TIME_FIELD = 3
#: Flag of a point that has no value: its series has ended.
_NO_RECORDED_VALUE = number(8, 1)
_TIME_LENGTH = _VALUE_LENGTH = 9
_NANOSECONDS = 1_000_000
_INT64 = 2**63

_pack_double: Callable[[bytes, float], bytes] = struct.Struct("<cd").pack
_pack_int: Callable[[bytes, int], bytes] = struct.Struct("<cq").pack
_DOUBLE, _INT = b"\x21", b"\x31"  # fields 4 and 6

_INFORMATION = "wca_information"
#: Facts with a name in OpenTelemetry's semantic conventions; the others get one of ours.
_CONVENTIONS = {
    "host": "host.name",
    "wca_version": "service.version",
    "cpu_model": "host.cpu.model.name",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """The requests of a roster, and what they were made for."""

    roster: Roster
    resource: bytes
    chunks: list[Chunk]
    counters: list[Part]


class _Counters:
    """What is known of the counters of a stream."""

    def __init__(self) -> None:
        self.growth = Growth()
        self.starts = StartTimes()
        self.states = States()


class OTLPEncoder:
    """Encodes batch after batch and keeps what they have in common. Used by one thread.

    Args:
        identity: attributes that tell who and where the agent is; facts of the batches replace
            those of the same name.
        own: attributes of the user; they win over both.
        max_points: data points per request.
        max_bytes: of a request before compression; the series that reaches it is its last.
        compress: applied to each request.
    """

    def __init__(
        self,
        identity: Mapping[str, str],
        own: Mapping[str, str],
        max_points: int = 5000,
        max_bytes: int = 4 * 2**20,
        compress: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._identity = identity
        self._own = own
        self._resource = attributes(1, {**identity, **own})
        self._writer = Writer(max_points, max_bytes)
        self._end_writer = Writer(max_points, max_bytes)
        self._compress = compress
        self._points = PointReader()
        self._streams = Streams()
        self._plans: WeakKeyDictionary[Stream, _Plan] = WeakKeyDictionary()
        self._counters: WeakKeyDictionary[Stream, _Counters] = WeakKeyDictionary()

    def encode(self, metrics: Sequence[Metric], now: float) -> tuple[list[Parcel], list[Rejected]]:
        """Encode a batch.

        Args:
            metrics: the batch.
            now: Unix time in seconds of metrics that have none of their own.

        Returns:
            The requests, and the samples that are in none of them. Points that end a series count
            as no samples.
        """
        points = self._points.read(metrics, now)
        roster, latest = points.roster, points.latest
        if not roster.rows:
            return [], points.rejected
        stream, ended = self._streams.follow(roster, latest)
        plan = self._plan(stream, roster)
        counters = self._counters.setdefault(stream, _Counters())
        counters.growth.follow(roster.counters, points.values, points.times)
        heads = counters.starts.pieces(roster, counters.growth)
        values = list(map(bytes.__add__, heads, map(_value_piece, points.values)))
        requests = bodies(plan.chunks, values, _time_pieces(points.times))
        names = counters.states.names(plan.counters, counters.growth)
        parcels = [
            Parcel(self._compress(body), samples, latest / 1000, name)
            for (body, samples), name in zip(requests, chain(names, repeat("")), strict=False)
        ]
        return [*parcels, *self._ends(ended, latest)], points.rejected

    def farewell(self, now: float) -> list[Parcel]:
        """Points that end all series which have not ended yet; afterwards everything is new.

        Args:
            now: Unix time in seconds.
        """
        rows, latest = self._streams.end()
        return list(self._ends(rows, max(round(now * 1000), latest + 1)))

    def _plan(self, stream: Stream, roster: Roster) -> _Plan:
        plan = self._plans.get(stream)
        if plan is None or plan.roster is not roster:
            self._learn(roster)
        if plan is None or plan.roster is not roster or plan.resource != self._resource:
            chunks = self._writer.write(roster.parts, self._resource, _length_of_rest)
            counters = counter_parts(chunks, len(roster.counters))
            plan = self._plans[stream] = _Plan(roster, self._resource, chunks, counters)
        return plan

    def _learn(self, roster: Roster) -> None:
        """Take the facts about the machine from the metric that carries them."""
        for family in roster.families:
            if family.name == _INFORMATION:
                facts = _named(family.members[0][1].labels.pairs)
                self._resource = attributes(1, {**self._identity, **facts, **self._own})

    def _ends(self, rows: Sequence[Row], time: int) -> Iterator[Parcel]:
        if not rows:
            return
        ending = _time_piece(time) + _NO_RECORDED_VALUE
        families = enrol(rows).families
        chunks = self._end_writer.write([families], self._resource, lambda _family: len(ending))
        for body, _ in bodies(chunks, [b""] * len(rows), ending):
            yield Parcel(self._compress(body), 0, time / 1000)


def _named(labels: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Labels of ``wca_information`` as attributes of the resource."""
    return {_CONVENTIONS.get(key, f"wca.{key}"): value for key, value in labels}


def _length_of_rest(family: Family) -> int:
    start = START_LENGTH if family.is_counter else 0
    return start + _VALUE_LENGTH + _TIME_LENGTH


def _value_piece(value: float) -> bytes:
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return _pack_int(_INT, value)
    return _pack_double(_DOUBLE, value)


def _time_piece(time: int) -> bytes:
    return fixed64(_TIME_FIELD, time * _NANOSECONDS)


def _time_pieces(times: int | Sequence[int]) -> bytes | list[bytes]:
    return _time_piece(times) if isinstance(times, int) else [_time_piece(one) for one in times]
