"""What a person may set of ``ContentionAllocator``, with its defaults."""

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """See ``ContentionAllocator``, which documents them.

    Args:
        idle: whether the idle class comes before the lowest weight.
        unlabelled: whether tasks of no known tier may be acted on.
        burst: share of its own quota by which a victim may burst.
        raise_quota: times its quota that a victim may get.
        least_cpus: CPUs that a quota leaves.
        least_memory: bytes that a memory limit leaves beyond what cannot be reclaimed.
        readings: of the victim after an action, by which it is judged.
        confidence: of suspects of whom none stands out.
        hold: seconds for which a value is held at least.
        longest_hold: seconds for which it is held at most, after relapses.
        pause: seconds between two steps back.
        verify: whether suspects are tested before one of them is acted on.
    """

    idle: bool = False
    unlabelled: bool = False
    burst: float = 1.0
    raise_quota: float = 1.5
    least_cpus: float = 0.1
    least_memory: int = 16 << 20
    readings: int = 3
    confidence: float = 0.3
    hold: float = 60.0
    longest_hold: float = 3600.0
    pause: float = 10.0
    verify: bool = False
