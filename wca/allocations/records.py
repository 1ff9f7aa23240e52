"""The lines of a journal: JSON behind a checksum, each on its own."""

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["VERSION", "Lines", "decode_line", "encode_record"]

#: Of the format. A reader of a later version reads this one; an older agent refuses a later one.
VERSION = 1

Record = Mapping[str, Any]


def encode_record(record: Record) -> bytes:
    """One record as bytes.

    It begins with a line end, so that a record that was cut before it spoils itself only.
    """
    data = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return b"\n%08x %s\n" % (zlib.crc32(data), data)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line without its end; None: it is damaged, or was cut."""
    checksum, separator, data = line.partition(b" ")
    if not separator or checksum != b"%08x" % zlib.crc32(data):
        return None
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


class Lines:
    """Puts records together from pieces of a file as it grows."""

    def __init__(self) -> None:
        self._rest = b""
        #: Lines that were no record.
        self.damaged = 0

    @property
    def cut(self) -> bool:
        """Whether the file ends within a record."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The records that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in filter(None, lines):
            record = decode_line(line)
            if record is None:
                self.damaged += 1
            else:
                yield record
