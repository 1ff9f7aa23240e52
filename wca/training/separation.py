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
    usual: Sequence[float], disturbed: Sequence[float], budget: float
) -> Separation | None:
    """The best limit; None: there are too few readings, or none explains them.

    Only limits are tried that are not below the largest share of usual readings: ``1 - budget``
    of them.

    Args:
        usual: readings, the smallest first.
        disturbed: those of episodes, the smallest first.
        budget: share of the usual ones that may be beyond the limit.
    """
    if len(usual) < _ENOUGH or len(disturbed) < _ENOUGH:
        return None
    lowest = usual[len(usual) - 1 - int(budget * len(usual))]
    values = sorted({lowest, *(one for one in (*usual, *disturbed) if one > lowest)})
    step = max(1, len(values) // _TRIED)
    limits = [lowest, *((one + other) / 2 for one, other in list(pairwise(values))[::step])]
    best = max((Separation(one, _score(usual, disturbed, one)) for one in limits), key=_worth)
    return best if best.score >= _SCORE else None


def _worth(one: Separation) -> tuple[float, float]:
    return one.score, -one.limit


def _score(usual: Sequence[float], disturbed: Sequence[float], limit: float) -> float:
    right = len(disturbed) - bisect_right(disturbed, limit)
    wrong = len(usual) - bisect_right(usual, limit)
    precision, recall = Share(right, right + wrong).low, Share(right, len(disturbed)).low
    return 2 * precision * recall / (precision + recall) if right else 0.0
