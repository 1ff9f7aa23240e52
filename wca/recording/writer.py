"""Writing a recording."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from wca.detectors.api import TasksData
from wca.platforms.api import Platform
from wca.recording.blocks import BlockFile, Kind
from wca.recording.coding import FrameEncoder
from wca.recording.frame import VERSION, Frame, FrameAnswer, RecordingError
from wca.recording.plain import to_json
from wca.version import __version__

__all__ = ["FLUSH_SECONDS", "RecordingWriter"]

#: Seconds of frames, and bytes of them, that are one block at most.
FLUSH_SECONDS, _FLUSH_BYTES = 5.0, 1 << 18
#: Frames after which one is written that depends on none before it.
_KEY_EVERY = 300
_LEVEL = 6


class RecordingWriter:
    """Writes a recording, block by block; used by one thread at a time.

    Args:
        path: of the file, made with mode 0600; a recording that is there becomes ``NAME.1``.
        detector: the class of the plugin whose answers are recorded; None: there are none.
        state: of the plugin before the first frame, plain data of JSON; None: it has none.
        interval: of the runner, in seconds.
        blocking: whether the plugin runs on a thread of its own.
        labels: of the node.

    Raises:
        RecordingError: the file cannot be made.
    """

    def __init__(
        self,
        path: str,
        *,
        detector: str | None = None,
        state: Mapping[str, Any] | None = None,
        interval: float | None = None,
        blocking: bool = False,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        header = {
            "version": VERSION,
            "wca_version": __version__,
            "detector": detector,
            "state": to_json(state),
            "interval": interval,
            "blocking": blocking,
            "labels": dict(labels or {}),
        }
        try:
            self._file = BlockFile(path)
            self._file.append(Kind.HEADER, zlib.compress(json.dumps(header).encode(), _LEVEL))
        except OSError as error:
            raise RecordingError(
                f"a recording cannot be written to {path}: {error.strerror or error}"
            ) from None
        self._encoder = FrameEncoder()
        self._compressor = zlib.compressobj(_LEVEL)
        self._kind = Kind.KEY
        self._frames = self._bytes = 0
        self._lines: list[bytes] = []
        self._since: float | None = None
        self._closed = False
        self._untold = 0
        #: How many intervals were given and could not be written.
        self.dropped = 0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file.size

    @property
    def waiting(self) -> bool:
        """Whether there are frames that are not in the file yet."""
        return bool(self._lines)

    def add(
        self,
        platform: Platform,
        tasks: TasksData,
        answer: FrameAnswer | None = None,
        lost: int = 0,
    ) -> None:
        """Add an interval. After an OSError everything since the last ``flush`` is lost.

        Args:
            platform: the machine and the time.
            tasks: by task id.
            answer: of the plugin; None: it gave none.
            lost: intervals before this one that could not be recorded.

        Raises:
            RecordingError: something in it cannot be encoded.
            OSError: the file does not take it.
        """
        if self._frames >= _KEY_EVERY and not self._lines:
            self._begin_anew()
        try:
            line = self._encoder.encode(Frame(platform, tasks, answer, lost + self._untold))
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            self._drop(1 + lost)
            self.flush()
            self._begin_anew()
            raise RecordingError(f"an interval cannot be recorded: {error}") from error
        self._untold = 0
        self._lines.append(line.encode())
        self._bytes += len(line)
        self._frames += 1
        now = platform.monotonic
        self._since = now if self._since is None else min(now, self._since)
        if self._bytes >= _FLUSH_BYTES or now - self._since >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits. Raises OSError; then it is lost."""
        if not self._lines:
            return
        lines, kind, self._kind = self._lines, self._kind, Kind.NEXT
        self._lines, self._bytes, self._since = [], 0, None
        data = self._compressor.compress(b"".join(line + b"\n" for line in lines))
        try:
            self._file.append(kind, data + self._compressor.flush(zlib.Z_SYNC_FLUSH))
        except OSError:
            self._drop(len(lines))
            self._begin_anew()
            raise

    def close(self, lost: int = 0) -> None:
        """Write what waits and the mark of the end; safe twice.

        Args:
            lost: intervals after the last one that were not recorded.

        Raises:
            OSError: the file does not take it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
            lost += self._untold
            self._file.append(Kind.END, json.dumps({"l": lost}).encode() if lost else b"")
        finally:
            self._file.close()

    def _drop(self, intervals: int) -> None:
        self.dropped += intervals
        self._untold += intervals

    def _begin_anew(self) -> None:
        """The next frame depends on none before it."""
        self._encoder = FrameEncoder()
        self._compressor = zlib.compressobj(_LEVEL)
        self._kind = Kind.KEY
        self._frames = self._bytes = 0
        self._lines = []
        self._since = None
