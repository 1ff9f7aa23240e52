"""How messages to a web service are compressed."""

import enum
import zlib

__all__ = ["Compression", "gzip_quickly"]

#: A fifth of the time of zlib's default, for a tenth more bytes.
_LEVEL = 1
_GZIP_WINDOW = 31


class Compression(enum.StrEnum):
    """How messages are compressed."""

    NONE = "none"
    GZIP = "gzip"


def gzip_quickly(body: bytes) -> bytes:
    """The body as gzip, of zlib's first level."""
    return zlib.compress(body, _LEVEL, _GZIP_WINDOW)
