"""One whole iteration beside its floor: nothing but the reads that give the same series."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.cgroups import MEASURED, task_cgroups
from benchmarks.collectors import SOFTWARE_EVENTS, still_opens
from benchmarks.floor import Floor, open_descriptors, perf_groups
from benchmarks.workers import workers
from wca.clock import SystemClock
from wca.collectors import Collector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_perf import TaskPerfCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.gc_tuning import raise_gc_threshold
from wca.linux.cgroups import Cgroup, CgroupHierarchies
from wca.linux.descriptors import descriptor_limit
from wca.linux.files import Kernel, raise_descriptor_limit
from wca.nodes.static import StaticNode
from wca.runners.collect import Collect
from wca.runners.discover import Discover
from wca.runners.engine import Engine
from wca.runners.export import Export
from wca.runners.labelling import TaskLabelling
from wca.runners.measuring import Granularity, Measuring
from wca.runners.selection import default_collectors
from wca.runners.stages import Sample
from wca.storage import LogStorage

#: Files that give no numbers: they tell whether the task is still there.
BOOKKEEPING = {"cgroup.procs", "cgroup.events", "notify_on_release", "cgroup.subtree_control"}
#: Where the storage writes: a file system in memory, so that no disk is measured.
MEMORY = "/dev/shm"
#: Descriptors for all else, and the most files of a task.
RESERVED, FILES = 512, 20
#: Rounds that are not counted: caches fill, layouts are learned.
WARM_UP = 2


@dataclass
class Result:
    """Medians of one size, in microseconds of processor time."""

    tasks: int
    version: int
    series_per_task: float
    floor: float
    collect: float
    export: float
    store: float

    @property
    def whole(self) -> float:
        """The whole iteration."""
        return self.collect + self.export + self.store

    def row(self) -> str:
        """One row of the table."""
        series = self.tasks * self.series_per_task
        return (
            f"| v{self.version} | {self.tasks} | {self.series_per_task:.1f} "
            f"| {self.floor / self.tasks:.1f} | {self.collect / self.tasks:.1f} "
            f"| {self.export / self.tasks:.1f} | {self.store / self.tasks:.1f} "
            f"| {self.whole / self.tasks:.1f} | {self.whole / series:.2f} "
            f"| {self.whole / self.floor:.2f} |"
        )


HEADER = (
    "| cgroup | tasks | series per task | floor us/task | collect us/task | export us/task "
    "| store us/task | whole us/task | whole us/series | whole / floor |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def reach() -> list[Collector]:
    """CPU time, throttling, memory, pressure, block I/O and four software events of each task."""
    files = (TaskCpuCollector, TaskMemoryCollector, TaskPsiCollector, TaskIoCollector)
    of_the_machine = [one for one in default_collectors() if one.scope == "node"]
    return [*(one() for one in files), TaskPerfCollector(SOFTWARE_EVENTS), *of_the_machine]


def measure(tasks: int, rounds: int, collectors: list[Collector] | None = None) -> Result:
    """Time floor and iteration alternately, each after all tasks have worked; give the medians.

    The time is that of this thread, so that what others do on the machine is not in it. Where the
    descriptors do not suffice for files and perf events, the events have theirs, and the rest of
    the files is opened for each reading, by both.

    Args:
        tasks: how many.
        rounds: that count.
        collectors: what is measured; the default set when None.
    """
    raise_descriptor_limit()
    with task_cgroups(tasks) as names:
        hierarchies = CgroupHierarchies(Kernel())
        cgroups = [hierarchies.locate(f"/{name}") for name in names]
        with (
            workers(cgroups, disk=True) as working,
            tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        ):
            output = os.path.join(folder, "metrics.prom")
            storage = LogStorage(output_filename=output, overwrite=True)
            wanted = collectors or default_collectors()
            engine = Engine(Kernel(max_kept=_room(tasks, wanted)), SystemClock())
            collect, export = _stages(engine, names, wanted)
            while any(map(still_opens, wanted)):
                collect.run(Sample(time.time()))
            floor = _floor(cgroups).read
            times: dict[str, list[float]] = {"floor": [], "collect": [], "export": [], "store": []}
            raise_gc_threshold()  # as the command does
            for _ in range(rounds + WARM_UP):
                working.work()
                times["floor"].append(_timed(floor))
                working.work()
                sample = Sample(time.time())
                times["collect"].append(_timed(partial(collect.run, sample)))
                times["export"].append(_timed(partial(export.run, sample)))
                times["store"].append(_timed(partial(storage.store, sample.metrics)))
            engine.lifecycle.close(1.0)
            storage.close(1.0)
    series = sum(1 for metric in sample.metrics if metric.granularity == "task")
    medians = {name: statistics.median(values[WARM_UP:]) * 1e6 for name, values in times.items()}
    return Result(tasks, cgroups[0].version("memory") or 0, series / tasks, **medians)


def _stages(
    engine: Engine, names: list[str], collectors: list[Collector]
) -> tuple[Collect, Export]:
    telemetry = engine.telemetry
    measuring = Measuring(engine, collectors, 1.0, Granularity.POD)
    measuring.start(lambda: None)
    Discover(StaticNode(tasks=names), measuring.sync, TaskLabelling({}, telemetry), telemetry)()
    collect = Collect(measuring, telemetry, time.monotonic, lambda: None)
    labels = engine.common_labels({}, optional=True)
    export = Export(labels, lambda _: {}, engine.information(), telemetry, measuring.catalogue)
    return collect, export


def _floor(cgroups: list[Cgroup]) -> Floor:
    """The files with numbers of all tasks, each once, through the descriptors that are open.

    Files for which the agent had no descriptor left are opened for each reading here as well.
    """
    descriptors = open_descriptors()
    known = {path: descriptor for descriptor, path in descriptors.items()}
    floor = Floor(groups=perf_groups(descriptors))
    wanted = _files_of(cgroups[0], known)
    for cgroup in cgroups:
        for controller, name in wanted:
            path = f"{cgroup.directory(controller)}/{name}"
            if path in known:
                floor.kept.append((known[path], 4096))
            else:
                floor.opened.append(path)
    return floor


def _files_of(cgroup: Cgroup, paths: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The files with numbers of a task, with a controller in whose folder each is."""
    controllers = {cgroup.directory(name): name for name in MEASURED}
    files = [path.rpartition("/") for path in paths]
    return [
        (controllers[folder], name)
        for folder, _, name in files
        if folder in controllers and name not in BOOKKEEPING
    ]


def _room(tasks: int, collectors: Sequence[Collector]) -> int | None:
    """Files that may be kept open beside the perf events; None: there is room for all."""
    events = [len(one.event_names) for one in collectors if isinstance(one, TaskPerfCollector)]
    # Beside them the node and what waits for the end of tasks have a file of each.
    of_each = sum(events) * len(os.sched_getaffinity(0)) + 2
    room = descriptor_limit() - of_each * tasks - RESERVED
    return room if room < FILES * tasks else None


def _timed(call: Callable[[], None]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
