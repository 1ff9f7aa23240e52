"""``ThresholdRule``: a metric beyond a bound."""

import math
from typing import Annotated, Unpack

from wca.config.types import Numeric, Str
from wca.errors import ValidationError
from wca.workers.api import Rule
from wca.workers.model import Judgement, Reading, Sample, Severity, Verdict, WorkerState
from wca.workers.rules.fields import Periods, RuleName, polls_of

__all__ = ["ThresholdRule"]

_Bound = Annotated[float, Numeric()] | None


class ThresholdRule(Rule):
    """Fires while a metric of a worker is beyond a bound.

    Of a metric that is read of several parts of a worker, such as its disks, it holds while one of
    them is beyond the bound. Zero is a value like any other. A poll without a settled value (no
    data, stale, throttled, failed) says nothing: it neither fires nor resolves. Alerts of an
    instance that is stopped are resolved.

    Args:
        metric: which one, by the name it has among the metrics that are read.
        above: it holds while the value is greater. One of ``above`` and ``below`` is needed.
        below: it holds while the value is less.
        clear_below: with ``above``: it is over only when the value is less than this (``above``).
        clear_above: with ``below``: it is over only when the value is greater than this
            (``below``).
        severity: of its alerts.
        name: tells it from others (such as ``cpu above 90``).
        for: how many readings in a row it must hold before it fires (1); a reading that several
            polls find counts once.

    Raises:
        ValidationError: the bounds do not fit together.
    """

    while_stopped = False

    def __init__(
        self,
        metric: Annotated[str, Str(200)],
        above: _Bound = None,
        below: _Bound = None,
        clear_below: _Bound = None,
        clear_above: _Bound = None,
        severity: Severity = Severity.WARNING,
        name: RuleName | None = None,
        **fields: Unpack[Periods],
    ) -> None:
        bounds = {"above": above, "below": below}
        given = [side for side, bound in bounds.items() if bound is not None]
        if len(given) != 1:
            what = "both above and below" if given else "neither above nor below"
            raise ValidationError(f"the rule has {what}: write one of them")
        self.side = given[0]
        self.bound = _finite(self.side, bounds[self.side])
        clears = {"clear_below": clear_below, "clear_above": clear_above}
        self.clear = _clear(self.side, self.bound, clears)
        self.metric: str = metric
        self.severity = Severity(severity)
        self.polls = polls_of(fields)
        self.name = name or f"{metric} {self.side} {self.bound:g}"

    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Hold the newest settled value against the bounds."""
        del before  # how often it was so is counted elsewhere
        reading = sample.readings.get(self.metric)
        if reading is None or reading.verdict not in (Verdict.VALUE, Verdict.ZERO):
            return Judgement(None)
        value, part = self._worst(reading)
        if value is None or not math.isfinite(value):
            return Judgement(None)
        where = f" ({part})" if part else ""
        said = f"{self.metric} of {sample.worker.title}{where} is {value:.4g}"
        if self._beyond(value, self.bound):
            parts = reading.parts.items()
            what = tuple(sorted(name for name, one in parts if self._beyond(one, self.bound)))
            summary = f"{said}, {self.side} {self.bound:g}"
            return Judgement(active=True, summary=summary, value=value, what=what, at=reading.at)
        if self.clear is None or self._beyond(self.clear, value):
            summary = f"{said}, no longer {self.side} {self.bound:g}"
            return Judgement(active=False, summary=summary, value=value, at=reading.at)
        summary = f"{said}, not yet back from {self.side} {self.bound:g}"
        return Judgement(None, summary, value, at=reading.at)

    def _beyond(self, value: float, bound: float) -> bool:
        return value > bound if self.side == "above" else value < bound

    def _worst(self, reading: Reading) -> tuple[float | None, str]:
        """The value that is judged, and the part of the worker that has it."""
        if not reading.parts:
            return reading.value, ""
        parts = sorted((value, part) for part, value in reading.parts.items())
        return parts[-1] if self.side == "above" else parts[0]


def _finite(field: str, bound: float | None) -> float:
    if bound is None or not math.isfinite(bound):
        raise ValidationError(f"{field}: expected a finite number, got {bound}")
    return float(bound)


def _clear(side: str, bound: float, clears: dict[str, float | None]) -> float | None:
    """The bound at which it is over; None: the same."""
    mine, other = ("clear_below", "clear_above")[:: 1 if side == "above" else -1]
    if clears[other] is not None:
        raise ValidationError(f"{other} belongs to a rule without {side}: write {mine}")
    if clears[mine] is None:
        return None
    clear = _finite(mine, clears[mine])
    if (clear > bound) if side == "above" else (clear < bound):
        where = "less" if side == "above" else "more"
        raise ValidationError(
            f"{mine}: {clear:g} is on the wrong side of {side}: {bound:g}, write {where}"
        )
    return clear
