"""The records of anomalies: lines of JSON at the end of a file that does not grow for ever."""

import logging
import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from wca.detectors.encoding import record_line
from wca.errors import StartError
from wca.storage.outputs import AppendedFile
from wca.telemetry import Telemetry

__all__ = ["Records"]

log = logging.getLogger(__name__)

#: Records that may wait for a disk; beyond that the oldest makes room.
_MOST_WAITING = 1000
#: Share of the time to close that the writer has.
_OF_THE_TIME = 0.8


class Records:
    """Appends records on a thread of its own: a disk may take its time.

    A file that has become too large is renamed to ``NAME.1``, in place of the one before, so that
    both together never hold more than twice the size. A program that rotates it is welcome, too.

    Args:
        path: of the file.
        max_size: bytes from which on it is too large.
        telemetry: where a file that does not take them is reported, as ``records``.
    """

    def __init__(self, path: str, max_size: int, telemetry: Telemetry) -> None:
        self._path = path
        self._max_size = max_size
        self._telemetry = telemetry
        self._file = AppendedFile(path)
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        """Open the file and start the thread.

        Raises:
            StartError: it cannot be written.
        """
        try:
            self._file.open()
        except OSError as error:
            raise StartError(f"records cannot be written to {self._path}: {error}") from error
        self._thread.start()

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record, which nobody changes any more; returns at once."""
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self._telemetry.failure("records", f"more than {_MOST_WAITING} wait: one is lost")
            self._waiting.append(record)
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Write what waits, for at most ``timeout`` seconds, and close the file; safe twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is None:
            self._file.close()
            return
        self._thread.join(timeout * _OF_THE_TIME)
        if self._thread.is_alive():
            log.warning("records are still being written: what waits is lost")

    def _run(self) -> None:
        while (records := self._next()) is not None:
            self._write(records)
        self._file.close()

    def _next(self) -> list[Mapping[str, Any]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            records = list(self._waiting)
            self._waiting.clear()
            return records or None

    def _write(self, records: list[Mapping[str, Any]]) -> None:
        lines = [f"{record_line(record)}\n".encode() for record in records]
        try:
            self._file.write(lines)
            if os.stat(self._path).st_size > self._max_size:
                os.replace(self._path, f"{self._path}.1")
        except OSError as error:
            self._telemetry.failure("records", error)
        else:
            self._telemetry.success("records")
