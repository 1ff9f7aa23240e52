"""Memory of a task: usage, limits, page faults, NUMA pages."""

import os
from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Decoder, keyed, limit, number
from wca.collectors.file_probe import attach_files, task_cgroup
from wca.linux.numa import parse_numa_stat_v1, parse_numa_stat_v2
from wca.metrics import Measurements

__all__ = ["TaskMemoryCollector"]

_PAGE_SIZE = os.sysconf("SC_PAGESIZE")


def _pages_v1(data: bytes) -> Measurements:
    return {"task_mem_numa_pages": parse_numa_stat_v1(data)}


def _pages_v2(data: bytes) -> Measurements:
    return {"task_mem_numa_pages": parse_numa_stat_v2(data, _PAGE_SIZE)}


def _faults(prefix: bytes) -> Decoder:
    return keyed(
        (
            (prefix + b"pgfault ", "task_mem_page_faults", None),
            (prefix + b"pgmajfault ", "task_mem_major_page_faults", None),
        )
    )


def _files_v1() -> tuple[tuple[str, Decoder], ...]:
    return (
        ("memory.usage_in_bytes", number("task_mem_usage_bytes")),
        ("memory.max_usage_in_bytes", number("task_mem_max_usage_bytes")),
        ("memory.limit_in_bytes", limit("task_mem_limit_bytes")),
        ("memory.soft_limit_in_bytes", limit("task_mem_soft_limit_bytes")),
        ("memory.stat", _faults(b"total_")),
        ("memory.numa_stat", _pages_v1),
    )


def _files_v2() -> tuple[tuple[str, Decoder], ...]:
    return (
        ("memory.current", number("task_mem_usage_bytes")),
        ("memory.peak", number("task_mem_max_usage_bytes")),
        ("memory.max", limit("task_mem_limit_bytes")),
        ("memory.high", limit("task_mem_soft_limit_bytes")),
        ("memory.stat", _faults(b"")),
        ("memory.numa_stat", _pages_v2),
    )


class TaskMemoryCollector(Collector):
    """Memory charged to a task, its limits, its page faults and where its pages lie.

    Source: the ``memory.*`` files of either cgroup version. A kernel without one of them
    (``memory.peak`` before Linux 5.19, ``memory.numa_stat`` without NUMA) leaves out its number.
    """

    emits = (
        "task_mem_usage_bytes",
        "task_mem_max_usage_bytes",
        "task_mem_limit_bytes",
        "task_mem_soft_limit_bytes",
        "task_mem_page_faults",
        "task_mem_major_page_faults",
        "task_mem_numa_pages",
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        files = _files_v2() if cgroup.version("memory") == 2 else _files_v1()
        return attach_files(
            (partial(cgroup.open, "memory", name), decode) for name, decode in files
        )
