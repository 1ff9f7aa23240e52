"""An anomaly of a task while it lasts, and what has to be found out about it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wca.detectors.api import ContentionAnomaly, Evidence, Suspect
from wca.detectors.interfering.blame import activity
from wca.detectors.interfering.judged import Group
from wca.detectors.interfering.table import Row
from wca.detectors.interfering.tracks import Timeline, Track, known_median
from wca.detectors.interfering.triage import Finding, Question
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Watch

__all__ = ["APART", "Tracked", "Trouble"]

#: Intervals in which a culprit is looked for: since the beginning, and since an accused stopped.
_SEARCH = 20
#: Intervals after which it is looked whether the accused goes on, and over which.
_AGAIN, _LATELY = 5, 5
#: Intervals that the accused must have stopped for, and those after it that may be its echo.
_STOPPED, _ECHO = 6, 3
#: Intervals since an anomaly was found after which numbers that become unusual are not its own.
APART = 6
#: Numbers that a trouble may raise, soon or late.
_PAGES = frozenset((Group.IO, Group.REFAULTS, Group.MEMORY, Group.OWN_IO))
_RAISED = {
    **dict.fromkeys(_PAGES, _PAGES),
    Group.THROTTLED: frozenset((Group.WAIT, Group.COST)),
}


class Tracked(Protocol):
    """What is known of a suspect."""

    @property
    def track(self) -> Track:
        """Its numbers."""


@dataclass
class Trouble:
    """One anomaly of one task.

    Args:
        row: what it is.
        accused: who is.
        suspects: who was considered.
        evidence: for it.
        stopped_below: activity of the accused below which it does not do it any longer.
        explained: groups of numbers that rose with it.
        age: intervals since it was found.
        quiet: intervals in a row without an unusual reading.
        stopped: intervals since the one that was accused stopped; 0: it did not.
    """

    row: Row
    accused: Sequence[str]
    suspects: Sequence[Suspect]
    evidence: Evidence
    stopped_below: float = 0.0
    explained: set[Group] = field(default_factory=set)
    age: int = 0
    quiet: int = 0
    stopped: int = 0

    @classmethod
    def of(cls, row: Row, finding: Finding) -> "Trouble":
        """What was found out.

        Args:
            row: that fits.
            finding: who and why.
        """
        blame = finding.blame
        accused = blame.accused if row.accuses else ()
        explained = {row.group} | _RAISED.get(row.group, frozenset()) | set(finding.high)
        return cls(
            row, accused, blame.suspects, finding.evidence, blame.stopped_below, set(explained)
        )

    def look(self, watch: Watch) -> None:
        """Another interval has passed."""
        self.age += 1
        self.stopped += bool(self.stopped)
        self.quiet = 0 if watch.out_now(self.row.group) else self.quiet + 1
        if self.age < APART:
            self.explained |= {one for one in Group if watch.out_now(one)}

    def question(
        self, watch: Watch, timeline: Timeline, tasks: Mapping[str, Tracked], told: set[Group]
    ) -> Question | None:
        """What has to be found out now, if anything.

        Args:
            watch: of the victim.
            timeline: of all.
            tasks: by id.
            told: groups of numbers that other troubles explain.
        """
        if self.accused:
            stopped = self._since_stop(watch, timeline, tasks)
            if not stopped:
                return None
            self.stopped = stopped
        if self.stopped:
            places = watch.places(self.row.group)
            asked = self.stopped < _STOPPED + _SEARCH
            return Question(places, frozenset(told), since=self.stopped) if asked else None
        if self.age >= _SEARCH or told:
            return None
        return Question(watch.confirmed, lasting=self.age)

    def take(self, finding: Finding) -> Verdict | None:
        """Take an answer to a question about this one; the verdict when it is another one."""
        row = finding.row
        if row is None or row.verdict is Verdict.WORKLOAD_CHANGED:
            self._release(finding)
            return None
        same = row.verdict is self.row.verdict
        found = Trouble.of(row, finding)
        if not same and not found.accused and not (self.stopped and row.where is None):
            self._release(finding)
            return None
        self.row, self.accused, self.suspects = row, found.accused, found.suspects
        self.evidence, self.stopped_below = found.evidence, found.stopped_below
        self.explained |= found.explained
        if found.accused:
            self.stopped = 0
        return None if same else row.verdict

    def anomaly(self, task_id: str, present: Collection[str]) -> ContentionAnomaly:
        """What is reported of it now.

        Args:
            task_id: the victim.
            present: ids of tasks that are there.
        """
        return ContentionAnomaly(
            self.row.resource,
            task_id,
            [one for one in self.accused if one in present],
            verdict=self.row.verdict.value,
            evidence=self.evidence,
            suspects=[one for one in self.suspects if one.task_id in present],
        )

    def left_by_all(self, present: Collection[str]) -> bool:
        """Whether who did it is gone."""
        return bool(self.accused) and not any(one in present for one in self.accused)

    def _release(self, finding: Finding) -> None:
        """Nobody is accused any longer, when the one that was has stopped."""
        if self.stopped and self.accused:
            self.accused, self.suspects = (), finding.blame.suspects

    def _since_stop(self, watch: Watch, timeline: Timeline, tasks: Mapping[str, Tracked]) -> int:
        """Intervals since the accused stopped, when the victim suffers nonetheless; else 0."""
        where, (accused, *_) = self.row.where, self.accused
        if self.age % _AGAIN or self.quiet or where is None or accused not in tasks:
            return 0
        series = activity(where, tasks[accused].track, timeline.last(timeline.size))
        if known_median(series[-_LATELY:]) >= self.stopped_below:
            return 0
        going = [place for place, one in enumerate(series) if one >= self.stopped_below]
        stopped = len(series) - 1 - (going[-1] if going else 0)
        lately = min(stopped, self.age) - _ECHO
        enough = stopped >= _STOPPED and watch.out_lately(self.row.group, lately)
        return stopped if enough else 0
