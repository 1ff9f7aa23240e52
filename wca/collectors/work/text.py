"""A few series out of a page of Prometheus' text format or of OpenMetrics, read with tolerance.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/. Timestamps and exemplars are passed over.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wca.linux.parse import Malformed

__all__ = ["Series", "find_series", "is_text", "parse_sample"]

_NAME = rb"[A-Za-z_:][\w:.]*"
_TEXT = rb'"(?:[^"\\]|\\.)*"'
_BEGIN = re.compile(rb"\s*(" + _NAME + rb")?[ \t]*(\{)?")
_LABEL = re.compile(
    rb"[ \t]*(" + _TEXT + rb"|" + _NAME + rb")[ \t]*(?:=[ \t]*(" + _TEXT + rb"))?[ \t]*,?"
)
_END = re.compile(rb"[ \t]*\}")
_VALUE = re.compile(
    rb"[ \t]*([+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|nan))(?![^ \t\r])",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Series:
    """One sample.

    Args:
        name: of the metric, with ``_total``, ``_count`` and the like.
        labels: without the name.
        value: as it stands there; it may be NaN.
    """

    name: str
    labels: Mapping[str, str]
    value: float

    @property
    def key(self) -> str:
        """Tells it from others of the page."""
        return f"{self.name}{sorted(self.labels.items())}"


def find_series(page: bytes, names: Collection[str]) -> list[Series]:
    """The samples of some metrics, in their order.

    Args:
        page: the whole text.
        names: of the metrics, as they begin the line of a sample.

    Raises:
        Malformed: the page is no such text, or has one of these metrics in a line that is none.
    """
    wanted = {name.encode() for name in names}
    begins = (*wanted, b"{", b" ", b"\t")
    found: list[Series] = []
    for line in page.split(b"\n"):
        if line.startswith(begins):
            series = _series(line, wanted)
            if series is not None:
                found.append(series)
    if not found and not is_text(page):
        raise Malformed("it is no text of Prometheus")
    return found


def is_text(page: bytes) -> bool:
    """Whether it is such a text: its first line that is not blank is a comment or a sample."""
    first = next((line for line in page.split(b"\n") if line.strip()), None)
    return first is None or first.lstrip().startswith(b"#") or parse_sample(first) is not None


def _series(line: bytes, wanted: Collection[bytes]) -> Series | None:
    parsed = parse_sample(line)
    if parsed is not None:
        return parsed if parsed.name.encode() in wanted else None
    begin = _BEGIN.match(line)
    if begin is not None and begin[1] in wanted:
        # Nobody knows whose it is, and a sum without it would be a wrong one.
        raise Malformed(f"a line of {begin[1].decode()} is broken")
    return None


def parse_sample(line: bytes) -> Series | None:
    """A line as a sample; None: it is none."""
    begin = _BEGIN.match(line)
    if begin is None:
        return None
    name, place = (begin[1] or b"").decode(), begin.end()
    labels: dict[str, str] = {}
    if begin[2]:
        while found := _LABEL.match(line, place):
            place = found.end()
            label = _unquoted(found[1])
            if found[2] is None:  # a name that only fits between quotation marks: {"a.b",...}
                name = label
            else:
                labels[label] = _unquoted(found[2])
        end = _END.match(line, place)
        if end is None:
            return None
        place = end.end()
    value = _VALUE.match(line, place)
    if value is None or not name:
        return None
    return Series(name, labels, float(value[1]))


def _unquoted(text: bytes) -> str:
    if not text.startswith(b'"'):
        return text.decode()
    plain = text[1:-1].decode("utf-8", "replace")
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], plain)
