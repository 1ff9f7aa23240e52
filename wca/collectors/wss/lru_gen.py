"""The working set of a task by the generations in which the kernel keeps its pages."""

import os

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

__all__ = ["LruGenProbe", "check_lru_gen"]

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
    try:
        node.read(LRU_GEN)
    except NotAvailable as absent:
        raise NotAvailable(f"{absent.reason}; it needs debugfs and root") from None


class LruGenProbe:
    """Begins a new generation with each window, and counts what was used in the last one.

    Args:
        cgroup: of the task.
        node: what is read through.
        cycles: readings in a window.
        write: for the command.
        clock: for the time that this takes.

    Raises:
        NotAvailable: the task has no memory cgroup, or the kernel does not show it.
    """

    def __init__(
        self,
        cgroup: Cgroup,
        node: NodeTarget,
        cycles: int,
        write: Write,
        clock: Clock,
    ) -> None:
        directory = cgroup.directory("memory")
        if directory is None:
            raise NotAvailable("the task has no memory cgroup")
        self._node = node
        self._cycles = cycles
        self._write = write
        self._clock = clock
        self._readings = 0
        self._overhead = 0.0
        self._marks: dict[int, dict[int, int]] | None = None  # by memcg and NUMA node
        self._used: int | None = None
        self._path = _path_of(directory, parse_lru_gen(node.read(LRU_GEN)))

    def read(self, out: Measurements) -> None:
        """Add the numbers. Raises NotAvailable when the kernel refuses, and TargetGone."""
        start = self._clock.monotonic()
        try:
            if self._readings % self._cycles == 0:
                self._used = self._end_window()
            self._readings += 1
        finally:
            self._overhead += self._clock.monotonic() - start
        if self._used is not None:
            out["task_working_set_size_bytes"] = self._used
        out["task_wss_measure_overhead_seconds"] = self._overhead

    def close(self) -> None:
        """Nothing is kept open."""

    def _end_window(self) -> int | None:
        """Age the pages; bytes used since that was done last, None the first time."""
        self._age(self._memcgs())
        memcgs = self._memcgs()
        before, self._marks = self._marks, _newest(memcgs)
        if before is None:
            return None
        pages = [pages_since(one.nodes, before.get(one.id, {})) for one in memcgs]
        known = [number for number in pages if number is not None]
        return sum(known) * _PAGE_SIZE if len(known) == len(pages) else None

    def _memcgs(self) -> list[LruMemcg]:
        """Those of the task and of the groups below it."""
        below = self._path + "/"
        found = [
            one
            for one in parse_lru_gen(self._node.read(LRU_GEN))
            if one.path == self._path or one.path.startswith(below)
        ]
        if not found:
            raise TargetGone(f"{LRU_GEN} has no memory cgroup {self._path}")
        return found

    def _age(self, memcgs: list[LruMemcg]) -> None:
        """Begin a generation in each; one that has ended meanwhile is left alone."""
        refused, aged = Postponed(), False
        for memcg, nodes in _newest(memcgs).items():
            for node, newest in nodes.items():
                try:
                    self._write(LRU_GEN, aging_command(memcg, node, newest))
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


def _path_of(directory: str, memcgs: list[LruMemcg]) -> str:
    """The path under which the kernel shows the group: the longest that its folder ends with."""
    paths = [one.path for one in memcgs if one.path != "/" and directory.endswith(one.path)]
    if not paths:
        raise NotAvailable(f"{LRU_GEN} does not show {directory}")
    return max(paths, key=len)
