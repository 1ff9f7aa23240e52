"""Memory of a task: usage, working set, limits, page faults, NUMA pages."""

import os
from functools import partial
from typing import Annotated

from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Decoder, Field, keyed, limit, number
from wca.collectors.file_probe import attach_files, task_cgroup
from wca.linux.numa import parse_numa_stat_v1, parse_numa_stat_v2
from wca.metrics import Measurements

__all__ = ["TaskMemoryCollector"]

_USAGE, _WORKING_SET = "task_mem_usage_bytes", "task_mem_working_set_bytes"
_INACTIVE, _SWAP = "task_mem_inactive_file_bytes", "task_mem_swap_bytes"
_ANON, _FILE = "task_mem_anon_bytes", "task_mem_file_bytes"
_MAPPED, _ACTIVE = "task_mem_mapped_file_bytes", "task_mem_active_file_bytes"
_PAGE_SIZE = os.sysconf("SC_PAGESIZE")

_STAT: dict[bytes, str] = {
    b"pgfault ": "task_mem_page_faults",
    b"pgmajfault ": "task_mem_major_page_faults",
    b"inactive_file ": _INACTIVE,
    b"workingset_refault_anon ": "task_mem_refaults_anon",
    b"workingset_refault_file ": "task_mem_refaults_file",
}
# What the two versions call the same.
_STAT_V1 = _STAT | {b"rss ": _ANON, b"swap ": _SWAP}
_STAT_V2 = _STAT | {b"anon ": _ANON}
_ACTIVATIONS: dict[bytes, str] = {
    b"workingset_activate_anon ": "task_mem_activations_anon",
    b"workingset_activate_file ": "task_mem_activations_file",
}
_DETAILS_V1: dict[bytes, str] = {
    b"cache ": _FILE,
    b"mapped_file ": _MAPPED,
    b"active_file ": _ACTIVE,
}
_DETAILS_V2: dict[bytes, str] = {
    b"file ": _FILE,
    b"file_mapped ": _MAPPED,
    b"active_file ": _ACTIVE,
    **_ACTIVATIONS,
}


def _pages_v1(data: bytes) -> Measurements:
    return {"task_mem_numa_pages": parse_numa_stat_v1(data)}


def _pages_v2(data: bytes) -> Measurements:
    return {"task_mem_numa_pages": parse_numa_stat_v2(data, _PAGE_SIZE)}


def _working_set(values: Measurements) -> Measurements:
    """What cannot be reclaimed at once. The two files are read one after the other."""
    usage, inactive = values.get(_USAGE), values.get(_INACTIVE)
    if usage is None or inactive is None:
        return {}
    return {_WORKING_SET: max(0, usage - inactive)}


def _stat(keys: dict[bytes, str], prefix: bytes = b"") -> Decoder:
    fields: list[Field] = [(prefix + key, name, None) for key, name in keys.items()]
    return keyed(fields)


def _files_v1(*, details: bool) -> tuple[tuple[str, Decoder], ...]:
    return (
        ("memory.usage_in_bytes", number(_USAGE)),
        ("memory.max_usage_in_bytes", number("task_mem_max_usage_bytes")),
        ("memory.limit_in_bytes", limit("task_mem_limit_bytes")),
        ("memory.soft_limit_in_bytes", limit("task_mem_soft_limit_bytes")),
        ("memory.stat", _stat(_STAT_V1 | (_DETAILS_V1 if details else {}), b"total_")),
        ("memory.numa_stat", _pages_v1),
    )


def _files_v2(*, details: bool) -> tuple[tuple[str, Decoder], ...]:
    return (
        ("memory.current", number(_USAGE)),
        ("memory.peak", number("task_mem_max_usage_bytes")),
        ("memory.max", limit("task_mem_limit_bytes")),
        ("memory.high", limit("task_mem_soft_limit_bytes")),
        ("memory.stat", _stat(_STAT_V2 | (_DETAILS_V2 if details else {}))),
        ("memory.numa_stat", _pages_v2),
        ("memory.swap.current", number(_SWAP)),
    )


class TaskMemoryCollector(Collector):
    """Memory charged to a task, of what it consists, limits, page faults and where its pages lie.

    The usage is anonymous memory, page cache, and what the kernel needs for the task. The working
    set is the usage without the page cache that is reclaimed first (``inactive_file``). Refaults
    are pages that were reclaimed and soon needed again: they count up where a task has less memory
    than it works with.

    Source: the ``memory.*`` files of either cgroup version. A kernel without one of them
    (``memory.peak`` before Linux 5.19, ``memory.numa_stat`` without NUMA, refaults of v1 before
    Linux 6) leaves out its number.

    Args:
        details: measure also the page cache, what of it is mapped and what is in active use, and
            refaults of pages that were in active use (cgroup v2).
        interval: time between two readings; the runner's when left out.
    """

    emits = (
        _USAGE,
        "task_mem_max_usage_bytes",
        "task_mem_limit_bytes",
        "task_mem_soft_limit_bytes",
        "task_mem_page_faults",
        "task_mem_major_page_faults",
        _ANON,
        _INACTIVE,
        _WORKING_SET,
        "task_mem_refaults_anon",
        "task_mem_refaults_file",
        _SWAP,
        "task_mem_numa_pages",
        _FILE,
        _MAPPED,
        _ACTIVE,
        *_ACTIVATIONS.values(),
    )

    def __init__(
        self, details: bool = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._details = details

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        second = cgroup.version("memory") == 2
        files = (_files_v2 if second else _files_v1)(details=self._details)
        return attach_files(
            ((partial(cgroup.open, "memory", name), decode) for name, decode in files),
            [_working_set],
        )
