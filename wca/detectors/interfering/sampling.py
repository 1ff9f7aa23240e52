"""What is looked at of each task: rates and ratios, differenced from totals."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wca.detectors.thresholds.signals import Signal

__all__ = [
    "BANDWIDTH",
    "COST",
    "CPI",
    "CPU",
    "DELAY",
    "FAULTS",
    "MAJOR",
    "MEASURES",
    "MEMORY",
    "MPKI",
    "OPERATIONS",
    "PSI_CPU",
    "PSI_IO",
    "PSI_MEMORY_FULL",
    "READ",
    "REFAULTS",
    "SHARES",
    "SLI",
    "THROTTLED",
    "UNKNOWN",
    "WORK",
    "WRITTEN",
    "Measure",
    "Sampler",
]

UNKNOWN = math.nan
#: Nothing real is beyond, and what is could not be computed with.
_LARGEST = 1e30


@dataclass(frozen=True)
class Measure:
    """One number of a task.

    Args:
        name: in evidence.
        metrics: whose growth it is, added up; those that are missing count as nothing.
        per: the metric whose growth it is divided by; None: time, in seconds.
        gauge: whether the metric is taken as it is.
        times: what the result is multiplied by.
    """

    name: str
    metrics: tuple[str, ...]
    per: str | None = None
    gauge: bool = False
    times: float = 1.0


_USAGE = "task_cpu_usage_seconds"

#: In the order of the constants below.
MEASURES = (
    Measure("CPU seconds per second", (_USAGE,)),
    Measure("units of work per second", ("task_work",)),
    Measure("CPU PSI some, seconds per second", ("task_psi_cpu_some_seconds",)),
    Measure("run-queue delay per running second", ("task_run_queue_delay_seconds",), _USAGE),
    Measure("share of throttled periods", ("task_cpu_throttled_periods",), "task_cpu_periods"),
    Measure("CPU seconds per unit of work", (_USAGE,), "task_work"),
    Measure("cycles per instruction", ("task_cycles",), "task_instructions"),
    Measure(
        "cache misses per 1000 instructions",
        ("task_cache_misses",),
        "task_instructions",
        times=1000.0,
    ),
    Measure("memory traffic, bytes per second", ("task_mem_bandwidth_bytes",)),
    Measure("io PSI some, seconds per second", ("task_psi_io_some_seconds",)),
    Measure("refaults per second", ("task_mem_refaults_file", "task_mem_refaults_anon")),
    Measure("major page faults per second", ("task_mem_major_page_faults",)),
    Measure("page faults per second", ("task_mem_page_faults",)),
    Measure("memory PSI full, seconds per second", ("task_psi_memory_full_seconds",)),
    Measure("bytes read per second", ("task_io_read_bytes",)),
    Measure("bytes written per second", ("task_io_written_bytes",)),
    Measure("io operations per second", ("task_io_reads", "task_io_writes")),
    Measure("memory in bytes", ("task_mem_usage_bytes",), gauge=True),
    Measure("indicator divided by objective", ("task_sli_normalized",), gauge=True),
    Measure("CPU shares", ("task_cpu_shares",), gauge=True),
)
CPU, WORK, PSI_CPU, DELAY, THROTTLED, COST, CPI, MPKI = range(8)
BANDWIDTH, PSI_IO, REFAULTS, MAJOR, FAULTS, PSI_MEMORY_FULL = range(8, 14)
READ, WRITTEN, OPERATIONS, MEMORY, SLI, SHARES = range(14, 20)

_NAMES = tuple(
    dict.fromkeys(
        name
        for one in MEASURES
        for name in (*one.metrics, *(() if one.per is None else (one.per,)))
    )
)
_GAUGES = frozenset(name for one in MEASURES if one.gauge for name in one.metrics)
_SIGNALS = tuple(Signal(name, name not in _GAUGES, of_machine=False) for name in _NAMES)
_PLACE = {name: place for place, name in enumerate(_NAMES)}
_RATES = tuple(
    (place, tuple(_PLACE[name] for name in one.metrics))
    for place, one in enumerate(MEASURES)
    if one.per is None and not one.gauge
)
_RATIOS = tuple(
    (place, _PLACE[one.metrics[0]], _PLACE[one.per], one.times)
    for place, one in enumerate(MEASURES)
    if one.per is not None
)
_LEVELS = tuple((place, _PLACE[one.metrics[0]]) for place, one in enumerate(MEASURES) if one.gauge)
_USED = _PLACE[_USAGE]


class Sampler:
    """Makes the numbers of one task of its totals.

    A total that was not read anew gives no rate; a ratio is taken between readings that are new on
    both sides, so that a total that is read every ten seconds is divided by what the other one grew
    in the same ten seconds.
    """

    def __init__(self) -> None:
        self._begin()

    def look(
        self, now: float, read_at: Mapping[str, float], measurements: Mapping[str, Any]
    ) -> list[float]:
        """The numbers now, in the order of ``MEASURES``; UNKNOWN where there is none.

        Args:
            now: monotonic time in seconds.
            read_at: monotonic time of metrics that were not read now.
            measurements: of the task.
        """
        totals = [signal.read(measurements) for signal in _SIGNALS]
        used, before = totals[_USED], self._totals[_USED]
        if used is not None and before is not None and used < before:
            self._begin()  # another task under the same id
        times = [read_at.get(name, now) for name in _NAMES] if read_at else [now] * len(_NAMES)
        rates: list[float | None] = [
            None if total is None else self._rate(place, total, time)
            for place, (total, time) in enumerate(zip(totals, times, strict=True))
        ]
        numbers = [UNKNOWN] * len(MEASURES)
        for place, parts in _RATES:
            known = [rate for part in parts if (rate := rates[part]) is not None]
            if known:
                numbers[place] = min(sum(known), _LARGEST)
        for number, (place, part, whole, factor) in enumerate(_RATIOS):
            over, under = totals[part], totals[whole]
            if rates[part] is not None and rates[whole] is not None and over is not None:
                numbers[place] = self._ratio(number, over, under or 0.0, factor)
                if place == THROTTLED and rates[whole] == 0:
                    numbers[place] = 0.0  # no quota, or nothing ran
        for place, part in _LEVELS:
            level = totals[part]
            if level is not None:
                numbers[place] = min(max(level, 0.0), _LARGEST)
        return numbers

    def _begin(self) -> None:
        self._totals: list[float | None] = [None] * len(_NAMES)
        self._times = [0.0] * len(_NAMES)
        self._pairs: list[tuple[float, float] | None] = [None] * len(_RATIOS)

    def _rate(self, place: int, total: float, time: float) -> float | None:
        before = self._totals[place]
        if before is None or total < before:
            self._totals[place], self._times[place] = total, time
            return None
        seconds = time - self._times[place]
        if seconds <= 0:
            return None
        self._totals[place], self._times[place] = total, time
        return (total - before) / seconds

    def _ratio(self, number: int, part: float, whole: float, factor: float) -> float:
        before = self._pairs[number]
        if before is not None and whole == before[1] and part >= before[0]:
            return UNKNOWN  # what the part grows belongs to the next of the whole
        self._pairs[number] = part, whole
        if before is None or part < before[0] or whole < before[1]:
            return UNKNOWN
        return min((part - before[0]) / (whole - before[1]) * factor, _LARGEST)
