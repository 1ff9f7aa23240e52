"""What an action did to the one that it was for: before, after, and where nothing was done.

Every action is an experiment. Before is the window in which the victim suffered, after begins when
the value is in force; the control is the same signal over the same windows of tasks that the action
is not about, or over two windows of the victim's own before it suffered, so that what the whole
machine did meanwhile is not taken for the effect.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Effect", "Windows", "compare", "control_of"]

#: Spread of a steady series, as a share of its mean; and how far from usual is still as usual.
_STEADY, _AS_USUAL = 0.5, 0.3
_TINY = 1e-9


@dataclass(frozen=True)
class Windows:
    """Readings of one signal of one task.

    Args:
        before: while it suffered, and nothing was done.
        after: since the value is in force.
        usual: before it suffered.
    """

    before: Sequence[float]
    after: Sequence[float]
    usual: Sequence[float] = ()


@dataclass(frozen=True)
class Effect:
    """What an action did.

    Args:
        signal: the name of what was measured.
        before: its mean before.
        after: its mean after.
        usual: its median when nothing was wrong; None: not known.
        control: what became of it, after divided by before, where nothing was done; None: not
            known.
        confidence: that before and after differ by more than chance, from 0 to 1 (Welch's t-test).
    """

    signal: str
    before: float
    after: float
    usual: float | None
    control: float | None
    confidence: float

    @property
    def ratio(self) -> float:
        """After divided by before, and by the control where there is one: below 1 it helped."""
        return self.after / max(self.before, _TINY) / (self.control or 1.0)

    @property
    def removed(self) -> float:
        """Share of the harm that is gone: 1 all of it, 0 none, below 0 there is more."""
        harm = self.before - (self.usual or 0.0)
        return (self.before - self.after) / harm if harm > _TINY else 0.0

    def __str__(self) -> str:
        control = "" if self.control is None else f", elsewhere times {self.control:.2f}"
        return (
            f"{self.signal} went from {self.before:.4g} to {self.after:.4g}"
            f"{control} (confidence {self.confidence:.2f})"
        )


def compare(signal: str, windows: Windows, control: float | None = None) -> Effect | None:
    """The effect that windows tell of; None where there is no reading before or after.

    Args:
        signal: its name.
        windows: of the victim.
        control: what became of the signal where nothing was done, see ``control_of``.
    """
    if not windows.before or not windows.after:
        return None
    usual = sorted(windows.usual)
    return Effect(
        signal,
        _mean(windows.before),
        _mean(windows.after),
        usual[len(usual) // 2] if usual else None,
        control,
        _confidence(windows.before, windows.after),
    )


def control_of(victim: Windows, others: Sequence[Windows]) -> float | None:
    """What became of a signal where nothing was done, after divided by before; None: not known.

    A task that suffered as the victim did may be helped by the same action: only those count whose
    signal was as usual before it, and steady enough for its course to say anything.

    Args:
        victim: two windows before it suffered count if all else fails.
        others: of tasks that the action is not about.
    """
    ratios = sorted(
        _mean(one.after) / _mean(one.before)
        for one in others
        if one.after and _steady(one.before) and _steady(one.usual) and _as_usual(one)
    )
    if ratios:
        return ratios[len(ratios) // 2]
    half = len(victim.usual) // 2
    earlier, later = victim.usual[:half], victim.usual[half:]
    return _mean(later) / _mean(earlier) if _steady(earlier) and _steady(later) else None


def _steady(values: Sequence[float]) -> bool:
    if len(values) < 2 or _mean(values) <= _TINY:
        return False
    return math.sqrt(_variance(values)) <= _STEADY * _mean(values)


def _as_usual(one: Windows) -> bool:
    return abs(_mean(one.before) / _mean(one.usual) - 1) <= _AS_USUAL


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    middle = _mean(values)
    return math.fsum((one - middle) ** 2 for one in values) / (len(values) - 1)


def _confidence(before: Sequence[float], after: Sequence[float]) -> float:
    """1 - p of Welch's t-test, two-sided; the t distribution as Wallace (1959) approximates it."""
    if len(before) < 2 or len(after) < 2:
        return 0.0
    parts = [_variance(one) / len(one) for one in (before, after)]
    difference, spread = abs(_mean(before) - _mean(after)), sum(parts)
    if spread <= _TINY * _TINY:
        return 1.0 if difference > _TINY else 0.0
    freedom = spread**2 / (parts[0] ** 2 / (len(before) - 1) + parts[1] ** 2 / (len(after) - 1))
    t_squared = difference**2 / spread
    normal = (
        (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t_squared / freedom))
    )
    return 1.0 - math.erfc(normal / math.sqrt(2))
