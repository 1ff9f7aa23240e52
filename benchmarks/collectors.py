"""Each collector by itself beside its floor: ``python -m benchmarks collectors``."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cgroups import task_cgroups
from benchmarks.floor import Floor, observe, open_descriptors
from benchmarks.workers import workers
from wca.abilities import ability
from wca.collectors import Collector, NotAvailable, Probe
from wca.collectors.api import TellsUnmeasured
from wca.collectors.work.counter_file import WorkCounterFile
from wca.components import BUILT_IN
from wca.config.importing import load_class
from wca.gc_tuning import raise_gc_threshold
from wca.linux.cgroups import Cgroup, CgroupHierarchies
from wca.linux.files import Kernel, raise_descriptor_limit
from wca.nodes import Task

__all__ = ["HEADER", "ARGUMENTS", "SOFTWARE_EVENTS", "attach", "built_in", "rows", "still_opens"]

#: What dmidecode says of a server with 16 modules, which this machine may not be.
MODULES = 16 * (
    "Memory Device\n\tData Width: 64 bits\n\tSize: 32 GB\n\tType: DDR5\n"
    "\tConfigured Memory Speed: 4800 MT/s\n\n"
)
#: Arguments of collectors that cannot do without.
SOFTWARE_EVENTS = [
    "task_clock_seconds",
    "task_context_switches",
    "task_cpu_migrations",
    "task_perf_page_faults",
]
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "TaskPerfCollector": {"event_names": SOFTWARE_EVENTS},
    "NodeUncoreCollector": {"event_names": ["msr/tsc/"]},  # a PMU that most machines have
    "TaskWssCollector": {"reset_cycles": 5},
    "NodeMemoryHardwareCollector": {"run": lambda: MODULES},
    # A number that the kernel writes, in place of an application.
    "TaskWorkCollector": {"sources": [WorkCounterFile("/proc/sys/kernel/threads-max")]},
}
WARM_UP = 2
HEADER = (
    "| collector | targets | series | files | descriptors | floor us | read us | read us/series "
    "| read / floor |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Target:
    """A task as collectors see it."""

    task: Task
    cgroup: Cgroup
    node: Kernel


@dataclass(frozen=True)
class Times:
    """Seconds of processor time of each round."""

    floor: Sequence[float]
    read: Sequence[float]

    def ratio(self) -> str:
        """Read by floor, of the rounds: the median and the middle half."""
        ratios = [read / floor for floor, read in zip(self.floor, self.read, strict=True) if floor]
        if not ratios:
            return ""
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def built_in() -> dict[str, Collector | str]:
    """Every collector of the catalogue by its name, or the reason why it cannot be made."""
    found: dict[str, Collector | str] = {}
    for entry in BUILT_IN:
        component = load_class(entry.place)
        if not (isinstance(component, type) and issubclass(component, Collector)):
            continue
        try:
            found[entry.tag] = component(**ARGUMENTS.get(entry.tag, {}))
        except TypeError as error:
            found[entry.tag] = str(error)
    return found


def rows(tasks: int, rounds: int) -> Iterator[str]:
    """A row for each collector, or a sentence about one that was not measured."""
    raise_descriptor_limit()
    raise_gc_threshold()
    with task_cgroups(tasks) as names:
        hierarchies = CgroupHierarchies(Kernel())
        cgroups = [hierarchies.locate(f"/{name}") for name in names]
        with workers(cgroups, disk=True, network=True) as working:
            for name, collector in built_in().items():
                if isinstance(collector, str):
                    yield f"{name} was not measured: {collector}"
                    continue
                yield _row(name, collector, names, rounds, working.work)


def _row(
    name: str, collector: Collector, names: Sequence[str], rounds: int, work: Callable[[], None]
) -> str:
    kernel = Kernel()
    before = open_descriptors()
    try:
        with _started(collector):
            probes = attach(collector, kernel, names)
            try:
                while still_opens(collector):
                    for probe in probes:
                        probe.read({})
                work()
                floor = observe(before, lambda: [probe.read({}) for probe in probes])
                series = sum(_series(probe) for probe in probes)
                descriptors = len(open_descriptors()) - len(before)
                times = _times(floor, probes, rounds, work)
            finally:
                for probe in probes:
                    probe.close()
    except NotAvailable as missing:
        return f"{name} was not measured: {missing}"
    finally:
        kernel.close()
    count = len(probes)
    read = statistics.median(times.read) * 1e6
    kind = " (thread)" if collector.blocking else ""
    return (
        f"| {name}{kind} | {count} | {series / count:.1f} | {floor.files / count:.1f} "
        f"| {descriptors / count:.1f} | {statistics.median(times.floor) * 1e6 / count:.1f} "
        f"| {read / count:.1f} | {read / max(1, series):.2f} | {times.ratio()} |"
    )


def attach(collector: Collector, kernel: Kernel, names: Sequence[str]) -> list[Probe]:
    """Its probes of the tasks of these cgroups, or of the machine."""
    if collector.scope == "node":
        return [collector.attach(kernel)]
    hierarchies = CgroupHierarchies(kernel)
    return [
        collector.attach(
            Target(Task(name, name, f"/{name}"), hierarchies.locate(f"/{name}"), kernel)
        )
        for name in names
    ]


def still_opens(collector: Collector) -> bool:
    """Whether some of its tasks wait for their turn: perf events are opened over some readings."""
    return isinstance(collector, TellsUnmeasured) and "opening" in collector.unmeasured.values()


@contextlib.contextmanager
def _started(collector: Collector) -> Iterator[None]:
    start, close = ability(collector, "start"), ability(collector, "close")
    if start is not None:
        start()
    try:
        yield
    finally:
        if close is not None:
            close(5.0)


def _times(floor: Floor, probes: Sequence[Probe], rounds: int, work: Callable[[], None]) -> Times:
    """Floor and reading in turns, each after all tasks have worked."""
    floors, reads = [], []
    for _ in range(rounds + WARM_UP):
        work()
        start = time.thread_time()
        floor.read()
        floors.append(time.thread_time() - start)
        work()
        start = time.thread_time()
        for probe in probes:
            probe.read({})
        reads.append(time.thread_time() - start)
    return Times(floors[WARM_UP:], reads[WARM_UP:])


def _series(probe: Probe) -> int:
    out: dict[str, Any] = {}
    probe.read(out)
    return _count(out)


def _count(value: Any) -> int:
    return sum(map(_count, value.values())) if isinstance(value, Mapping) else 1
