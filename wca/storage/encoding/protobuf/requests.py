"""Requests that are ready but for values and times."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from wca.metrics import MetricUnit
from wca.storage.encoding.protobuf.wire import key, varint
from wca.storage.encoding.states import Part

__all__ = [
    "STALE",
    "Chunk",
    "bodies",
    "counter_parts",
    "pack_double",
    "prometheus_unit",
    "sample_head",
    "time_pieces",
]

#: Packs a value as a double, eight bytes.
pack_double: Callable[[float], bytes] = struct.Struct("<d").pack
#: The value that says that a series has ended: a NaN of its own, which no computation gives.
STALE = struct.pack("<Q", 0x7FF0_0000_0000_0002)

_UNITS = {MetricUnit.NUMERIC.value: "", MetricUnit.TIMESTAMP.value: "seconds"}


@dataclass(frozen=True, slots=True)
class Chunk:
    """The series of one request.

    Args:
        heads: what stands before the value of each; length fields count what follows as well.
        start: what stands before the first.
    """

    heads: list[bytes]
    start: bytes = b""


def counter_parts(chunks: Iterable[Chunk], counters: int) -> list[Part]:
    """What the names of the requests of counters are made from, see ``States``.

    Args:
        chunks: requests; those of counters come first and hold nothing else.
        counters: how many there are.
    """
    parts: list[Part] = []
    for chunk in chunks:
        if counters == 0:
            break
        parts.append(Part([chunk.start, *chunk.heads], len(chunk.heads)))
        counters -= len(chunk.heads)
    return parts


def bodies(
    chunks: Sequence[Chunk], values: Sequence[bytes], endings: bytes | Sequence[bytes]
) -> Iterator[tuple[bytes, int]]:
    """The requests, and how many samples each has.

    Args:
        chunks: the series.
        values: one for each of them.
        endings: what follows each value, or one that follows all of them.
    """
    first = 0
    for chunk in chunks:
        part = slice(first, first + len(chunk.heads))
        common = endings if isinstance(endings, bytes) else b""
        pieces = [common] * (3 * len(chunk.heads))
        pieces[::3] = chunk.heads
        pieces[1::3] = values[part]
        if not isinstance(endings, bytes):
            pieces[2::3] = endings[part]
        pieces.insert(0, chunk.start)
        yield b"".join(pieces), len(chunk.heads)
        first = part.stop


def sample_head(field: int, rest: int, start: int | None = None) -> bytes:
    """What stands before the value of a sample, the message of both versions.

    Args:
        field: of the sample within its series.
        rest: bytes that follow: value and time.
        start: Unix time in milliseconds at which a counter began; None: not known.
    """
    begin = b"" if start is None else b"\x18" + varint(start)
    return key(field, 2) + varint(len(begin) + 1 + rest) + begin + b"\x09"


def time_pieces(times: int | Sequence[int]) -> tuple[bytes | list[bytes], int]:
    """Times as the field that ends a sample, all of one length, and that length.

    Args:
        times: Unix time in milliseconds of all samples, or of each.
    """
    if isinstance(times, int):
        written = b"\x10" + varint(times)
        return written, len(written)
    plain = [varint(time) for time in times]
    longest = max(map(len, plain), default=1)
    return [b"\x10" + _padded(one, longest) for one in plain], 1 + longest


def prometheus_unit(unit: str) -> str:
    """The unit as Prometheus knows it; nothing for a mere number."""
    return _UNITS.get(unit, unit)


def _padded(varint_: bytes, length: int) -> bytes:
    """The same number in so many bytes: what follows its last digit is zeros."""
    missing = length - len(varint_)
    if not missing:
        return varint_
    return varint_[:-1] + bytes([varint_[-1] | 0x80]) + b"\x80" * (missing - 1) + b"\x00"
