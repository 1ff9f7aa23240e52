"""One task over time: learning, suspicion, an anomaly and its end."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from wca.detectors.api import ContendedResource, ContentionAnomaly, Evidence
from wca.detectors.interfering.granted import Granted
from wca.detectors.interfering.judged import JUDGED, Group
from wca.detectors.interfering.norms import Norms, load_bin
from wca.detectors.interfering.sampling import MEASURES, SLI
from wca.detectors.interfering.tracks import Timeline, Track
from wca.detectors.interfering.triage import Finding, Question
from wca.detectors.interfering.troubles import APART, Tracked, Trouble
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Confirmation, Watch

__all__ = ["Change", "Patient"]

#: Intervals that the work has to cost more, with nobody to blame, to be told as another workload;
#: and that a shift which nothing explains has to last to be what is usual from then on.
_NOTICED, _LASTING = 20, 120
#: Intervals for which a change is told.
_TOLD = 60
#: Times in a row that an objective is missed before it is told, and while numbers are unusual that
#: may explain it.
_MISSED, _UNEXPLAINED = 2, 6
_NOTHING = (None,) * len(JUDGED)


@dataclass(frozen=True)
class Change:
    """A workload that is another one than before.

    Args:
        group: of the numbers that tell.
        ratio: of what is now to what was usual.
    """

    group: Group
    ratio: float


class Patient:
    """A task.

    Args:
        application: what kind of task it is.
        timeline: which is shared by all.
        confirmation: when unusual readings are an anomaly.
        quiet: intervals without an unusual reading after which an anomaly is over.
    """

    def __init__(
        self, application: str, timeline: Timeline, confirmation: Confirmation, quiet: int
    ) -> None:
        self.application = application
        self.track = Track(timeline)
        self.granted = Granted()
        self.watch = Watch(confirmation)
        self._readings = confirmation.of
        self._quiet = quiet
        self._pending: deque[tuple[int, Sequence[float]]] = deque(maxlen=_LASTING)
        self._timeline = timeline
        self._place: int | None = None
        self._troubles: list[Trouble] = []
        self._asked: Trouble | None = None
        self._changing = self._unexplained = self._told = 0
        self._noticing = self._missing = False
        self.change: Change | None = None
        self.waiting = 0

    def belong(self, application: str) -> None:
        """Say what kind of task it is, which may be known later than the task itself."""
        if application != self.application:
            self.application = application
            self.forget()

    def look(
        self, now: float, read_at: Mapping[str, float], measurements: Mapping[str, Any]
    ) -> None:
        """Take the numbers of this interval."""
        self.track.look(now, read_at, measurements)

    def judge(self, norms: Norms) -> None:
        """Hold them against what is usual."""
        place = load_bin(self.track.load)
        if place is not None:
            self._place = place
        # A task that stands still is held against its last load, one without any against nothing.
        known = self._place is not None
        usual = norms.usual(self.application, self._place or 0) if known else _NOTHING
        self.watch.look(self.track, usual)
        if place is not None:
            self._pending.append((place, self.watch.looked))
        for trouble in list(self._troubles):
            trouble.look(self.watch)
            if trouble.quiet >= self._quiet:
                self._end(trouble)

    @property
    def unjudged(self) -> bool:
        """Whether there is nothing that its numbers could be held against."""
        return all(one is None for one in self.watch.usual)

    def question(self, tasks: Mapping[str, Tracked]) -> Question | None:
        """What has to be found out about it now; None: nothing.

        Args:
            tasks: all of them, by id.
        """
        confirmed, self._asked = self.watch.confirmed, None
        if not self._troubles:  # what is over already is none
            return Question(confirmed) if self.watch.out_of(confirmed) else None
        for trouble in self._troubles:
            told = self._told_by(one for one in self._troubles if one is not trouble)
            question = trouble.question(self.watch, self._timeline, tasks, told)
            if question is not None:
                self._asked = trouble
                return question
        told = self._told_by(self._troubles)
        others = [place for place in confirmed if JUDGED[place].group not in told]
        apart = all(one.age >= APART for one in self._troubles)
        return Question(others, frozenset(told)) if others and apart else None

    def decide(self, finding: Finding) -> Verdict | None:
        """Take what was found out; the verdict when it is a new one."""
        row = finding.row
        if self._asked is not None:
            return self._asked.take(finding)
        if row is None or row.verdict is Verdict.WORKLOAD_CHANGED:
            if not self._troubles:
                self._changing = 0 if row is None else self._changing + 1
                self._unexplained += 1
            return None
        found = Trouble.of(row, finding)
        if not all(_is_another(found, one) for one in self._troubles):
            return None
        self._troubles.append(found)
        self._changing = self._unexplained = 0
        return row.verdict

    def look_at_objective(self) -> bool:
        """Whether an objective is missed from now on that nothing unusual explains."""
        watch = self.watch
        if self._missing:
            self._missing = watch.met < self._quiet
            return False
        settled = watch.missed >= (_UNEXPLAINED if watch.confirmed else _MISSED)
        self._missing = settled and not self._troubles
        return self._missing

    def learn(self, norms: Norms, now: float, *, untouched: bool) -> bool:
        """Let the norms have what nothing is wrong with; whether the workload has changed.

        Args:
            norms: of all applications.
            now: Unix time in seconds.
            untouched: whether no allocation is in force on the task.
        """
        self._told = max(0, self._told - 1)
        if not self._told:
            self.change = None
        if not untouched or self._troubles:
            self._pending.clear()
            return False
        if not self.watch.confirmed:
            self._changing = self._unexplained = 0
        if max(self._unexplained, self.watch.low) >= _LASTING:
            self._begin_anew(norms, now)
            return False
        before = self._noticing
        self._noticing = _NOTICED in (self._changing, self.watch.low)
        if self._noticing and not before:
            self.change, self._told = _change(self.watch), _TOLD
            return True
        if not self.watch.confirmed and len(self._pending) > self._readings:
            norms.learn(self.application, *self._pending.popleft(), now)
        return False

    def anomalies(self, task_id: str, present: Collection[str]) -> list[ContentionAnomaly]:
        """What is reported of it now.

        Args:
            task_id: its id.
            present: ids of tasks that are there.
        """
        for trouble in list(self._troubles):
            if trouble.left_by_all(present):
                self._end(trouble)
        if self._missing and not self._troubles:
            return [_objective_missed(task_id, self.track.now[SLI])]
        return [one.anomaly(task_id, present) for one in self._troubles]

    def forget(self) -> None:
        """Nothing is known of what was before."""
        self._troubles.clear()
        self._pending.clear()
        self._changing = self._unexplained = 0
        self._missing = False
        self.watch.clear()

    def _end(self, trouble: Trouble) -> None:
        self._troubles.remove(trouble)
        self._pending.clear()
        told = self._told_by(self._troubles)
        for group in Group:
            if group not in told and (group in trouble.explained or not self._troubles):
                self.watch.clear(group)

    def _told_by(self, troubles: Iterable[Trouble]) -> set[Group]:
        """Groups of numbers that troubles explain."""
        return {group for one in troubles for group in one.explained}

    def _begin_anew(self, norms: Norms, now: float) -> None:
        """The level of today is the usual one from now on."""
        groups = {JUDGED[place].group for place in self.watch.confirmed} or {Group.COST}
        for group in sorted(groups):
            norms.forget(self.application, group)
            self.watch.clear(group)
        for place, values in self._pending:
            norms.learn(self.application, place, values, now)
        self._pending.clear()
        self._changing = self._unexplained = 0


def _objective_missed(task_id: str, indicator: float) -> ContentionAnomaly:
    name = MEASURES[SLI].name
    values = {} if isnan(indicator) else {name: indicator}
    return ContentionAnomaly(
        ContendedResource.UNKN,
        task_id,
        verdict=Verdict.OBJECTIVE_MISSED.value,
        evidence=Evidence(values, {name: 1.0}),
    )


def _is_another(found: Trouble, before: Trouble) -> bool:
    """Whether it is no consequence of one before: somebody else does it, or the task itself."""
    if found.row.where is None:
        return True
    return bool(found.accused) and (
        not set(found.accused) & set(before.accused)
        if before.accused
        else found.row.where is not before.row.where
    )


def _change(watch: Watch) -> Change:
    """How much more, or less, the work costs."""
    for place, judged in enumerate(JUDGED):
        known, value = watch.usual[place], watch.looked[place]
        if judged.group is Group.COST and known is not None and not isnan(value):
            return Change(Group.COST, value / max(known.median, 1e-12))
    return Change(Group.COST, 1.0)
