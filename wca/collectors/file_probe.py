"""The probe behind most collectors: some files, each with its decoder, one read per file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Protocol, cast, runtime_checkable

from wca.collectors.api import Cgroup, NodeTarget, NotAvailable, Probe, Readable, TaskTarget
from wca.collectors.decoders import Decoder
from wca.errors import PLUGIN_ERRORS, Postponed
from wca.linux.file_group import FileGroup
from wca.metrics import Measurements

__all__ = [
    "Derivation",
    "FileProbe",
    "LooksForEnd",
    "attach_files",
    "join_file_probes",
    "node_of",
    "task_cgroup",
]


@runtime_checkable
class LooksForEnd(Protocol):
    """A probe that reads a file of its own for no other reason than to see the target's end."""

    def leave_end_to_others(self, *, leave: bool) -> None:
        """Whether a probe of files, which end with the target, is read beside this one."""


#: Numbers that follow from those of several files; what cannot be told is left out.
Derivation = Callable[[Measurements], Measurements]


class FileProbe:
    """Reads its files, one after the other, each with one call.

    A file whose content is the same as last time, such as a limit, is not decoded again. A file
    that stops being readable costs its own numbers only.

    Args:
        sources: open files with the decoder of each.
        derived: what to make of the numbers of all files together.
    """

    __slots__ = (
        "_contents",
        "_decoders",
        "_failed",
        "_files",
        "_names",
        "_overlap",
        "_values",
        "derived",
    )

    def __init__(
        self, sources: Sequence[tuple[Readable, Decoder]], derived: Sequence[Derivation] = ()
    ) -> None:
        self._files = FileGroup([file for file, _ in sources])
        self._decoders = [decode for _, decode in sources]
        self._contents: list[bytes | None] = [None] * len(sources)
        self._values: Measurements = {}  # of all files, and what was derived from them
        # Of each file the names of what it gave last; at the end those of what was derived.
        self._names: list[tuple[str, ...]] = [()] * (len(sources) + 1)
        self._overlap = False  # two files give a number of the same name
        self.derived = tuple(derived)
        self._failed = Postponed()

    @property
    def sources(self) -> list[tuple[Readable, Decoder]]:
        """The files with the decoder of each."""
        return list(zip(self._files.files, self._decoders, strict=True))

    def read(self, out: Measurements) -> None:
        """Add the numbers of all files to ``out``.

        Raises:
            TargetGone: the target vanished; nothing was added.
            Exception: what a broken decoder raised, or Malformed for a file that has not the form
                it should have; the numbers of the other files were added.
        """
        contents = self._files.read()
        if contents != self._contents:
            self._take(contents)
        out.update(self._values)
        self._failed.raise_kept()

    def close(self) -> None:
        """Close all files; safe twice."""
        self._files.close()

    def _take(self, contents: list[bytes | None]) -> None:
        """Decode what changed, and keep what went wrong with it."""
        known, decoders, names, taken = self._contents, self._decoders, self._names, self._values
        for position, content in enumerate(contents):
            if content == known[position]:
                continue
            try:
                values = {} if content is None else decoders[position](content)
            except PLUGIN_ERRORS as error:
                values = {}
                self._failed.keep(error)
                contents[position] = None  # asked again next time
            if tuple(values) != names[position]:
                self._rename(position, tuple(values))
            taken.update(values)
        if self.derived:
            self._derive()
        # Where names overlap, all is decoded each time, so that the last file wins each time.
        self._contents = [None] * len(contents) if self._overlap else contents

    def _derive(self) -> None:
        values: Measurements = {}
        for derive in self.derived:
            values.update(derive(self._values))
        if tuple(values) != self._names[-1]:
            self._rename(-1, tuple(values))
        self._values.update(values)

    def _rename(self, position: int, names: tuple[str, ...]) -> None:
        """A file gives other numbers than before; what none gives any more must not stay."""
        self._names[position] = _shared(names)
        given = list(chain.from_iterable(self._names))
        for name in self._values.keys() - given:
            del self._values[name]
        self._overlap = len(set(given)) < len(given)


@lru_cache(maxsize=256)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all tasks: what they share stays in the processor's caches."""
    return names


def join_file_probes(probes: Mapping[str, Probe]) -> dict[str, Probe]:
    """The same probes, with all that read nothing but files put together as one.

    For a task, the objects around a read cost more than the read itself. A probe that looks for the
    end of the target need not do so beside one that reads its files.

    Args:
        probes: probes by name, of one target; the new one reads and closes the same files.
    """
    files = {name: probe for name, probe in probes.items() if isinstance(probe, FileProbe)}
    for probe in probes.values():
        if isinstance(probe, LooksForEnd):
            probe.leave_end_to_others(leave=bool(files))
    if len(files) < 2:
        return dict(probes)
    joined = FileProbe(
        [source for probe in files.values() for source in probe.sources],
        [derive for probe in files.values() for derive in probe.derived],
    )
    others = {name: probe for name, probe in probes.items() if name not in files}
    return {", ".join(files): joined, **others}


def attach_files(
    wanted: Iterable[tuple[Callable[[], Readable], Decoder]], derived: Sequence[Derivation] = ()
) -> FileProbe:
    """Open the files that this machine has.

    Each is read once: some kernels show a file that they refuse to read (EOPNOTSUPP).

    Args:
        wanted: what opens each file, and its decoder.
        derived: what to make of the numbers of all files together.

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
    return FileProbe(opened, derived)


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
