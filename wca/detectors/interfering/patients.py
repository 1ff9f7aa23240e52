"""One task over time: learning, suspicion, an anomaly and its end."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from wca.detectors.api import ContentionAnomaly, Evidence, Suspect
from wca.detectors.interfering.judged import JUDGED, Group
from wca.detectors.interfering.norms import Norms, load_bin
from wca.detectors.interfering.table import Row
from wca.detectors.interfering.tracks import Timeline, Track
from wca.detectors.interfering.triage import Finding
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Confirmation, Watch

__all__ = ["Change", "Patient"]

#: Intervals that the work has to cost more, with nobody to blame, to be told as another workload;
#: and that a shift which nothing explains has to last to be what is usual from then on.
_NOTICED, _LASTING = 20, 120
#: Intervals after the beginning in which a culprit is still looked for.
_SEARCH = 20
#: Intervals for which a change is told.
_TOLD = 60


@dataclass(frozen=True)
class Change:
    """A workload that is another one than before.

    Args:
        group: of the numbers that tell.
        ratio: of what is now to what was usual.
    """

    group: Group
    ratio: float


@dataclass
class _Trouble:
    row: Row
    accused: Sequence[str]
    suspects: Sequence[Suspect]
    evidence: Evidence
    age: int = 0
    quiet: int = 0


class Patient:
    """A task.

    Args:
        application: what kind of task it is.
        timeline: which is shared by all.
        confirmation: when unusual readings are an anomaly.
        quiet: readings without an unusual one after which an anomaly is over.
    """

    def __init__(
        self, application: str, timeline: Timeline, confirmation: Confirmation, quiet: int
    ) -> None:
        self.application = application
        self.track = Track(timeline)
        self.watch = Watch(confirmation)
        self._readings = confirmation.of
        self._quiet = quiet
        self._pending: deque[tuple[int, Sequence[float]]] = deque(maxlen=_LASTING)
        self._trouble: _Trouble | None = None
        self._changing = self._unexplained = self._told = 0
        self.change: Change | None = None
        self.waiting = 0

    def look(
        self, now: float, read_at: Mapping[str, float], measurements: Mapping[str, Any]
    ) -> None:
        """Take the numbers of this interval."""
        self.track.look(now, read_at, measurements)

    def judge(self, norms: Norms) -> None:
        """Hold them against what is usual."""
        place = load_bin(self.track.load)
        usual = norms.usual(self.application, 0 if place is None else place)
        self.watch.look(self.track, usual)
        if place is not None:
            self._pending.append((place, self.watch.looked))
        trouble = self._trouble
        if trouble is not None:
            trouble.age += 1
            trouble.quiet = 0 if self.watch.out_now(trouble.row.group) else trouble.quiet + 1
            if trouble.quiet >= self._quiet:
                self._end()

    @property
    def lasting(self) -> int:
        """Intervals since its anomaly was found; 0 where there is none."""
        return 0 if self._trouble is None else self._trouble.age

    @property
    def unjudged(self) -> bool:
        """Whether there is nothing that its numbers could be held against."""
        return all(one is None for one in self.watch.usual)

    @property
    def suspected(self) -> bool:
        """Whether it has to be looked at closely now."""
        if self._trouble is not None:
            return not self._trouble.accused and self._trouble.age < _SEARCH
        return bool(self.watch.confirmed)

    def decide(self, finding: Finding) -> Verdict | None:
        """Take what was found out; the verdict when it is a new one."""
        row = finding.row
        if row is None or row.verdict is Verdict.WORKLOAD_CHANGED:
            if self._trouble is None:
                self._changing = 0 if row is None else self._changing + 1
                self._unexplained += 1
            return None
        before = self._trouble
        same = before is not None and before.row.verdict is row.verdict
        accused = finding.blame.accused if row.accuses else ()
        if before is not None and not same and not accused:
            return None
        self._trouble = _Trouble(row, accused, finding.blame.suspects, finding.evidence)
        if before is not None:
            self._trouble.age = before.age
        self._changing = self._unexplained = 0
        return None if same else row.verdict

    def learn(self, norms: Norms, now: float, *, untouched: bool) -> bool:
        """Let the norms have what nothing is wrong with; whether the workload has changed.

        Args:
            norms: of all applications.
            now: Unix time in seconds.
            untouched: whether the task has no allocations in force.
        """
        self._told = max(0, self._told - 1)
        if not self._told:
            self.change = None
        if not untouched or self._trouble is not None:
            self._pending.clear()
            return False
        if not self.watch.confirmed:
            self._changing = self._unexplained = 0
        if max(self._unexplained, self.watch.low) >= _LASTING:
            self._begin_anew(norms, now)
            return False
        if _NOTICED in (self._changing, self.watch.low):
            self.change, self._told = _change(self.watch), _TOLD
            return True
        if not self.watch.confirmed and len(self._pending) > self._readings:
            norms.learn(self.application, *self._pending.popleft(), now)
        return False

    def anomaly(self, task_id: str, present: Collection[str]) -> ContentionAnomaly | None:
        """What is reported of it now.

        Args:
            task_id: its id.
            present: ids of tasks that are there.
        """
        trouble = self._trouble
        if trouble is None:
            return None
        if trouble.accused and not any(one in present for one in trouble.accused):
            self._end()  # who did it is gone
            return None
        return ContentionAnomaly(
            trouble.row.resource,
            task_id,
            [one for one in trouble.accused if one in present],
            verdict=trouble.row.verdict.value,
            evidence=trouble.evidence,
            suspects=[one for one in trouble.suspects if one.task_id in present],
        )

    def forget(self) -> None:
        """Nothing is known of what was before."""
        self._trouble = None
        self._pending.clear()
        self._changing = self._unexplained = 0
        self.watch.clear()

    def _end(self) -> None:
        self.watch.clear()
        self._trouble = None
        self._pending.clear()

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


def _change(watch: Watch) -> Change:
    """How much more, or less, the work costs."""
    for place, judged in enumerate(JUDGED):
        known, value = watch.usual[place], watch.looked[place]
        if judged.group is Group.COST and known is not None and not isnan(value):
            return Change(Group.COST, value / max(known.median, 1e-12))
    return Change(Group.COST, 1.0)
