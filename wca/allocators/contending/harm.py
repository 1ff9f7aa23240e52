"""What a victim suffers, as far as it takes to see whether it still does."""

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from wca.allocators.contending.readings import Readings, mean, median
from wca.allocators.effects import Effect, Windows, compare, control_of
from wca.detectors.api import ContentionAnomaly
from wca.detectors.interfering.sampling import COST, CPI, MEASURES, SLI

__all__ = ["Harm", "Outcome", "harm_of"]

#: Readings before an action that are looked at, and that tell whether it is bad now.
_BEFORE, _NOW = 5, 3
#: Costs spread more, as the detector has it.
_SMOOTH = 5
#: Readings that tell whether it is bad again although something that has helped is held.
_HELD = 10
#: Seconds before the trouble that tell what is usual, and what was just before: less than quiet
#: has to last between two troubles, so that it is not what was suffered in the one before.
_USUAL, _JUST_BEFORE = 60.0, 10.0
#: Share of the harm that is most of it, and that is a help.
_MOST, _HELPED = 0.5, 0.2
#: Times what was usual just before, from which on it is worse than that.
_NEAR_USUAL = 1.15
#: An objective that is met with so much room needs no help.
_AT_EASE = 0.8


class Outcome(enum.StrEnum):
    """Of an action, for the victim."""

    RECOVERED = "the victim has recovered"
    MOSTLY = "the victim has recovered for the most part"
    HELPED = "the victim was helped, but not enough"
    NOTHING = "the victim was not helped"


@dataclass(frozen=True)
class Harm:
    """What a victim suffered before something was done.

    Args:
        victim: its task id.
        measure: place in ``MEASURES`` of what tells.
        before: readings of it while it suffered.
        usual: readings before that.
        limit: up to where all is well; an objective is missed above 1.
        since: monotonic time at which what was usual ended.
        held: whether something that has helped is held.
    """

    victim: str
    measure: int
    before: Sequence[float]
    usual: Sequence[float]
    limit: float
    since: float
    held: bool = False

    @property
    def signal(self) -> str:
        """The name of what tells."""
        return MEASURES[self.measure].name

    def is_bad(self, readings: Readings, since: float, *, soon: bool = False) -> bool:
        """Whether it is bad now, by what was read after a time.

        Args:
            readings: of all tasks.
            since: monotonic time from which on readings count.
            soon: whether few readings are enough although something is held, as when it is being
                given back.
        """
        patient = self.held and not soon
        count = _HELD if patient else _SMOOTH if self.measure in (COST, CPI) else _NOW
        lately = readings.values(self.victim, self.measure, since)[-count:]
        middle = mean(lately)
        if middle is None or middle <= self.limit or (patient and len(lately) < count):
            return False
        return sum(one > self.limit for one in lately) * 2 > len(lately)

    def effect(
        self, readings: Readings, since: float, others: Collection[str], until: float
    ) -> Effect | None:
        """What became of it after a time; None where nothing was read.

        Args:
            readings: of all tasks.
            since: monotonic time from which on readings count.
            others: tasks that were left alone, as a control.
            until: monotonic time at which the action was taken.
        """
        after = readings.values(self.victim, self.measure, since)
        windows = Windows(self.before, after, self.usual)
        controls = [
            Windows(
                readings.values(one, self.measure, self.since, until),
                readings.values(one, self.measure, since),
                readings.values(one, self.measure, self.since - _USUAL, self.since - 1.0),
            )
            for one in others
        ]
        return compare(self.signal, windows, control_of(windows, controls))

    def kept(self, effect: Effect) -> "Harm":
        """The same while an action is held: bad again when half of what it has reached is lost.

        Not sooner, and not for a moment only: of readings that go up and down around a limit some
        are always above it. An objective that is met and then missed is missed.
        """
        if self.measure == SLI and effect.after <= self.limit:
            return replace(self, held=True)
        limit = max(self.limit, (effect.before + effect.after) / 2)
        return replace(self, limit=limit, held=True)

    def judge(self, effect: Effect) -> Outcome:
        """Whether the victim has recovered."""
        if effect.after <= self.limit:
            return Outcome.RECOVERED
        if self.measure != SLI and effect.removed >= _MOST:
            return Outcome.MOSTLY
        return Outcome.HELPED if effect.removed >= _HELPED else Outcome.NOTHING


def harm_of(
    anomaly: ContentionAnomaly, signals: Sequence[int], readings: Readings, onset: float
) -> Harm | None:
    """What the victim of an anomaly suffers now; None: nothing that would need an action.

    Where the application tells how well it meets its objective, that decides: one that meets it
    with room is at ease, whatever else is unusual.

    Args:
        anomaly: which.
        signals: measures that tell, the first one that is known counts.
        readings: of all tasks.
        onset: monotonic time at which it began.
    """
    victim, evidence = anomaly.contended_task_id, anomaly.evidence
    objective = mean(readings.last(victim, SLI, _NOW))
    if objective is not None and objective < _AT_EASE:
        return None
    missed = objective is not None and objective > 1
    for measure in (*((SLI,) if missed else ()), *signals):
        before = readings.values(victim, measure, onset)[-_BEFORE:]
        if not before:
            continue
        usual = readings.values(victim, measure, onset - _USUAL, onset - 1.0)
        name = MEASURES[measure].name
        limit = None if evidence is None else evidence.thresholds.get(name)
        if measure == SLI:
            limit = 1.0
        else:  # more than what it was just before cannot be asked for
            limit = _half(before, usual) if limit is None else limit
            lately = readings.values(victim, measure, onset - _JUST_BEFORE, onset - 1.0)
            if len(lately) >= _NOW:
                limit = max(limit, _NEAR_USUAL * (median(lately) or 0.0))
        harm = Harm(victim, measure, before, usual, limit, onset)
        if harm.is_bad(readings, onset):
            return harm
    return None


def _half(before: Sequence[float], usual: Sequence[float]) -> float:
    """Half of the way back to what is usual."""
    suffered, normal = mean(list(before)) or 0.0, median(list(usual))
    return 0.7 * suffered if normal is None else normal + (1 - _MOST) * (suffered - normal)
