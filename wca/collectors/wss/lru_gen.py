"""The working set of a task by the generations in which the kernel keeps its pages."""

import os
from bisect import bisect_left
from itertools import takewhile

from wca.clock import Clock
from wca.collectors.api import Cgroup, NodeTarget, NotAvailable, TargetGone
from wca.errors import Postponed
from wca.linux.files import Write
from wca.linux.lru_gen import (
    LRU_GEN,
    LRU_GEN_ENABLED,
    LruMemcg,
    ages_pages,
    aging_command,
    pages_since,
    parse_lru_gen,
)
from wca.metrics import Measurements

__all__ = ["LruGenProbe", "LruGenRounds", "check_lru_gen"]

_PAGE_SIZE = os.sysconf("SC_PAGESIZE")


def check_lru_gen(node: NodeTarget) -> None:
    """Look whether generations are kept and shown.

    Raises:
        NotAvailable: with what is missing.
    """
    if not ages_pages(node.read(LRU_GEN_ENABLED)):
        raise NotAvailable(
            f"the multi-generational LRU is switched off; write y to {LRU_GEN_ENABLED}"
        )
    if node.inode(LRU_GEN) is None:
        raise NotAvailable(f"{LRU_GEN} does not exist; it needs debugfs and root")


class _Memcgs:
    """All memory cgroups that the kernel shows now, found by path."""

    def __init__(self, listed: list[LruMemcg]) -> None:
        self._by_path = {one.path: one for one in listed}
        self._paths = sorted(self._by_path)

    def of(self, path: str) -> list[LruMemcg]:
        """The group of a path, and those below it. Raises TargetGone when there is none."""
        below = path + "/"
        behind = self._paths[bisect_left(self._paths, below) :]
        found = [self._by_path[path]] if path in self._by_path else []
        found += [
            self._by_path[one] for one in takewhile(lambda one: one.startswith(below), behind)
        ]
        if not found:
            raise TargetGone(f"{LRU_GEN} has no memory cgroup {path}")
        return found

    def path_of(self, directory: str) -> str:
        """The path under which a folder's group is shown: the longest that the folder ends with."""
        places = (at for at, letter in enumerate(directory) if letter == "/")
        found = next((directory[at:] for at in places if directory[at:] in self._by_path), None)
        if found is None:
            raise NotAvailable(f"{LRU_GEN} does not show {directory}")
        return found


class LruGenRounds:
    """Ends the windows of all tasks together.

    The kernel lists every memory cgroup of the machine in one file. Were it read for each task, the
    cost would grow with the square of their number: it is read once before all of them are aged,
    and once after that.

    Args:
        node: what the list is read through.
        write: for the command.
        clock: for the time that this takes.
    """

    def __init__(self, node: NodeTarget, write: Write, clock: Clock) -> None:
        self._node = node
        self.write = write
        self.clock = clock
        self._probes: dict[LruGenProbe, None] = {}  # in the order in which they came

    def join(self, probe: "LruGenProbe") -> None:
        """The windows of this one are ended with those of the others from now on."""
        self._probes[probe] = None

    def leave(self, probe: "LruGenProbe") -> None:
        """Not any more; safe twice."""
        self._probes.pop(probe, None)

    def run(self) -> None:
        """End the window of every task whose next reading does so.

        Raises:
            NotAvailable: the kernel does not show the list.
            Malformed: the list has another form.
        """
        due = [probe for probe in self._probes if probe.due]
        start = self.clock.monotonic()
        before = self._memcgs()
        looked = self.clock.monotonic() - start
        for probe in due:
            probe.age(before)
        start = self.clock.monotonic()
        after = self._memcgs()
        looked += self.clock.monotonic() - start
        for probe in due:
            probe.count(after, looked / len(due))

    def _memcgs(self) -> _Memcgs:
        return _Memcgs(parse_lru_gen(self._node.read(LRU_GEN)))


class LruGenProbe:
    """Begins a new generation with each window, and counts what was used in the last one.

    The first window begins with the second reading: by then the tasks that have come together are
    all known.

    Args:
        cgroup: of the task.
        cycles: readings in a window.
        rounds: those of all tasks.

    Raises:
        NotAvailable: the task has no memory cgroup.
    """

    def __init__(self, cgroup: Cgroup, cycles: int, rounds: LruGenRounds) -> None:
        directory = cgroup.directory("memory")
        if directory is None:
            raise NotAvailable("the task has no memory cgroup")
        self._directory = directory
        self._path: str | None = None
        self._cycles = cycles
        self._rounds = rounds
        self._readings = 0
        self._counted = False  # for the next reading
        self._overhead = 0.0
        self._marks: dict[int, dict[int, int]] | None = None  # by memcg and NUMA node
        self._used: int | None = None
        self._failed = Postponed()
        rounds.join(self)

    @property
    def due(self) -> bool:
        """Whether the next reading ends a window, and that was not done yet."""
        ends = self._readings > 0 and (self._readings - 1) % self._cycles == 0
        return ends and not self._counted

    def read(self, out: Measurements) -> None:
        """Add the numbers. Raises NotAvailable when the kernel refuses, and TargetGone."""
        if self.due:
            self._rounds.run()
        self._readings += 1
        self._counted = False
        self._failed.raise_kept()
        if self._used is not None:
            out["task_working_set_size_bytes"] = self._used
        out["task_wss_measure_overhead_seconds"] = self._overhead

    def close(self) -> None:
        """Nothing is kept open."""
        self._rounds.leave(self)

    def age(self, memcgs: _Memcgs) -> None:
        """Begin a new generation; what goes wrong is raised by the next reading."""
        start = self._rounds.clock.monotonic()
        try:
            if self._path is None:
                self._path = memcgs.path_of(self._directory)
            self._age(memcgs.of(self._path))
        except (NotAvailable, TargetGone) as error:
            self._failed.keep(error.with_traceback(None))
        self._overhead += self._rounds.clock.monotonic() - start

    def count(self, memcgs: _Memcgs, overhead: float) -> None:
        """Take what was used in the window that has ended.

        Args:
            memcgs: after the pages were aged.
            overhead: seconds that this task's part of the common work took.
        """
        self._overhead += overhead
        self._counted = True
        if self._path is None:
            return
        try:
            self._used = self._used_since(memcgs.of(self._path))
        except TargetGone as error:
            self._failed.keep(error.with_traceback(None))

    def _used_since(self, memcgs: list[LruMemcg]) -> int | None:
        """Bytes used since the marks were set, which are set anew; None: that is not known."""
        before, self._marks = self._marks, _newest(memcgs)
        if before is None:
            return None
        pages = [pages_since(one.nodes, before.get(one.id, {})) for one in memcgs]
        known = [number for number in pages if number is not None]
        return sum(known) * _PAGE_SIZE if len(known) == len(pages) else None

    def _age(self, memcgs: list[LruMemcg]) -> None:
        """Begin a generation in each; one that has ended meanwhile is left alone."""
        refused, aged = Postponed(), False
        for memcg, nodes in _newest(memcgs).items():
            for node, newest in nodes.items():
                try:
                    self._rounds.write(LRU_GEN, aging_command(memcg, node, newest))
                    aged = True
                except NotAvailable as error:
                    refused.keep(error)
        if not aged:
            refused.raise_kept()


def _newest(memcgs: list[LruMemcg]) -> dict[int, dict[int, int]]:
    """The number of the newest generation, by memcg and NUMA node."""
    return {
        one.id: {
            node: generations[-1].number for node, generations in one.nodes.items() if generations
        }
        for one in memcgs
    }
