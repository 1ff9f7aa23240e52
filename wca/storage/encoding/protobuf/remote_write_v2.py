"""Series as remote write 2.0 has them: ``io.prometheus.write.v2.Request``, release candidate 4.

Source: prompb/io/prometheus/write/v2/types.proto of Prometheus, and
https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/.
"""

from collections.abc import Iterable, Sequence

from wca.metrics import MetricType
from wca.storage.encoding.protobuf.requests import Chunk, prometheus_unit, sample_head
from wca.storage.encoding.protobuf.roster import Family, LabelSet, Row
from wca.storage.encoding.protobuf.wire import block, number, text, varint

__all__ = ["WriterV2"]

_TYPES: dict[str | None, int] = {MetricType.COUNTER: 1, MetricType.GAUGE: 2}


class WriterV2:
    """Writes what stands before the values: a table of all texts, then series that refer to it.

    Args:
        max_series: per request.
        max_bytes: of a request before compression; the series that reaches it is its last.
    """

    def __init__(self, max_series: int, max_bytes: int) -> None:
        self._max_series = max_series
        self._max_bytes = max_bytes

    def write(self, parts: Iterable[Sequence[Family]], rest: int) -> list[Chunk]:
        """Spread series over requests.

        Args:
            parts: the series; no request holds series of two parts.
            rest: bytes that follow each head: value and time.
        """
        return [chunk for part in parts for chunk in self._chunks(part, rest)]

    def _chunks(self, families: Sequence[Family], rest: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        request = _Request(rest)
        for family in families:
            for _, row in family.members:
                request.add(family, row)
                if len(request.heads) == self._max_series or request.size >= self._max_bytes:
                    chunks.append(request.chunk())
                    request = _Request(rest)
        return [*chunks, request.chunk()] if request.heads else chunks


class _Request:
    """One request that grows series by series.

    Args:
        rest: bytes that follow each head.
    """

    def __init__(self, rest: int) -> None:
        self.heads: list[bytes] = []
        #: Bytes, all in all.
        self.size = 0
        self._rest = rest
        self._table: list[bytes] = []
        self._refs: dict[str, bytes] = {}
        self._labels: dict[LabelSet, tuple[bytes, bytes]] = {}
        self._family: Family | None = None
        self._name = self._metadata = self._sample = b""
        self._ref("")

    def add(self, family: Family, row: Row) -> None:
        """Add a series."""
        if family is not self._family:
            self._begin(family)
        around = self._labels.get(row.labels)
        if around is None:
            around = self._labels[row.labels] = self._around_name(row.labels)
        sample = self._sample
        if row.start is not None and family.is_counter:
            sample = sample_head(2, self._rest, row.start)
        before, after = around
        refs = b"".join((before, self._name, after))
        content = b"".join((block(1, refs), self._metadata, sample))
        head = b"\x2a" + varint(len(content) + self._rest) + content
        self.heads.append(head)
        self.size += len(head) + self._rest

    def chunk(self) -> Chunk:
        """What was added."""
        return Chunk(self.heads, b"".join(self._table))

    def _begin(self, family: Family) -> None:
        """Write what the series of a metric have in common."""
        self._family = family
        self._name = self._ref("__name__") + self._ref(family.name)
        self._metadata = block(
            5,
            number(1, _TYPES.get(family.type, 0))
            + b"\x18"
            + self._ref(family.help)
            + b"\x20"
            + self._ref(prometheus_unit(family.unit)),
        )
        self._sample = sample_head(2, self._rest)

    def _around_name(self, labels: LabelSet) -> tuple[bytes, bytes]:
        """References to labels, to those that come before and after the metric's name."""
        sides: tuple[list[bytes], list[bytes]] = [], []
        for key, value in labels.pairs:
            sides[key > "__name__"].extend((self._ref(key), self._ref(value)))
        return b"".join(sides[0]), b"".join(sides[1])

    def _ref(self, symbol: str) -> bytes:
        """The place of a text in the table."""
        ref = self._refs.get(symbol)
        if ref is None:
            ref = self._refs[symbol] = varint(len(self._table))
            self._table.append(text(4, symbol))
            self.size += len(self._table[-1])
        return ref
