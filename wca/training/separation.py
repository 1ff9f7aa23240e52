"""The limit that tells disturbed readings best from usual ones."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from wca.recording.scoring import Share

__all__ = ["Separation", "separate"]

#: Readings of each kind without which nothing is concluded, and the score without which a limit
#: explains nothing.
_ENOUGH, _SCORE = 20, 0.6
#: Limits that are tried.
_TRIED = 2000


@dataclass(frozen=True)
class Separation:
    """A limit and what it is worth.

    Args:
        limit: what is above it is called disturbed.
        score: the F-measure, made of the lower ends of the intervals of precision and recall.
    """

    limit: float
    score: float


def separate(
    usual: Sequence[float], disturbed: Sequence[float], budget: float, fence: float
) -> Separation | None:
    """The best limit; None: there are too few readings, or none explains them.

    Those are tried that leave few enough usual readings outside: the fence, which is taken where no
    other one is better, and the middle between any two readings.

    Args:
        usual: readings, the smallest first.
        disturbed: those of episodes, the smallest first.
        budget: share of the usual ones that may be beyond the limit.
        fence: the limit that the usual readings alone have given.
    """
    if len(usual) < _ENOUGH or len(disturbed) < _ENOUGH:
        return None
    lowest = usual[len(usual) - 1 - int(budget * len(usual))]
    values = sorted({lowest, *(one for one in (*usual, *disturbed) if one > lowest)})
    step = max(1, len(values) // _TRIED)
    limits = [(one + other) / 2 for one, other in list(pairwise(values))[::step]]
    if fence >= lowest:
        limits.insert(0, fence)  # of equals the first one is the best
    tried = [Separation(one, _score(usual, disturbed, one)) for one in limits]
    best = max(tried, key=lambda one: one.score, default=None)
    return best if best is not None and best.score >= _SCORE else None


def _score(usual: Sequence[float], disturbed: Sequence[float], limit: float) -> float:
    right = len(disturbed) - bisect_right(disturbed, limit)
    wrong = len(usual) - bisect_right(usual, limit)
    precision, recall = Share(right, right + wrong).low, Share(right, len(disturbed)).low
    return 2 * precision * recall / (precision + recall) if right else 0.0
