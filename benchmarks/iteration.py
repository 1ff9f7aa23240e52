"""One whole iteration beside its floor: nothing but the reads that give the same series."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.cgroups import task_cgroups
from benchmarks.workers import workers
from wca.clock import SystemClock
from wca.gc_tuning import raise_gc_threshold
from wca.linux.cgroups import Cgroup, CgroupHierarchies
from wca.linux.files import Kernel, raise_descriptor_limit
from wca.nodes.static import StaticNode
from wca.runners.engine import Engine, default_collectors, named
from wca.runners.labelling import TaskLabelling
from wca.runners.stages import Collect, Discover, Export, Sample
from wca.storage import LogStorage

#: The smallest set of files that gives the default series of a task, by cgroup version.
FLOOR_FILES = {
    1: [
        ("cpuacct", "cpuacct.usage"),
        ("cpu", "cpu.stat"),
        ("memory", "memory.usage_in_bytes"),
        ("memory", "memory.max_usage_in_bytes"),
        ("memory", "memory.limit_in_bytes"),
        ("memory", "memory.soft_limit_in_bytes"),
        ("memory", "memory.stat"),
        ("memory", "memory.numa_stat"),
    ],
    2: [
        ("cpu", "cpu.stat"),
        ("memory", "memory.current"),
        ("memory", "memory.peak"),
        ("memory", "memory.max"),
        ("memory", "memory.high"),
        ("memory", "memory.stat"),
        ("memory", "memory.numa_stat"),
    ],
}
PRESSURE_FILES = [("psi", f"{name}.pressure") for name in ("cpu", "memory", "io")]


#: Where the storage writes: a file system in memory, so that no disk is measured.
MEMORY = "/dev/shm"
#: Rounds that are not counted: caches fill, layouts are learned.
WARM_UP = 2


@dataclass
class Result:
    """Medians of one size, in microseconds."""

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


def measure(tasks: int, rounds: int) -> Result:
    """Time floor and iteration alternately, each after all tasks have worked; give the medians."""
    raise_descriptor_limit()
    with task_cgroups(tasks) as names:
        hierarchies = CgroupHierarchies(Kernel())
        cgroups = [hierarchies.locate(f"/{name}") for name in names]
        with workers(cgroups) as working, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            output = os.path.join(folder, "metrics.prom")
            storage = LogStorage(output_filename=output, overwrite=True)
            engine = Engine(Kernel(), SystemClock())
            collect, export = _stages(engine, names)
            floor = _floor(cgroups)
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


def _stages(engine: Engine, names: list[str]) -> tuple[Collect, Export]:
    collectors, telemetry = named(default_collectors()), engine.telemetry
    containers = engine.containers(collectors)
    Discover(StaticNode(tasks=names), containers, TaskLabelling({}, telemetry), telemetry)()
    probes = engine.node_probes(collectors)
    collect = Collect(containers, probes, collectors, telemetry, lambda: None)
    labels = engine.common_labels({}, optional=True)
    return collect, Export(labels, lambda _sample: {}, engine.information(), telemetry)


def _floor(cgroups: list[Cgroup]) -> Callable[[], None]:
    """What reads the floor's files once, through the descriptors that the agent keeps open."""
    known = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            known[os.readlink(f"/proc/self/fd/{name}")] = int(name)
    descriptors = [
        known[path]
        for cgroup in cgroups
        for controller, name in FLOOR_FILES[cgroup.version("memory") or 2] + PRESSURE_FILES
        if (path := f"{cgroup.directory(controller)}/{name}") in known
    ]

    def read() -> None:
        pread = os.pread
        for descriptor in descriptors:
            pread(descriptor, 4096, 0)

    return read


def _timed(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
