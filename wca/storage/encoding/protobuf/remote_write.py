"""Batches as requests of Prometheus' remote write: samples, series that have ended, metadata.

Three kinds of requests, so that a receiver which does not take one of them has the others:

* samples, one of each series; counters and others in requests of their own, see ``States``;
* markers of the series that were in the batch before and are not in this one, which end them in
  the eyes of Prometheus at once, instead of five minutes later;
* with version 1.0 type, help and unit of the metrics, when they are new and every minute. Version
  2.0 has them in each series.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Protocol
from weakref import WeakKeyDictionary

from wca.metrics import Metric
from wca.storage.delivery import Parcel
from wca.storage.encoding.growth import Growth
from wca.storage.encoding.prometheus import Rejected
from wca.storage.encoding.protobuf import snappy
from wca.storage.encoding.protobuf.points import PointReader
from wca.storage.encoding.protobuf.remote_write_v1 import WriterV1, metadata
from wca.storage.encoding.protobuf.remote_write_v2 import WriterV2
from wca.storage.encoding.protobuf.requests import (
    STALE,
    Chunk,
    bodies,
    counter_parts,
    pack_double,
    time_pieces,
)
from wca.storage.encoding.protobuf.roster import Family, Roster, Row, enrol
from wca.storage.encoding.protobuf.streams import Stream, Streams
from wca.storage.encoding.states import Part, States

__all__ = ["RemoteWriteEncoder"]

#: Milliseconds after which type, help and unit of a metric are sent again.
_METADATA_INTERVAL = 60_000
_VALUE_LENGTH = 8


class _Writer(Protocol):
    """Writes series in one of the versions."""

    def write(self, parts: Iterable[Sequence[Family]], rest: int) -> list[Chunk]:
        """Spread series over requests, none of two parts; ``rest`` bytes follow each head."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The requests of a roster, and what they were made for."""

    roster: Roster
    rest: int
    chunks: list[Chunk]
    counters: list[Part]


class _Counters:
    """What is known of the counters of a stream."""

    def __init__(self) -> None:
        self.growth = Growth()
        self.states = States()


class RemoteWriteEncoder:
    """Encodes batch after batch and keeps what they have in common. Used by one thread.

    Args:
        version: 1 or 2, of the protocol.
        max_series: per request.
        max_bytes: of a request before compression; the series that reaches it is its last.
    """

    def __init__(self, version: int, max_series: int = 2000, max_bytes: int = 2**20) -> None:
        self._max_series = max_series
        writer = WriterV1 if version == 1 else WriterV2
        self._writer: _Writer = writer(max_series, max_bytes)
        self._marker_writer: _Writer = writer(max_series, max_bytes)
        self._sends_metadata = version == 1
        self._told: dict[str, int] = {}
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
            The requests, and the samples that are in none of them. Markers and metadata count as
            no samples.
        """
        points = self._points.read(metrics, now)
        roster, latest = points.roster, points.latest
        if not roster.rows:
            return [], points.rejected
        stream, ended = self._streams.follow(roster, latest)
        endings, length = time_pieces(points.times)
        plan = self._plan(stream, roster, _VALUE_LENGTH + length)
        counters = self._counters.setdefault(stream, _Counters())
        counters.growth.follow(roster.counters, points.values, points.times)
        requests = bodies(plan.chunks, list(map(pack_double, points.values)), endings)
        names = counters.states.names(plan.counters, counters.growth)
        parcels = [
            Parcel(snappy.compress(body), samples, latest / 1000, name)
            for (body, samples), name in zip(requests, chain(names, repeat("")), strict=False)
        ]
        parcels += self._markers(ended, latest)
        if self._sends_metadata:
            parcels += self._metadata(roster.families, latest)
        return parcels, points.rejected

    def farewell(self, now: float) -> list[Parcel]:
        """Markers for all series that have not ended yet; afterwards everything is new.

        Args:
            now: Unix time in seconds.
        """
        rows, latest = self._streams.end()
        return list(self._markers(rows, max(round(now * 1000), latest + 1)))

    def _plan(self, stream: Stream, roster: Roster, rest: int) -> _Plan:
        plan = self._plans.get(stream)
        if plan is None or plan.roster is not roster or plan.rest != rest:
            chunks = self._writer.write(roster.parts, rest)
            counters = counter_parts(chunks, len(roster.counters))
            plan = self._plans[stream] = _Plan(roster, rest, chunks, counters)
        return plan

    def _markers(self, rows: Sequence[Row], time: int) -> Iterator[Parcel]:
        endings, length = time_pieces(time)
        families = enrol(rows).families
        chunks = self._marker_writer.write([families], _VALUE_LENGTH + length)
        for body, _ in bodies(chunks, [STALE] * len(rows), endings):
            yield Parcel(snappy.compress(body), 0, time / 1000)

    def _metadata(self, families: Iterable[Family], time: int) -> Iterator[Parcel]:
        told = self._told
        due = [
            family
            for family in families
            if abs(time - told.get(family.name, -_METADATA_INTERVAL)) >= _METADATA_INTERVAL
        ]
        if not due:
            return
        self._told = {
            name: at for name, at in told.items() if abs(time - at) < 10 * _METADATA_INTERVAL
        } | dict.fromkeys([family.name for family in due], time)
        for body in metadata(due, self._max_series):
            yield Parcel(snappy.compress(body), 0, time / 1000)
