"""Series as OTLP has them: ``ExportMetricsServiceRequest``, all but values and times.

Source: opentelemetry/proto/metrics/v1/metrics.proto and
https://opentelemetry.io/docs/specs/otel/metrics/data-model/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wca.metrics import MetricUnit
from wca.storage.encoding.protobuf.requests import Chunk
from wca.storage.encoding.protobuf.roster import Family, LabelSet
from wca.storage.encoding.protobuf.wire import block, key, number, text, varint
from wca.version import __version__

__all__ = ["START_LENGTH", "Writer", "attributes"]

#: Bytes of the field with a start time.
START_LENGTH = 9
_CUMULATIVE = number(2, 2) + number(3, 1)
_SCOPE = block(1, text(1, "wca") + text(2, __version__))

#: UCUM; what it has no name for is an annotation, in braces. What is merely counted has no unit:
#: Prometheus would take "1" for a ratio.
_UNITS = {
    MetricUnit.BYTES.value: "By",
    MetricUnit.BYTES_PER_SECOND.value: "By/s",
    MetricUnit.SECONDS.value: "s",
    MetricUnit.TIMESTAMP.value: "s",
    MetricUnit.WATTS.value: "W",
    MetricUnit.NUMERIC.value: "",
    "": "",
}


def attributes(field: int, pairs: Mapping[str, str] | Sequence[tuple[str, str]]) -> bytes:
    """Names and texts as a repeated field of type KeyValue."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return b"".join(
        [block(field, text(1, name) + block(2, text(1, value))) for name, value in items]
    )


class Writer:
    """Writes what stands before the values; labels are written once for all series that have them.

    Args:
        max_points: series per request.
        max_bytes: of a request before compression; the series that reaches it is its last.
    """

    def __init__(self, max_points: int, max_bytes: int) -> None:
        self._max_points = max_points
        self._max_bytes = max_bytes
        self._attributes: dict[LabelSet, bytes] = {}

    def write(
        self, parts: Iterable[Sequence[Family]], resource: bytes, rest: Callable[[Family], int]
    ) -> list[Chunk]:
        """Spread series over requests.

        Args:
            parts: the series; no request holds series of two parts.
            resource: attributes of the resource, written as its field.
            rest: bytes that follow each head of a family.
        """
        known, self._attributes = self._attributes, {}
        return [
            _chunk(pages, resource) for part in parts for pages in self._spread(part, rest, known)
        ]

    def _spread(
        self,
        families: Sequence[Family],
        rest: Callable[[Family], int],
        known: dict[LabelSet, bytes],
    ) -> Iterator[list["_Page"]]:
        """What each request holds."""
        pages: list[_Page] = []
        points = size = 0
        for family in families:
            following = rest(family)
            pages.append(_Page(family, following))
            for _, row in family.members:
                content = self._written(row.labels, known)
                head = b"\x0a" + varint(len(content) + following) + content
                pages[-1].points.append(head)
                points += 1
                size += len(head) + following
                if points == self._max_points or size >= self._max_bytes:
                    yield pages
                    pages, points, size = [_Page(family, following)], 0, 0
        if points:
            yield pages

    def _written(self, labels: LabelSet, known: dict[LabelSet, bytes]) -> bytes:
        """Labels as attributes of a point."""
        written = self._attributes.get(labels)
        if written is None:
            written = known.get(labels)
            if written is None:
                written = attributes(7, labels.pairs)
            self._attributes[labels] = written
        return written


class _Page:
    """The points of one metric in one request.

    Args:
        family: the metric.
        following: bytes that follow the head of each point.
    """

    def __init__(self, family: Family, following: int) -> None:
        self.family = family
        self.following = following
        self.points: list[bytes] = []

    def heads(self) -> tuple[list[bytes], int]:
        """Heads, the metric's own before the first of them, and the bytes of all with values."""
        size = sum(map(len, self.points)) + self.following * len(self.points)
        start = _metric_start(self.family, size)
        return [start + self.points[0], *self.points[1:]], len(start) + size


def _chunk(pages: Sequence[_Page], resource: bytes) -> Chunk:
    heads: list[bytes] = []
    length = 0
    for page in pages:
        if page.points:  # none: the request before ended with the last series of a metric
            more, size = page.heads()
            heads += more
            length += size
    scope = key(2, 2) + varint(len(_SCOPE) + length) + _SCOPE
    about = block(1, resource)
    start = key(1, 2) + varint(len(about) + len(scope) + length) + about + scope
    return Chunk(heads, start)


def _metric_start(family: Family, size: int) -> bytes:
    """What stands before the points of a metric.

    Args:
        family: the metric.
        size: bytes of its points.
    """
    unit = _UNITS.get(family.unit, f"{{{family.unit}}}")
    about = text(1, family.name) + text(2, family.help) + text(3, unit)
    kind = _CUMULATIVE if family.is_counter else b""
    data = key(7 if family.is_counter else 5, 2) + varint(len(kind) + size) + kind
    return key(2, 2) + varint(len(about) + len(data) + size) + about + data
