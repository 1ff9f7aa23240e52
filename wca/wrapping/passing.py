"""Passing output on, byte for byte and at once, while somebody listens."""

import contextlib
import errno
import fcntl
import logging
import os
import select
import threading
from collections.abc import Callable

__all__ = ["Passage", "SharedOutput"]

log = logging.getLogger(__name__)

#: Large, as each reading has to wait for a parser that is busy.
_CHUNK, _PIPE_SIZE = 256 * 1024, 1024 * 1024


class SharedOutput:
    """A descriptor to which a program's output and our own text are written.

    Our text begins on a line of its own, whatever the program has written last.

    Args:
        descriptor: such as that of standard output.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._in_line = False

    def pass_on(self, data: bytes) -> None:
        """Write what the program has written. Raises OSError."""
        with self._lock:
            _write_all(self._descriptor, data)
            self._in_line = not data.endswith(b"\n")

    def write(self, data: bytes) -> int:
        """Write a text of ours, as a binary stream does. Raises OSError."""
        with self._lock:
            _write_all(self._descriptor, b"\n" + data if self._in_line else data)
            self._in_line = not data.endswith(b"\n")
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class Passage:
    """Reads a pipe on a thread of its own, writes what comes to an output, and tells a listener.

    When the output is closed, as by ``| head``, the pipe is closed, so that the program gets the
    signal that it would have got without us.

    Args:
        pipe: the end to read; it is closed at the end.
        output: where everything goes.
        hear: told every chunk; it must not wait.
        name: of the thread.
    """

    def __init__(
        self, pipe: int, output: SharedOutput, hear: Callable[[bytes], None], name: str
    ) -> None:
        self._pipe = pipe
        self._output = output
        self._hear = hear
        self._name = name
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, timeout: float) -> bool:
        """Wait for the end of the output, which a process of the program's may hold open.

        Args:
            timeout: seconds.

        Returns:
            Whether the end has come.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a user has only so much; it works without
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        try:
            while data := os.read(self._pipe, _CHUNK):
                self._output.pass_on(data)
                self._hear(data)
        except OSError as error:
            if error.errno != errno.EPIPE:
                log.warning("%s cannot be passed on: %s", self._name, error.strerror)
        finally:
            os.close(self._pipe)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody else has made the terminal non-blocking
            select.select([], [descriptor], [])
