"""Rates and ratios of what a task's counters gained between two samples."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from wca.metrics.metric import Measurements

__all__ = [
    "COUNTERS",
    "CPU_PER_WORK",
    "EVENT_SOURCES",
    "SOURCES",
    "WORK_COUNTERS",
    "cpu_seconds_per_work",
    "derived_measurements",
]

_CYCLES, _INSTRUCTIONS = "task_cycles", "task_instructions"
_REFERENCES, _MISSES = "task_cache_references", "task_cache_misses"

#: The counters that something is derived from.
COUNTERS = (_CYCLES, _INSTRUCTIONS, _REFERENCES, _MISSES)

#: What is derived of the work of an application, and from which counters.
CPU_PER_WORK = "task_cpu_seconds_per_work"
WORK_COUNTERS = ("task_cpu_usage_seconds", "task_work")

#: From which counters of events each metric is derived.
EVENT_SOURCES = MappingProxyType(
    {
        "task_ips": (_INSTRUCTIONS,),
        "task_ipc": (_INSTRUCTIONS, _CYCLES),
        "task_cache_misses_per_kilo_instructions": (_MISSES, _INSTRUCTIONS),
        "task_cache_hit_ratio": (_MISSES, _REFERENCES),
    }
)
#: From which counters each metric is derived.
SOURCES = MappingProxyType({**EVENT_SOURCES, CPU_PER_WORK: WORK_COUNTERS})


def derived_measurements(
    before: Mapping[str, object], after: Mapping[str, object], seconds: float
) -> Measurements:
    """What can be derived; what is not defined is left out, such as a ratio to nothing.

    Args:
        before: the counters of the earlier sample, those of them that were there: numbers, or
            numbers by CPU.
        after: the same of the later one, in the same form.
        seconds: between the two.

    Returns:
        Numbers, or numbers by CPU: of every CPU for which they are defined.
    """
    cpus = _cpus(after.values())
    if not cpus:
        return _derived(_gained(before, after), seconds)
    values: Measurements = {}
    for cpu in cpus:
        gained = _gained(_of_cpu(before, cpu), _of_cpu(after, cpu))
        for name, value in _derived(gained, seconds).items():
            values.setdefault(name, {})[cpu] = value
    return values


def cpu_seconds_per_work(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """CPU time for one unit of work between two samples; None: no work, or a counter began anew.

    Args:
        before: CPU seconds and units of work of the earlier sample.
        after: the same of the later one.
    """
    seconds, work = after[0] - before[0], after[1] - before[1]
    return seconds / work if seconds > 0 and work > 0 else None


def _cpus(values: Iterable[object]) -> list[str]:
    """The CPUs that have numbers of their own, each once, in their order."""
    return list(dict.fromkeys(cpu for one in values if isinstance(one, Mapping) for cpu in one))


def _of_cpu(counters: Mapping[str, object], cpu: str) -> dict[str, object]:
    return {
        name: one[cpu] for name, one in counters.items() if isinstance(one, Mapping) and cpu in one
    }


def _gained(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, float]:
    """What each counter gained that is a number in both."""
    gained: dict[str, float] = {}
    for name in COUNTERS:
        earlier, later = before.get(name), after.get(name)
        if isinstance(earlier, (int, float)) and isinstance(later, (int, float)):
            gained[name] = later - earlier
    return gained


def _derived(gained: Mapping[str, float], seconds: float) -> dict[str, float]:
    if seconds <= 0 or any(gain < 0 for gain in gained.values()):  # they began anew
        return {}
    instructions, misses = gained.get(_INSTRUCTIONS), gained.get(_MISSES)
    cycles, references = gained.get(_CYCLES, 0), gained.get(_REFERENCES, 0)
    derived: dict[str, float] = {}
    if instructions is not None:
        derived["task_ips"] = instructions / seconds
        if cycles:
            derived["task_ipc"] = instructions / cycles
    if misses is not None and instructions:
        derived["task_cache_misses_per_kilo_instructions"] = 1000 * misses / instructions
    if misses is not None and 0 < references >= misses:
        derived["task_cache_hit_ratio"] = (references - misses) / references
    return derived
