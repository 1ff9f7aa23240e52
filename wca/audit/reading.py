"""Reading what the option ``records`` of a runner has written."""

import json
import math
import os
from collections.abc import Iterator
from typing import Any

from wca.errors import WcaError

__all__ = ["RecordsError", "RecordsFile"]

Record = dict[str, Any]

#: Of the records; a later version is refused.
_VERSION = 1


class RecordsError(WcaError):
    """The file of records cannot be used."""


class RecordsFile:
    """The records of a file and of the one before it, ``NAME.1``, the oldest first.

    Args:
        path: of the file.

    Attributes:
        damaged: lines that were no record, so far.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.damaged = 0

    def __iter__(self) -> Iterator[Record]:
        """The records that can be read.

        Raises:
            RecordsError: there are none, they cannot be read, or a later version has written them.
        """
        self.damaged = 0
        present = [path for path in (f"{self.path}.1", self.path) if os.path.exists(path)]
        if not present:
            raise RecordsError(
                f"{self.path}: there is no such file, name the one of the option records"
            )
        for path in present:
            try:
                with open(path, "rb") as file:
                    for line in file:
                        record = self._record(line, path)
                        if record is not None:
                            yield record
            except OSError as error:
                raise RecordsError(f"{path}: cannot be read: {error.strerror}") from None

    def _record(self, line: bytes, path: str) -> Record | None:
        record = _object(line)
        if record is None:
            self.damaged += bool(line.strip())
            return None
        version = record.get("version")
        if isinstance(version, int) and version > _VERSION:
            raise RecordsError(
                f"{path}: a later version of wca has written it (format {version}, this one knows "
                f"{_VERSION}): use that version"
            )
        if version != _VERSION or not _is_time(record.get("time")):
            self.damaged += 1
            return None
        return record


def _object(line: bytes) -> Record | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_time(value: object) -> bool:
    """Whether it is a Unix time that a calendar has."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value < 1 << 37  # type: ignore[arg-type,operator]
