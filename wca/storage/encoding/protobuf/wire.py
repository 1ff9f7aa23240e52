"""Protocol buffers as they travel: just what the messages of this package need.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["block", "double", "fields", "fixed64", "key", "number", "text", "varint"]

_VARINT, _FIXED64, _BLOCK, _FIXED32 = 0, 1, 2, 5
_MASK = 2**64 - 1
_LONGEST_VARINT = 10
_SMALL = tuple(bytes([value]) for value in range(128))

_double: Callable[[float], bytes] = struct.Struct("<d").pack
_fixed64: Callable[[int], bytes] = struct.Struct("<Q").pack


def varint(value: int) -> bytes:
    """A whole number, seven bits to a byte; a negative one as two's complement in 64 bits."""
    if 0 <= value < len(_SMALL):
        return _SMALL[value]
    value &= _MASK
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def key(field: int, wire: int) -> bytes:
    """What stands before every value: the number of its field and how its end is found.

    Args:
        field: number in the schema.
        wire: 0 varint, 1 eight bytes, 2 a length and so many bytes.
    """
    return varint(field << 3 | wire)


def number(field: int, value: int) -> bytes:
    """A field of type int64, uint64, int32, uint32, bool or enum."""
    return key(field, _VARINT) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field of type double."""
    return key(field, _FIXED64) + _double(value)


def fixed64(field: int, value: int) -> bytes:
    """A field of type fixed64."""
    return key(field, _FIXED64) + _fixed64(value)


def block(field: int, data: bytes) -> bytes:
    """A field of type bytes, or a message within a message."""
    return key(field, _BLOCK) + varint(len(data)) + data


def text(field: int, value: str) -> bytes:
    """A field of type string; a lone surrogate, which UTF-8 cannot say, becomes ``?``."""
    return block(field, value.encode("utf-8", "replace"))


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message, in their order: whole numbers as int, all others as bytes.

    Raises:
        ValueError: this is not a message.
    """
    position = 0
    while position < len(data):
        head, position = _read_varint(data, position)
        field, wire = head >> 3, head & 7
        value: int | bytes
        if wire == _VARINT:
            value, position = _read_varint(data, position)
        else:
            start, position = _extent(data, position, wire)
            if position > len(data):
                raise ValueError("the message ends within a field")
            value = data[start:position]
        yield field, value


def _extent(data: bytes, position: int, wire: int) -> tuple[int, int]:
    """Where a value of more than a varint begins and ends."""
    if wire == _BLOCK:
        length, position = _read_varint(data, position)
        return position, position + length
    length = {_FIXED64: 8, _FIXED32: 4}.get(wire, 0)
    if not length:
        raise ValueError(f"{wire} is no wire type")
    return position, position + length


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A varint and the position after it."""
    value = 0
    for shift, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value & _MASK, position + shift + 1
    raise ValueError("the message ends within a number")
