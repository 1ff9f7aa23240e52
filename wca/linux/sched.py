"""What the scheduler says of one thread: ``/proc/TID/sched`` and ``/proc/TID/schedstat``."""

import re
from dataclasses import dataclass

from wca.linux.parse import Malformed, to_number

__all__ = ["RunDelay", "ThreadSched", "is_sched_counter", "parse_sched", "parse_schedstat"]

# Before this line stands the name of the thread, which may have anything in it, line ends too, but
# no more than 15 characters.
_RULER = re.compile(rb"\n-{40,}\n")
_VALUE = re.compile(rb"^([^\s:]{1,60}) *: *([0-9]{1,20}(?:\.[0-9]{1,9})?)$", re.MULTILINE)
_FAULTS = re.compile(
    rb"^numa_faults node=([0-9]{1,5}) task_private=([0-9]{1,20}) task_shared=([0-9]{1,20})"
    rb" group_private=([0-9]{1,20}) group_shared=([0-9]{1,20})$",
    re.MULTILINE,
)
_FAULT_TYPES = ("task_private", "task_shared", "group_private", "group_shared")
# Times, counts and sums since the thread began (kernel/sched/debug.c, proc_sched_show_task). What
# else is there are averages, maxima, points in time, settings and ids, which have no sum, and
# total_numa_faults, which the kernel halves at the end of each scan (task_numa_placement).
_COUNTER = re.compile(r"nr_\w+|sum_\w+|\w+_sum|\w+_count|numa_pages_migrated")
_AVERAGES = "se.avg."  # decaying sums of the load tracking


@dataclass(frozen=True, slots=True)
class ThreadSched:
    """The content of one ``sched`` file.

    Args:
        values: by the kernel's own keys; times are in milliseconds.
        numa_faults: hinting faults by NUMA node and type, which decay; empty without NUMA
            balancing.
    """

    values: dict[str, float]
    numa_faults: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class RunDelay:
    """The content of one ``schedstat`` file.

    Args:
        run: nanoseconds on a CPU.
        delay: nanoseconds ready to run, without a CPU.
        slices: times it was given one.
    """

    run: int
    delay: int
    slices: int


def is_sched_counter(key: str) -> bool:
    """Whether the key of a ``sched`` file is of a number that only grows, and can be summed.

    Args:
        key: as the kernel has it, such as ``nr_switches`` or ``se.statistics.wait_sum``.
    """
    if key.startswith(_AVERAGES):
        return False
    return _COUNTER.fullmatch(key.rpartition(".")[2]) is not None


def parse_sched(data: bytes) -> ThreadSched:
    """The numbers of the file; one below zero is no counter and is left out.

    Source: /proc/TID/sched, a kernel with CONFIG_SCHED_DEBUG (before Linux 6.15) or later.

    Raises:
        Malformed: it has not the form of such a file.
    """
    ruler = _RULER.search(data)
    body = data[ruler.end() :] if ruler else b""
    values = {key.decode(errors="replace"): float(number) for key, number in _VALUE.findall(body)}
    if not values:
        raise Malformed(f"expected the table of sched, got {data[:40]!r}")
    faults = {
        node.decode(): dict(zip(_FAULT_TYPES, map(int, counts), strict=True))
        for node, *counts in _FAULTS.findall(body)
    }
    return ThreadSched(values, faults)


def parse_schedstat(data: bytes) -> RunDelay:
    """The three numbers of the file.

    Source: /proc/TID/schedstat (Documentation/scheduler/sched-stats.rst).

    Raises:
        Malformed: anything else is in it.
    """
    numbers = [number for word in data.split() if (number := to_number(word)) is not None]
    if len(numbers) != 3 or len(data.split()) != 3:
        raise Malformed(f"expected the three numbers of schedstat, got {data[:40]!r}")
    return RunDelay(*numbers)
