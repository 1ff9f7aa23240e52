"""Who did it, by coded modulation: each suspect is held back in slots of its own code. Pure.

In each of 16 slots every suspect is held back or not, as the row of a Hadamard matrix says that is
its own. The rows are orthogonal, so what each does to the victim can be told apart though all are
tested at the same time, and what changes slowly by itself cancels.

Source: Walsh functions in the order of sequency; the linear model and its t statistics are those of
a designed experiment of two levels (Box, Hunter and Hunter).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["MOST", "SLOTS", "Score", "accused", "code", "demodulated"]

#: Slots of a test, and suspects at most, so that enough freedom is left to know the noise by.
SLOTS, MOST = 16, 7
#: What the best has to reach, how far the second has to be behind, and how often nobody's victim
#: may accuse somebody, all comparisons of a test together.
_LEAST, _AHEAD, _FALSE = 3.0, 1.5, 0.05


@dataclass(frozen=True)
class Score:
    """What speaks against a suspect.

    Args:
        task_id: of the suspect.
        signal: in which it was found.
        effect: by how much the signal of the victim is higher while it is not held back.
        t: that, in standard errors.
        chance: how likely so much is without any effect, one-sided.
    """

    task_id: str
    signal: str
    effect: float
    t: float
    chance: float


def code(place: int) -> tuple[bool, ...]:
    """When a suspect is held back: the rows that change most often come first.

    Args:
        place: of the suspect, from 0 to ``MOST`` - 1.
    """
    rows = [
        tuple(bool((row & slot).bit_count() % 2) for slot in range(SLOTS))
        for row in range(1, SLOTS)
    ]
    return sorted(rows, key=lambda row: (-_changes(row), row))[place]


def demodulated(signals: Mapping[str, Sequence[float]], suspects: Sequence[str]) -> list[Score]:
    """What the victim's signals say about each suspect, the best score of each, the worst first.

    Args:
        signals: by name, one reading for each slot.
        suspects: in the order of their codes.
    """
    scores = [
        score for name, readings in signals.items() for score in _scores(name, readings, suspects)
    ]
    best = {
        one: max((s for s in scores if s.task_id == one), key=lambda s: s.t, default=None)
        for one in suspects
    }
    return sorted((s for s in best.values() if s is not None), key=lambda s: (-s.t, s.task_id))


def accused(scores: Sequence[Score], comparisons: int) -> Score | None:
    """The one whom scores speak against; None: nobody, or two of them alike.

    Args:
        scores: the worst first.
        comparisons: suspects times signals of the test.
    """
    if not scores or scores[0].t < _LEAST or scores[0].chance * comparisons > _FALSE:
        return None
    if len(scores) > 1 and scores[0].t - scores[1].t < _AHEAD:
        return None
    return scores[0]


def _scores(name: str, readings: Sequence[float], suspects: Sequence[str]) -> list[Score]:
    """Least squares: with orthogonal codes each effect is a sum by itself."""
    middle = math.fsum(readings) / SLOTS
    halves = [
        -math.fsum(one if held else -one for held, one in zip(code(i), readings, strict=True))
        / SLOTS
        for i in range(len(suspects))
    ]
    rest = math.fsum((one - middle) ** 2 for one in readings)
    rest -= SLOTS * math.fsum(one * one for one in halves)
    freedom = SLOTS - 1 - len(suspects)
    error = math.sqrt(max(rest, 0.0) / freedom / SLOTS)
    tiny = 1e-9 * max(abs(middle), 1e-9)
    found = []
    for task_id, half in zip(suspects, halves, strict=True):
        t = half / max(error, tiny)
        found.append(Score(task_id, name, 2 * half, t, _chance(t, freedom)))
    return found


def _chance(t: float, freedom: int) -> float:
    """One-sided tail of the t distribution, as Wallace (1959) approximates it."""
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    normal = scale * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 0.5 * math.erfc(math.copysign(normal, t) / math.sqrt(2))


def _changes(row: Sequence[bool]) -> int:
    return sum(a != b for a, b in pairwise(row))
