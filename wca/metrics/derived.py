"""Rates and ratios of what a task's counters gained between two samples."""

from collections.abc import Mapping

from wca.metrics.metric import Measurements

__all__ = ["COUNTERS", "derived_measurements"]

_CYCLES, _INSTRUCTIONS = "task_cycles", "task_instructions"
_REFERENCES, _MISSES = "task_cache_references", "task_cache_misses"

#: The counters that something is derived from.
COUNTERS = (_CYCLES, _INSTRUCTIONS, _REFERENCES, _MISSES)


def derived_measurements(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> Measurements:
    """What can be derived; what is not defined is left out, such as a ratio to nothing.

    Args:
        before: the counters of the earlier sample, those of them that were there.
        after: the same of the later one.
        seconds: between the two.
    """
    gained = {name: after[name] - before[name] for name in COUNTERS if _both(name, before, after)}
    if seconds <= 0 or any(gain < 0 for gain in gained.values()):  # they began anew
        return {}
    instructions, misses = gained.get(_INSTRUCTIONS), gained.get(_MISSES)
    cycles, references = gained.get(_CYCLES, 0), gained.get(_REFERENCES, 0)
    derived: Measurements = {}
    if instructions is not None:
        derived["task_ips"] = instructions / seconds
        if cycles:
            derived["task_ipc"] = instructions / cycles
    if misses is not None and instructions:
        derived["task_cache_misses_per_kilo_instructions"] = 1000 * misses / instructions
    if misses is not None and 0 < references >= misses:
        derived["task_cache_hit_ratio"] = (references - misses) / references
    return derived


def _both(name: str, before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    return name in before and name in after
