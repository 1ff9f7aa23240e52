"""Snappy's block format: with the library cramjam where it is installed, else uncompressed.

The format has pieces that stand for themselves, so that valid Snappy can be written without
searching for repetitions. The package is then as large as the message, which on loopback and in a
data centre is seldom a concern; ``pip install wca[snappy]`` makes it about ten times smaller.

Source: https://github.com/google/snappy/blob/main/format_description.txt.
"""

import functools
from collections.abc import Callable

from wca.storage.encoding.protobuf.wire import varint

__all__ = ["compress", "compresses", "literal"]

#: Length of a piece that stands for itself, which two bytes after its tag can say.
_LITERAL = 2**16
#: Tag of such a piece: literal (bits 0 and 1 are 0), length minus one in the next two bytes (61).
_TAG = bytes([61 << 2])
#: Length up to which the tag itself says it; some readers take the longer form for longer only.
_SHORT = 60


def compress(data: bytes) -> bytes:
    """The data in Snappy's block format."""
    return _compressor()(data)


def compresses() -> bool:
    """Whether ``compress`` makes data smaller, which takes the library."""
    return _compressor() is not literal


def literal(data: bytes) -> bytes:
    """The data in Snappy's block format, every byte standing for itself."""
    pieces = [varint(len(data))]
    for start in range(0, len(data), _LITERAL):
        piece = data[start : start + _LITERAL]
        pieces += (_tag(len(piece)), piece)
    return b"".join(pieces)


def _tag(length: int) -> bytes:
    """What stands before a piece."""
    if length <= _SHORT:
        return bytes([length - 1 << 2])
    return _TAG + (length - 1).to_bytes(2, "little")


@functools.cache
def _compressor() -> Callable[[bytes], bytes]:
    try:
        from cramjam import snappy
    except ImportError:
        return literal

    def with_library(data: bytes) -> bytes:
        return bytes(snappy.compress_raw(data))

    return with_library
