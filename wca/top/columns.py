"""The columns of the table: what each one shows, and where it comes from. Data and arithmetic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wca.metrics import Measurements
from wca.top.figures import WIDEST, Figure, amount, count, percent, ratio
from wca.top.rates import total

__all__ = ["COLUMNS", "NAME", "Column", "Numbers", "column_named", "fitting"]

#: Characters that names have at least, and their least part of a wide line.
_LEAST_NAME, _PART_OF_NAMES = 12, 0.3


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that is known of one task.

    Args:
        values: as they were read.
        rates: what counters gain per second.
        anomalies: how many there are now; None: nobody looks for any.
        allocations: kinds of them that are in force; None: nobody grants anything.
    """

    values: Measurements
    rates: Mapping[str, float]
    anomalies: int | None = None
    allocations: int | None = None

    def value(self, name: str) -> float | None:
        """What was read of a metric."""
        return total(self.values.get(name))


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Args:
        title: at its top; ``--sort`` takes it, too.
        key: the letter that sorts by it; empty: none does.
        figure: makes text of its numbers.
        meaning: one sentence, with the unit.
        source: the metrics that it is made of.
        number: gives its number of a task; None: it was not measured.
        width: in characters.
    """

    title: str
    key: str
    figure: Figure
    meaning: str
    source: Sequence[str]
    number: Callable[[Numbers], float | None]
    width: int = WIDEST


def _rate(
    title: str, key: str, figure: Figure, meaning: str, metric: str, width: int = WIDEST
) -> Column:
    return Column(title, key, figure, meaning, (metric,), lambda of: of.rates.get(metric), width)


def _value(title: str, key: str, figure: Figure, meaning: str, metric: str) -> Column:
    return Column(title, key, figure, meaning, (metric,), lambda of: of.value(metric))


def _quotient(title: str, key: str, meaning: str, part: str, whole: str, times: float) -> Column:
    """Of what two counters gained."""

    def number(of: Numbers) -> float | None:
        quotient = _share(of.rates.get(part), of.rates.get(whole))
        return None if quotient is None else times * quotient

    return Column(title, key, percent if times == 1 else ratio, meaning, (part, whole), number)


def _share(part: float | None, whole: float | None) -> float | None:
    """One number divided by another one; None: not defined."""
    return part / whole if part is not None and whole else None


def _ipc(of: Numbers) -> float | None:
    return _share(of.rates.get("task_instructions"), of.rates.get("task_cycles"))


def _of_limit(of: Numbers) -> float | None:
    return _share(of.value("task_mem_usage_bytes"), of.value("task_mem_limit_bytes"))


#: The name of the task: takes what the others leave.
NAME = "TASK"

#: In the order in which they are given up where the terminal is too narrow, the last one first.
COLUMNS: tuple[Column, ...] = (
    _rate(
        "CPU%",
        "C",
        percent,
        "CPU that the task uses, in percent of one CPU.",
        "task_cpu_usage_seconds",
        6,
    ),
    _quotient(
        "THR%",
        "T",
        "Periods in which its CPU quota has stopped it, in percent of all.",
        "task_cpu_throttled_periods",
        "task_cpu_periods",
        1,
    ),
    _value(
        "MEM",
        "M",
        amount,
        "Memory in use, without cold page cache, in bytes.",
        "task_mem_working_set_bytes",
    ),
    _rate(
        "P-CPU",
        "P",
        percent,
        "Time that some of its threads wait for a CPU, in percent.",
        "task_psi_cpu_some_seconds",
    ),
    _rate(
        "P-MEM",
        "Y",
        percent,
        "Time that some of its threads wait for memory, in percent.",
        "task_psi_memory_some_seconds",
    ),
    _rate(
        "P-IO",
        "O",
        percent,
        "Time that some of its threads wait for devices, in percent.",
        "task_psi_io_some_seconds",
    ),
    Column(
        "IPC", "I", ratio, "Instructions per cycle.", ("task_instructions", "task_cycles"), _ipc, 4
    ),
    Column(
        "ANOM",
        "A",
        count,
        "Anomalies that it suffers now.",
        ("anomaly",),
        lambda of: of.anomalies,
        4,
    ),
    Column(
        "ALLOC",
        "G",
        count,
        "Kinds of allocations that are in force on it.",
        ("allocation_*",),
        lambda of: of.allocations,
    ),
    Column(
        "LIM%",
        "L",
        percent,
        "Memory in use in percent of its limit.",
        ("task_mem_usage_bytes", "task_mem_limit_bytes"),
        _of_limit,
    ),
    _rate(
        "READ", "R", amount, "Bytes per second that it reads from devices.", "task_io_read_bytes"
    ),
    _rate(
        "WRITE", "W", amount, "Bytes per second that it writes to devices.", "task_io_written_bytes"
    ),
    _rate(
        "MAJF",
        "F",
        count,
        "Page faults per second that needed a read from a device.",
        "task_mem_major_page_faults",
    ),
    _value("SWAP", "S", amount, "Swap in use, in bytes.", "task_mem_swap_bytes"),
    _value(
        "OOM",
        "K",
        count,
        "Processes that were killed for want of memory, since its begin.",
        "task_mem_oom_kills",
    ),
    _value("PIDS", "D", count, "Processes and threads.", "task_pids"),
    _rate("RX", "X", amount, "Bytes per second that it receives.", "task_network_receive_bytes"),
    _rate("TX", "Z", amount, "Bytes per second that it sends.", "task_network_transmit_bytes"),
    _value(
        "LLC",
        "E",
        amount,
        "Bytes of the last level cache that it fills.",
        "task_llc_occupancy_bytes",
    ),
    _rate(
        "MBW",
        "B",
        amount,
        "Bytes per second that it moves to and from memory.",
        "task_mem_bandwidth_bytes",
    ),
    _quotient(
        "MPKI",
        "J",
        "Cache misses per 1000 instructions.",
        "task_cache_misses",
        "task_instructions",
        1000,
    ),
)


def column_named(title: str) -> Column | None:
    """The column of a title, in any case; None: there is none, or it is the task's name."""
    return next((one for one in COLUMNS if one.title.lower() == title.lower()), None)


def fitting(width: int | None) -> tuple[int, tuple[Column, ...]]:
    """What fits into a line.

    Args:
        width: of the line, in characters; None: whatever is needed.

    Returns:
        Characters for the task's name, 0 where the line is not bounded, and the columns.
    """
    if width is None:
        return 0, COLUMNS
    left = max(width, 1)
    least = max(_LEAST_NAME, _PART_OF_NAMES * width)
    columns: list[Column] = []
    for one in COLUMNS:
        if left - one.width - 1 < least:
            break
        left -= one.width + 1
        columns.append(one)
    return left, tuple(columns)
