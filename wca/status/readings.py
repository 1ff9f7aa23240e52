"""What the page shows of a task and of the machine, from what was measured of them. Pure."""

import math
from collections.abc import Iterable, Mapping

from wca.linux.procfs import CPU_MODES
from wca.metrics import Measurements
from wca.status.meter import Meter

__all__ = ["COLUMNS", "COUNTERS", "node_values", "task_values"]

#: What is shown of a task, in this order: CPUs that it uses; the share of its quota's periods in
#: which it was held back; its working set; the shares of time in which a part of it waited for CPU,
#: memory, and input or output; instructions per cycle.
COLUMNS = (
    "cpu",
    "throttled",
    "memory_bytes",
    "pressure_cpu",
    "pressure_memory",
    "pressure_io",
    "ipc",
)
_CPU, _MEMORY = "task_cpu_usage_seconds", "task_mem_working_set_bytes"
_PERIODS, _THROTTLED = "task_cpu_periods", "task_cpu_throttled_periods"
_CYCLES, _INSTRUCTIONS = "task_cycles", "task_instructions"
_RESOURCES = ("cpu", "memory", "io")
_TASK_PRESSURES = tuple(f"task_psi_{resource}_some_seconds" for resource in _RESOURCES)
_TASK_COUNTERS = (_CPU, _PERIODS, _THROTTLED, _CYCLES, _INSTRUCTIONS, *_TASK_PRESSURES)
_MODES = "platform_cpu_seconds"
_NODE_PRESSURES = tuple(f"platform_psi_{resource}_some_seconds" for resource in _RESOURCES)
_TOTAL, _AVAILABLE = "platform_mem_total_bytes", "platform_mem_available_bytes"
_IDLE = frozenset({"idle", "iowait"})
_BUSY = tuple(mode for mode in CPU_MODES if mode not in _IDLE)

#: Counters of which it matters when they were read, as the catalogue names them.
COUNTERS = (*_TASK_COUNTERS, _MODES, *_NODE_PRESSURES)


def task_values(
    measured: Measurements, meter: Meter, read_at: Mapping[str, float], now: float
) -> tuple[float, ...]:
    """A value for each of ``COLUMNS``; NaN where there is none.

    Args:
        measured: of the task.
        meter: of the task; it remembers the readings before.
        read_at: monotonic time at which each of ``COUNTERS`` was read last, in seconds.
        now: monotonic time.
    """
    rates = meter.rates(_counters(measured, _TASK_COUNTERS), read_at, now)
    return (
        rates.get(_CPU, math.nan),
        _ratio(rates, _THROTTLED, _PERIODS),
        _number(measured.get(_MEMORY)),
        *(_share(rates, name) for name in _TASK_PRESSURES),
        _ratio(rates, _INSTRUCTIONS, _CYCLES),
    )


def node_values(
    measured: Measurements, meter: Meter, read_at: Mapping[str, float], now: float
) -> dict[str, float]:
    """What is known of the machine, by name: ``cpu`` in CPUs, bytes, and shares of time.

    Args:
        measured: of the machine.
        meter: of the machine.
        read_at: as above.
        now: as above.
    """
    counters = _counters(measured, _NODE_PRESSURES)
    busy = _busy_seconds(measured.get(_MODES))
    if math.isfinite(busy):
        counters[_MODES] = busy
    rates = meter.rates(counters, read_at, now)
    total = _number(measured.get(_TOTAL))
    pressures = zip(_RESOURCES, _NODE_PRESSURES, strict=True)
    values = {
        "cpu": rates.get(_MODES, math.nan),
        "memory_total_bytes": total,
        "memory_used_bytes": total - _number(measured.get(_AVAILABLE)),
        **{f"pressure_{resource}": _share(rates, name) for resource, name in pressures},
    }
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _counters(measured: Measurements, names: Iterable[str]) -> dict[str, float]:
    """Those of the counters that were measured."""
    found = {name: _number(measured[name]) for name in names if name in measured}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _number(value: object) -> float:
    """The number, or the sum of those of a metric with levels; NaN: it is none."""
    if isinstance(value, Mapping):
        return sum(map(_number, value.values())) if value else math.nan
    return value if isinstance(value, (int, float)) else math.nan


def _busy_seconds(cpus: object) -> float:
    """CPU time in which CPUs were not idle, by CPU and mode; NaN: it is not known."""
    if not isinstance(cpus, Mapping):
        return math.nan
    return _number(
        {
            (cpu, mode): modes.get(mode)
            for cpu, modes in cpus.items()
            if isinstance(modes, Mapping)
            for mode in _BUSY
        }
    )


def _ratio(rates: Mapping[str, float], part: str, whole: str) -> float:
    """The part of what has happened between two readings; NaN where nothing has."""
    if part not in rates or not rates.get(whole):
        return math.nan
    return rates[part] / rates[whole]


def _share(rates: Mapping[str, float], name: str) -> float:
    """A share of time: two clocks do not agree to the microsecond, so that it may be above one."""
    return min(1.0, rates[name]) if name in rates else math.nan
