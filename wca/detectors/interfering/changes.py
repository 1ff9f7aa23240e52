"""Where a number stepped, and whether another one went along with it."""

import math
from collections.abc import Sequence

from wca.detectors.interfering.tracks import known_mean

__all__ = ["correlation", "step_at"]


def step_at(values: Sequence[float], first: int) -> int:
    """The place from which on the values are another level: where two means explain them best.

    Args:
        values: may have unknown ones (NaN).
        first: the earliest place that is thought of; with less than two values there is none
            better.
    """
    known = [(place, value) for place, value in enumerate(values) if math.isfinite(value)]
    total, best, found = math.fsum(value for _, value in known), -1.0, first
    below, size = 0.0, len(known)
    for count, (place, value) in enumerate(known):
        rest = size - count
        if place >= first and count and rest:
            apart = (total - below) / rest - below / count
            gain = apart * apart * count * rest if apart > 0 else 0.0
            if gain > best:
                best, found = gain, place
        below += value
    return found


def correlation(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Pearson's, where both are known; 0 where nothing can be said."""
    pairs = [
        (one, other)
        for one, other in zip(ours, theirs, strict=True)
        if math.isfinite(one) and math.isfinite(other)
    ]
    if len(pairs) < 3:
        return 0.0
    mean, other_mean = known_mean([one for one, _ in pairs]), known_mean([one for _, one in pairs])
    both = math.fsum((one - mean) * (other - other_mean) for one, other in pairs)
    spread = math.fsum((one - mean) ** 2 for one, _ in pairs)
    spread *= math.fsum((other - other_mean) ** 2 for _, other in pairs)
    return max(-1.0, min(1.0, both / math.sqrt(spread))) if spread > 1e-30 else 0.0
