"""What the processor and the kernel count while a task runs: perf events."""

import errno
import logging
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated

from wca.collectors.api import Cgroup, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.file_probe import task_cgroup
from wca.collectors.perf_names import PerfEventName
from wca.collectors.perf_probe import CpuGroup, PerfProbe
from wca.config.types import Injected
from wca.errors import TargetGone, WcaError
from wca.linux.files import Kernel
from wca.linux.perf import PerfGroup
from wca.linux.perf_events import KNOWN_EVENTS, PerfEvent, group_events, parse_events
from wca.linux.topology import online_cpus

__all__ = ["TaskPerfCollector"]

log = logging.getLogger(__name__)

# Events of one group that need a counter: what every server processor of the last ten years has
# for a thread beside one that the NMI watchdog may hold.
_COUNTERS = 4
# Descriptors left to the rest of the program.
_RESERVED_DESCRIPTORS = 64
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
_PARANOID = "/proc/sys/kernel/perf_event_paranoid"
_TASK_CLOCK = KNOWN_EVENTS["task_clock_seconds"]


class TaskPerfCollector(Collector):
    """Perf events of a task, on every CPU, summed: cycles, instructions, cache misses, switches.

    Events that the processor has no counter for are left out, with one line in the log. Where the
    counters do not suffice for all events at once, the kernel lets groups of them take turns, and
    the numbers are scaled; `task_scaling_factor_avg` and `task_scaling_factor_max` say by how much.

    Source: perf_event_open on the task's cgroup in the hierarchy that holds perf_event. Needs the
    capability CAP_PERFMON, or root, or /proc/sys/kernel/perf_event_paranoid of 0 or lower, and one
    descriptor for each task, event and CPU.

    Args:
        event_names: what to count: names of docs/metrics.md that need event_names, such as
            task_cycles, or raw events `name__rEEUU`, `name__rEEUUCC` and `name__rEEUUCC` with 10
            more digits: event, unit mask, counter mask and config1, in hexadecimal.
        kernel: for tests: what kernel files are read through.
    """

    emits = (*KNOWN_EVENTS, "task_scaling_factor_avg", "task_scaling_factor_max")

    def __init__(
        self,
        event_names: list[Annotated[str, PerfEventName()]],
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
    ) -> None:
        self.events = parse_events(event_names)
        self._kernel = Kernel() if kernel is None else kernel
        self._counted: tuple[PerfEvent, ...] | None = None  # None: not yet known
        self._counters = _COUNTERS

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the events of the task on every online CPU and start counting.

        Raises:
            NotAvailable: no right, no perf or none of the events here, or no group of the task.
            TargetGone: the task vanished.
            WcaError: descriptors do not suffice; tried again with the next discovery.
        """
        cgroup = task_cgroup(target)
        with ExitStack() as undo:
            alive = cgroup.open("perf_event", _small_file(cgroup))
            undo.callback(alive.close)
            alive.read()
            cpus = online_cpus(self._kernel)
            try:
                with _folder(cgroup) as folder:
                    groups = self._open(folder, cpus)
            except OSError as error:
                alive.read()  # a removed group and an event that is not there look the same
                raise self._meaning(error, len(cpus)) from None
            undo.pop_all()
        return PerfProbe(alive, groups)

    def _open(self, folder: int, cpus: Sequence[int]) -> list[CpuGroup]:
        """Open with groups as large as the processor takes them, smaller from the first refusal."""
        if self._counted is None:
            self._counted = self._try_events(folder, cpus[0])
        self._check_budget(folder, len(cpus))
        while True:
            plan = group_events(self._counted, self._counters)
            try:
                return _open_all(folder, cpus, plan)
            except OSError as error:
                if error.errno != errno.EINVAL or self._counters == 1:
                    raise
                self._counters -= 1

    def _try_events(self, folder: int, cpu: int) -> tuple[PerfEvent, ...]:
        """The events that this machine can count; raises NotAvailable when there is none."""
        PerfGroup.open([_TASK_CLOCK], folder, cpu).close()  # it is there wherever perf is
        refused: dict[str, str] = {}
        for event in self.events:
            try:
                PerfGroup.open([event], folder, cpu).close()
            except OSError as error:
                if error.errno in _NO_DESCRIPTOR:
                    raise
                refused[event.name] = _why_not(error)
        if refused:  # by this machine, and not because the task vanished meanwhile
            PerfGroup.open([_TASK_CLOCK], folder, cpu).close()
        if len(refused) == len(self.events):
            raise NotAvailable(_sentence(refused))
        if refused:
            log.info("not counted: %s", _sentence(refused))
        return tuple(event for event in self.events if event.name not in refused)

    def _check_budget(self, newest: int, cpus: int) -> None:
        """Refuse before anything is opened. Descriptors are numbered from the lowest that is free.

        Args:
            newest: number of the newest descriptor: about as many are in use.
            cpus: how many.
        """
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if newest + cpus * len(self._wanted) + _RESERVED_DESCRIPTORS > limit:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    @property
    def _wanted(self) -> tuple[PerfEvent, ...]:
        return self.events if self._counted is None else self._counted

    def _meaning(self, error: OSError, cpus: int) -> Exception:
        """What an error of perf_event_open means for a task whose cgroup is there."""
        if error.errno in (errno.EACCES, errno.EPERM):
            paranoid = _text(self._kernel, _PARANOID)
            return NotAvailable(
                f"perf_event_open is refused (perf_event_paranoid is {paranoid}): run as root, "
                f"give the agent CAP_PERFMON, or write 0 to {_PARANOID}"
            )
        if error.errno in _NO_DESCRIPTOR:
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            events = len(self._wanted)
            return WcaError(
                f"a task needs {events} perf events x {cpus} CPUs = {events * cpus} descriptors, "
                f"and so many are not left of {limit} ({_RESERVED_DESCRIPTORS} are kept free): "
                "raise the limit of open files (LimitNOFILE, ulimit -n) or name fewer events"
            )
        if error.errno == errno.ENOSYS:
            return NotAvailable("this kernel, or a seccomp filter, has no perf_event_open")
        if error.errno == errno.ENOENT:
            return NotAvailable(
                "the task has no group in the hierarchy that holds the perf_event controller"
            )
        return error


def _open_all(
    folder: int, cpus: Sequence[int], plan: Sequence[tuple[PerfEvent, ...]]
) -> list[CpuGroup]:
    opened: list[CpuGroup] = []
    with ExitStack() as undo:
        for cpu in cpus:
            for events in plan:
                try:
                    group = PerfGroup.open(events, folder, cpu)
                except OSError as error:
                    if error.errno == errno.ENODEV:  # the CPU went offline at this moment
                        break
                    raise
                undo.callback(group.close)
                opened.append(CpuGroup(group, events))
        for one in opened:
            one.group.enable()
        undo.pop_all()
    return opened


@contextmanager
def _folder(cgroup: Cgroup) -> Iterator[int]:
    """A descriptor of the task's folder in the hierarchy of perf_event."""
    path = cgroup.directory("perf_event")
    try:
        folder = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise TargetGone(f"{path} is gone") from None
    try:
        yield folder
    finally:
        os.close(folder)


def _small_file(cgroup: Cgroup) -> str:
    """A file that every group has, whose end is that of the group: perf events outlive it."""
    return "notify_on_release" if cgroup.version("perf_event") == 1 else "cgroup.subtree_control"


def _why_not(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
        return "this machine has no counter for it (virtual machines often have none)"
    return os.strerror(error.errno or 0)


def _sentence(refused: dict[str, str]) -> str:
    """Each reason once, with its events."""
    reasons: dict[str, list[str]] = {}
    for name, reason in refused.items():
        reasons.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())


def _text(kernel: Kernel, path: str) -> str:
    try:
        return kernel.read(path).decode().strip()
    except (NotAvailable, TargetGone):
        return "not readable"
