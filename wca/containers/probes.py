"""The probes of one target: opened, read together, each at its pace, and closed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from queue import SimpleQueue
from time import monotonic, thread_time

from wca.collectors import Collector, NotAvailable, Probe
from wca.collectors.api import NodeTarget, TaskTarget
from wca.collectors.container_sums import ContainerSums
from wca.collectors.file_probe import FileProbe, join_file_probes
from wca.containers.last_values import LastValues
from wca.containers.pace import Pace, Paces
from wca.errors import PLUGIN_ERRORS, Exhausted, TargetGone
from wca.metrics import Measurements
from wca.telemetry import Telemetry

__all__ = ["Measured", "Probes"]

#: Told of a collector what reading one target took: its name, CPU seconds, seconds of this thread.
#: The CPU seconds of one with a thread of its own are those that it took there.
Measured = Callable[[str, float, float], None]

#: Probes that read files of a target's cgroups.
_OF_FILES = (FileProbe, ContainerSums)


class _Kept:
    """Probes of one pace, and what they read last."""

    __slots__ = ("cpu_seconds", "pace", "probes", "values")

    def __init__(self, pace: Pace, probes: Mapping[str, Probe]) -> None:
        self.pace = pace
        self.probes = tuple(probes.items())
        self.values: Measurements | None = None  # None: not read yet, or read in each iteration
        self.cpu_seconds = 0.0  # of the last reading that was measured


class Probes:
    """What measures one target.

    Args:
        target: what the collectors attach to.
        telemetry: where broken collectors are reported.
        paces: how often each collector is read.
        vanishes: whether the target can be gone; for one that cannot, TargetGone is a failure.
    """

    __slots__ = (
        "_groups",
        "_paces",
        "_paused",
        "_probes",
        "_target",
        "_telemetry",
        "_vanishes",
        "bound",
        "lacking",
        "unavailable",
    )

    def __init__(
        self,
        target: TaskTarget | NodeTarget,
        telemetry: Telemetry,
        paces: Paces,
        *,
        vanishes: bool = True,
    ) -> None:
        self._target = target
        self._telemetry = telemetry
        self._paces = paces
        self._vanishes = vanishes
        self._probes: dict[str, tuple[Probe, Pace]] = {}
        self._paused: frozenset[str] = frozenset()
        self._groups: list[_Kept] = []  # the same, with what can be read together as one
        #: Collectors that have no source here, with the reason.
        self.unavailable: dict[str, str] = {}
        #: Collectors that failed to attach, with the reason in a word; they are tried again with
        #: the next ``attach``.
        self.lacking: Mapping[str, str] = {}
        #: Whether some probe reads files that end with the target.
        self.bound = False

    @property
    def of_files(self) -> list[str]:
        """The collectors whose probes read files of the target's cgroups."""
        return [name for name, (probe, _) in self._probes.items() if isinstance(probe, _OF_FILES)]

    @property
    def cpu_seconds(self) -> float:
        """What one reading of all of them takes, as far as readings were measured."""
        return sum(group.cpu_seconds for group in self._groups)

    def attach(self, collectors: Mapping[str, Collector], paused: Collection[str] = ()) -> None:
        """Open the probes that are not open yet, and close those of no collector given.

        A probe knows what its counters said before: one that was closed and opened again would
        begin anew. So the probes of collectors that are to rest are kept as they are, unread.

        Args:
            collectors: by name.
            paused: names of others, whose probes are neither read nor closed.

        Raises:
            TargetGone: the target vanished meanwhile.
        """
        resting = frozenset(self._probes.keys() & set(paused))
        gone = self._probes.keys() - collectors.keys() - resting
        for name in gone:
            self._close(name)
        lacking: dict[str, str] = {}
        opened = [name for name in collectors if self._opens(name, collectors[name], lacking)]
        self.lacking = lacking
        if opened or gone or resting != self._paused:
            self._paused = resting
            self._group()

    def forget(self, names: Iterable[str]) -> None:
        """Let the next ``attach`` open these anew, also where they had no source.

        Args:
            names: of collectors.
        """
        for name in names:
            self.unavailable.pop(name, None)
            if name in self._probes:
                self._close(name)
        self._group()

    def ask(self, done: SimpleQueue[None]) -> int:
        """Have what is read on threads of its own read now.

        Args:
            done: gets an item for each reading that was made.

        Returns:
            How many were asked for.
        """
        asked = [one for one, _ in self._probes.values() if isinstance(one, LastValues)]
        return sum(one.ask(done) for one in asked)

    def read(self, out: Measurements, *, at_once: bool = False) -> None:
        """Read what is due, and give the last values of the rest.

        A probe that is broken costs its own numbers only.

        Args:
            out: where the numbers go.
            at_once: read the rest as well.

        Raises:
            TargetGone: the target has vanished; nothing of this reading counts.
        """
        for group in self._groups:
            pace = group.pace
            if pace.every:
                self._read(group, out)
                continue
            if at_once or pace.due or group.values is None:
                values: Measurements = {}
                self._read(group, values)
                group.values = values
            out.update(group.values)

    def read_apart(self, out: Measurements, measured: Measured) -> None:
        """Read as ``read`` does, but one collector after the other, and measure each.

        Args:
            out: where the numbers go.
            measured: told what each collector took that was read.

        Raises:
            TargetGone: see ``read``.
        """
        for group in self._groups:
            if not group.pace.due and group.values is not None:
                out.update(group.values)
                continue
            values: Measurements = {}
            group.cpu_seconds = 0.0
            for name, probe in self._of(group.pace):
                start, cpu_start = monotonic(), thread_time()
                self._read_one(name, probe, values)
                cpu_seconds = thread_time() - cpu_start
                if isinstance(probe, LastValues):
                    cpu_seconds += probe.cpu_seconds
                group.cpu_seconds += cpu_seconds
                measured(name, cpu_seconds, monotonic() - start)
            group.values = None if group.pace.every else values
            out.update(values)

    def close(self) -> None:
        """Close every probe; safe twice."""
        for name in list(self._probes):
            self._close(name)
        self._groups = []

    def _opens(self, name: str, collector: Collector, lacking: dict[str, str]) -> bool:
        if name in self._probes or name in self.unavailable:
            return False
        try:
            probe = collector.attach(self._target)
        except NotAvailable as missing:
            self.unavailable[name] = missing.reason
        except PLUGIN_ERRORS as error:
            if self._is_gone(error):
                raise
            lacking[name] = "exhausted" if isinstance(error, Exhausted) else "failing"
            self._telemetry.failure(name, error)
        else:
            self._probes[name] = probe, self._paces.of(collector.interval)
            return True
        return False

    def _group(self) -> None:
        """Put together what has one pace."""
        by_pace: dict[Pace, dict[str, Probe]] = {}
        for name, (probe, pace) in self._read_ones():
            by_pace.setdefault(pace, {})[name] = probe
        self._groups = [_Kept(pace, join_file_probes(probes)) for pace, probes in by_pace.items()]
        self.bound = any(isinstance(probe, _OF_FILES) for _, (probe, _) in self._read_ones())

    def _read(self, group: _Kept, out: Measurements) -> None:
        for name, probe in group.probes:
            if name in self._probes:
                self._read_one(name, probe, out)
            elif not _reads(probe, out):
                # Read one by one from now on, so that each failure has the name of its collector.
                group.probes = self._of(group.pace)
                self._read(group, out)
                return

    def _of(self, pace: Pace) -> tuple[tuple[str, Probe], ...]:
        """The probes of a pace, each by itself."""
        return tuple((name, probe) for name, (probe, its) in self._read_ones() if its is pace)

    def _read_ones(self) -> Iterator[tuple[str, tuple[Probe, Pace]]]:
        """The probes that are not paused."""
        return (one for one in self._probes.items() if one[0] not in self._paused)

    def _read_one(self, name: str, probe: Probe, out: Measurements) -> None:
        try:
            probe.read(out)
        except NotAvailable as missing:
            self.unavailable[name] = missing.reason
            self._close(name)
            self._group()
        except PLUGIN_ERRORS as error:
            if self._is_gone(error):
                raise
            self._telemetry.failure(name, error)

    def _is_gone(self, error: BaseException) -> bool:
        """Whether the target has vanished; the caller raises the error again.

        Raised here, where it is a parameter, it would be held by its own traceback, and with it
        the sample of all tasks, until Python looks for cycles.
        """
        return self._vanishes and isinstance(error, TargetGone)

    def _close(self, name: str) -> None:
        probe, _ = self._probes.pop(name)
        try:
            probe.close()
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(name, error)


def _reads(probe: Probe, out: Measurements) -> bool:
    """Read a probe that stands for several; False when one of them failed."""
    try:
        probe.read(out)
    except TargetGone:
        raise
    except PLUGIN_ERRORS:
        return False
    return True
