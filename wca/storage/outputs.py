"""Where a text goes: standard output, the end of a file, or a file replaced as a whole.

Each output has ``open``, ``write``, ``close`` and ``problems``; the first two raise OSError.
"""

import io
import os
import stat
import sys
from collections.abc import Iterable
from typing import BinaryIO, Protocol

__all__ = ["AppendedFile", "Output", "ReplacedFile", "Stream"]

_MODE = 0o644


class Output(Protocol):
    """One place for text. Used by one thread at a time."""

    @property
    def name(self) -> str:
        """What to call it in messages."""

    def open(self) -> None:
        """Get ready to write; nothing happens when it is ready already."""

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write a whole batch; opens first where that has not been done.

        Args:
            chunks: the batch in parts, to be written one after the other.
        """

    def close(self) -> None:
        """Give back what ``open`` took; safe twice."""

    def problems(self) -> list[str]:
        """What would keep this process from writing here, in sentences."""


class Stream:
    """Standard output, or a binary stream that belongs to the caller.

    Args:
        stream: where to write; None: standard output as it is when something is written.
    """

    name = "standard output"

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream
        self._torn = False

    def open(self) -> None:
        """Check that there is something to write to."""
        if self._stream is None and (sys.stdout is None or sys.stdout.closed):
            raise OSError("it is closed")

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write in one call and flush."""
        self.open()
        # A batch that a full pipe has cut must not run into the next one.
        data = b"".join((b"\n" if self._torn else b"", *chunks))
        self._torn = True
        self._write(data)
        self._torn = False

    def _write(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.write(data)
            self._stream.flush()
            return
        sys.stdout.flush()
        try:
            descriptor = sys.stdout.fileno()
        except io.UnsupportedOperation:  # replaced from Python, as notebooks do
            sys.stdout.write(data.decode())
            return
        # Past Python's buffer: what a closed pipe refused would stay there and fail again at exit.
        _write_all(descriptor, data)

    def close(self) -> None:
        """Nothing: the stream is not ours."""

    def problems(self) -> list[str]:
        """None that could be seen without writing."""
        return []


class AppendedFile:
    """The end of a file, which another program may rotate.

    Args:
        path: the file; made with mode 0644 where there is none.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        self._descriptor: int | None = None
        self._torn = False

    def open(self) -> None:
        """Open the file, or open it again when the path leads to another one by now."""
        if self._descriptor is not None and self._moved(self._descriptor):
            self.close()
        if self._descriptor is None:
            self._descriptor = _open_for_append(self.name)
            self._torn = False

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append in one write, where the kernel takes it in one."""
        self.open()
        if self._descriptor is None:  # open() has raised or set it
            raise OSError("it is closed")
        # A batch that a full disk has cut must not run into the next one.
        start, self._torn = (b"\n" if self._torn else b""), True
        _write_all(self._descriptor, b"".join((start, *chunks)))
        self._torn = False

    def close(self) -> None:
        """Close the file; safe twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def problems(self) -> list[str]:
        """Whether the file, or its folder where there is no file yet, can be written."""
        if os.path.isdir(self.name):
            return [f"{self.name} is a folder: write the path of a file"]
        if not os.path.exists(self.name):
            return _folder_problems(self.name)
        return [] if os.access(self.name, os.W_OK) else [f"no right to write to {self.name}"]

    def _moved(self, descriptor: int) -> bool:
        try:
            there = os.stat(self.name)
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(descriptor))


class ReplacedFile:
    """A file that always holds one whole batch: readers see the last one or the one before.

    Args:
        path: the file; its folder takes the temporary file, whose name does not end in ``.prom``.
    """

    def __init__(self, path: str) -> None:
        self.name = path

    def open(self) -> None:
        """Check that the file can be replaced."""
        problems = self.problems()
        if problems:
            raise OSError("; ".join(problems))

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write beside the file, then take its place."""
        import tempfile  # 12 ms that only this output needs

        _refuse_special_file(self.name)
        folder, base = os.path.split(self.name)
        descriptor, temporary = tempfile.mkstemp(".tmp", f".{base}.", folder or ".")
        try:
            try:
                for chunk in chunks:
                    _write_all(descriptor, chunk)
                os.fchmod(descriptor, _MODE)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, self.name)
        except BaseException:
            os.unlink(temporary)
            raise

    def close(self) -> None:
        """Nothing: no descriptor stays open."""

    def problems(self) -> list[str]:
        """Whether the folder can be written, and the file is one that may be replaced."""
        try:
            _refuse_special_file(self.name)
        except OSError as error:
            return [str(error)]
        return _folder_problems(self.name)


def _open_for_append(path: str) -> int:
    # Without O_NONBLOCK the opening of a named pipe waits for its reader.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    descriptor = os.open(path, flags, _MODE)
    os.set_blocking(descriptor, True)
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _refuse_special_file(path: str) -> None:
    """Raise OSError for what must never be replaced by a plain file, such as ``/dev/null``."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is no regular file: overwrite replaces regular files only")


def _folder_problems(path: str) -> list[str]:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return [f"there is no folder {folder}: make it, or write another path"]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [f"no right to write in the folder {folder}"]
    return []
