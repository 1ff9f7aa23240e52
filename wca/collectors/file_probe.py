"""The probe behind most collectors: some files, each with its decoder, one read per file."""

from collections.abc import Callable, Iterable
from typing import cast

from wca.collectors.api import Cgroup, NodeTarget, NotAvailable, Readable, TaskTarget
from wca.collectors.decoders import Decoder
from wca.metrics import Measurements

__all__ = ["FileProbe", "attach_files", "node_of", "task_cgroup"]


class _Source:
    """One open file with what was last read from it."""

    __slots__ = ("close", "data", "decode", "read", "values")

    def __init__(self, file: Readable, decode: Decoder) -> None:
        self.read = file.read
        self.close = file.close
        self.decode = decode
        self.data = b""
        self.values: Measurements = {}

    def update(self, data: bytes) -> None:
        """Take over a new content."""
        self.data = data
        try:
            self.values = self.decode(data)
        except NotAvailable:  # malformed: not counted, hence absent
            self.values = {}


class FileProbe:
    """Reads its files, one after the other, each with one call.

    A file whose content is the same as last time, such as a limit, is not decoded again. A file
    that stops being readable costs its own numbers only.

    Args:
        sources: open files with the decoder of each.
    """

    def __init__(self, sources: Iterable[tuple[Readable, Decoder]]) -> None:
        self._sources = [_Source(file, decode) for file, decode in sources]

    def read(self, out: Measurements) -> None:
        """Add the numbers of all files to ``out``. Raises TargetGone."""
        for source in self._sources:
            try:
                data = source.read()
            except NotAvailable:
                continue
            if data != source.data:
                source.update(data)
            out.update(source.values)

    def close(self) -> None:
        """Close all files; safe twice."""
        for source in self._sources:
            source.close()


def attach_files(wanted: Iterable[tuple[Callable[[], Readable], Decoder]]) -> FileProbe:
    """Open the files that this machine has.

    Each is read once: some kernels show a file that they refuse to read (EOPNOTSUPP).

    Args:
        wanted: what opens each file, and its decoder.

    Raises:
        NotAvailable: there is none of them; the reason is that of the first.
        TargetGone: the target vanished; what was opened is closed.
    """
    opened: list[tuple[Readable, Decoder]] = []
    reasons: list[str] = []
    try:
        for open_file, decode in wanted:
            try:
                opened.append((_open_readable(open_file), decode))
            except NotAvailable as absent:
                reasons.append(absent.reason)
    except BaseException:
        FileProbe(opened).close()
        raise
    if not opened:
        raise NotAvailable(reasons[0] if reasons else "there is nothing to read")
    return FileProbe(opened)


def _open_readable(open_file: Callable[[], Readable]) -> Readable:
    file = open_file()
    try:
        file.read()
    except BaseException:
        file.close()
        raise
    return file


def task_cgroup(target: TaskTarget | NodeTarget) -> Cgroup:
    """The cgroups of the target of a collector with ``scope = "task"``."""
    return cast("TaskTarget", target).cgroup


def node_of(target: TaskTarget | NodeTarget) -> NodeTarget:
    """The target of a collector with ``scope = "node"``."""
    return cast("NodeTarget", target)
