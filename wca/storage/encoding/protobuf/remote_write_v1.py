"""Series as remote write 1.0 has them: ``prometheus.WriteRequest``.

Source: prompb/types.proto and prompb/remote.proto of Prometheus, and
https://prometheus.io/docs/specs/prw/remote_write_spec/.
"""

from collections.abc import Iterable, Iterator, Sequence

from wca.metrics import MetricType
from wca.storage.encoding.protobuf.requests import Chunk, prometheus_unit, sample_head
from wca.storage.encoding.protobuf.roster import Family, LabelSet
from wca.storage.encoding.protobuf.wire import block, number, text, varint

__all__ = ["WriterV1", "metadata"]

_TYPES: dict[str | None, int] = {MetricType.COUNTER: 1, MetricType.GAUGE: 2}


class WriterV1:
    """Writes what stands before the values; labels are written once for all series that have them.

    Args:
        max_series: per request.
        max_bytes: of a request before compression; the series that reaches it is its last.
    """

    def __init__(self, max_series: int, max_bytes: int) -> None:
        self._max_series = max_series
        self._max_bytes = max_bytes
        self._labels: dict[LabelSet, tuple[bytes, bytes]] = {}

    def write(self, parts: Iterable[Sequence[Family]], rest: int) -> list[Chunk]:
        """Spread series over requests.

        Args:
            parts: the series; no request holds series of two parts.
            rest: bytes that follow each head: value and time.
        """
        known, self._labels = self._labels, {}
        return [chunk for part in parts for chunk in self._chunks(part, rest, known)]

    def _chunks(
        self, families: Sequence[Family], rest: int, known: dict[LabelSet, tuple[bytes, bytes]]
    ) -> list[Chunk]:
        sample = sample_head(2, rest)
        chunks: list[Chunk] = []
        heads: list[bytes] = []
        size = 0
        for family in families:
            name = _label("__name__", family.name)
            for _, row in family.members:
                before, after = self._written(row.labels, known)
                content = b"".join((before, name, after, sample))
                heads.append(b"\x0a" + varint(len(content) + rest) + content)
                size += len(heads[-1]) + rest
                if len(heads) == self._max_series or size >= self._max_bytes:
                    chunks.append(Chunk(heads))
                    heads, size = [], 0
        return [*chunks, Chunk(heads)] if heads else chunks

    def _written(
        self, labels: LabelSet, known: dict[LabelSet, tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes]:
        """Labels, those that come before and after the metric's name."""
        written = self._labels.get(labels)
        if written is None:
            written = self._labels[labels] = known.get(labels) or _around_name(labels)
        return written


def metadata(families: Iterable[Family], max_families: int) -> Iterator[bytes]:
    """Requests that tell type, help and unit of metrics, and hold no samples.

    Args:
        families: the metrics.
        max_families: per request.
    """
    entries = [block(3, _entry(family)) for family in families]
    for start in range(0, len(entries), max_families):
        yield b"".join(entries[start : start + max_families])


def _around_name(labels: LabelSet) -> tuple[bytes, bytes]:
    # Sorted, as the receiver wants them; "_" stands between upper and lower case.
    return (
        b"".join([_label(*pair) for pair in labels.pairs if pair[0] < "__name__"]),
        b"".join([_label(*pair) for pair in labels.pairs if pair[0] > "__name__"]),
    )


def _label(name: str, value: str) -> bytes:
    return block(1, text(1, name) + text(2, value))


def _entry(family: Family) -> bytes:
    unit = prometheus_unit(family.unit)
    return (
        number(1, _TYPES.get(family.type, 0))
        + text(2, family.name)
        + text(4, family.help)
        + text(5, unit)
    )
