"""What counting perf events costs the tasks that are counted.

Two processes in two cgroups send each other a byte over pipes, on one CPU: the kernel changes from
one task to the other with every message, which is when it switches their counters. It is the worst
case: a task that computes changes a thousand times less often. What is measured is the CPU time of
both, so that what else runs on the machine changes little.
"""

import contextlib
import os
import signal
import statistics
from collections.abc import Iterator, Sequence

from benchmarks.cgroups import task_cgroups
from benchmarks.collectors import attach, still_opens
from wca.collectors.task_perf import TaskPerfCollector
from wca.linux.cgroups import Cgroup, CgroupHierarchies
from wca.linux.files import Kernel, raise_descriptor_limit

#: Software events, which every machine counts.
EVENTS = [
    "task_clock_seconds",
    "task_context_switches",
    "task_cpu_migrations",
    "task_perf_page_faults",
]
#: Round trips of one measurement: a tenth of a second.
TRIPS = 10_000
HEADER = (
    "| tasks counted | events of each | off us/round trip | on us/round trip | on / off "
    "| quartiles | pairs |\n"
    "|---|---|---|---|---|---|---|"
)


class PingPong:
    """Two processes in two groups, on one CPU.

    Args:
        cgroups: the two groups.
    """

    def __init__(self, cgroups: Sequence[Cgroup]) -> None:
        there, back = os.pipe(), os.pipe()
        self._go, self._done = os.pipe(), os.pipe()
        self._pids = [
            _start(cgroups[0], lambda: self._ping(there[1], back[0])),
            _start(cgroups[1], lambda: _pong(there[0], back[1])),
        ]

    def seconds(self) -> float:
        """CPU time that a round trip takes both together now."""
        before = self._used()
        os.write(self._go[1], b"g")
        os.read(self._done[0], 1)
        return (self._used() - before) / TRIPS

    def _used(self) -> float:
        """CPU seconds of both (Documentation/scheduler/sched-stats.rst)."""
        total = 0
        for pid in self._pids:
            with open(f"/proc/{pid}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def close(self) -> None:
        """End the processes."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for descriptor in (*self._go, *self._done):
            os.close(descriptor)

    def _ping(self, out: int, back: int) -> None:
        read, write = os.read, os.write
        while os.read(self._go[0], 1):
            for _ in range(TRIPS):
                write(out, b"p")
                read(back, 1)
            os.write(self._done[1], b"d")


def _pong(back: int, out: int) -> None:
    read, write = os.read, os.write
    while True:
        write(out, read(back, 1))


def _start(cgroup: Cgroup, work) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            with open(f"{cgroup.directory('perf_event')}/cgroup.procs", "w") as members:
                members.write(str(os.getpid()))
            work()
        finally:
            os._exit(1)
    return pid


@contextlib.contextmanager
def _counting(kernel: Kernel, names: Sequence[str], events: int) -> Iterator[None]:
    """Count so many events of these groups, as the agent does."""
    collector = TaskPerfCollector(EVENTS[:events])
    probes = attach(collector, kernel, names)
    try:
        while still_opens(collector):
            for probe in probes:
                probe.read({})
        yield
    finally:
        for probe in probes:
            probe.read({})
            probe.close()
        collector.close(1.0)


def measure(tasks: int, pairs: int, events: int = len(EVENTS)) -> str:
    """Measure with counting on and off in turns, the first of a pair changing; a row of the table.

    Args:
        tasks: how many are counted, the two and others that do nothing.
        pairs: of measurements.
        events: of each task.
    """
    raise_descriptor_limit()
    kernel = Kernel()
    times: dict[bool, list[float]] = {False: [], True: []}
    with task_cgroups(tasks) as names:
        hierarchies = CgroupHierarchies(kernel)
        cgroups = [hierarchies.locate(f"/{name}") for name in names]
        game = PingPong(cgroups)
        try:
            game.seconds()
            for number in range(pairs):
                for on in (bool(number % 2), not number % 2):
                    with _counting(kernel, names, events) if on else contextlib.nullcontext():
                        times[on].append(game.seconds())
        finally:
            game.close()
            kernel.close()
    ratios = [on / off for on, off in zip(times[True], times[False], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    off, on = (statistics.median(times[which]) * 1e6 for which in (False, True))
    times_of_both = f"{off:.2f} | {on:.2f}"
    spread = f"{middle:.2f} | {low:.2f} to {high:.2f} | {pairs}"
    return f"| {tasks} | {events} | {times_of_both} | {spread} |"


def rows(pairs: int) -> Iterator[str]:
    """The rows of the table, each as soon as it is measured."""
    yield measure(2, pairs, 1)
    for tasks in (2, 100, 1000):
        yield measure(tasks, pairs)
