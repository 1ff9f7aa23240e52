"""How well a detector did against what really happened. Pure: numbers in, numbers out.

* An anomaly belongs to the episode in which it begins (to the one that started last, where they
  overlap), or else to the one that ended last, when that was at most ``AFTER`` seconds ago.
* An episode is **found** when an anomaly about its victim begins between its start and ``GRACE``
  seconds after its end. The **time to detect** is from its start to the first of them.
* Its **verdict** is right when the first of them has the verdict of the episode; and, separately,
  when the one that was reported in most intervals has it.
* **Blame**: the tasks that any of them accuses. Right when there are some and all are culprits,
  **abstained** when there are none, wrong otherwise.
* A **false alarm** is an anomaly that belongs to a control (an episode without a verdict) or to no
  episode, whatever task it is about. One about another task than the victim in an episode that is
  no control is counted apart, as **elsewhere**. What belongs to an episode that is not scored is
  left out.
* All shares are of all episodes of the kind: one that was not found is not rightly named either.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wca.recording.findings import Finding
from wca.recording.labels import Episode

__all__ = ["AFTER", "GRACE", "KindScore", "Score", "Share", "score"]

#: Seconds after an episode's end in which an anomaly about its victim still finds it.
GRACE = 5.0
#: Seconds after an episode's end in which what begins is laid to the episode.
AFTER = 10.0
_DAY = 86_400.0
#: Standard deviations of a normal distribution within which 95 % of it lie.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """So many of so many, with the Wilson score interval that has it with 95 % certainty.

    Args:
        count: how many.
        of: of how many.
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share itself; None: of nothing."""
        return self.count / self.of if self.of else None

    @property
    def low(self) -> float:
        """The least that it may be in the long run."""
        return max(0.0, self._middle - self._reach) if self.of else 0.0

    @property
    def high(self) -> float:
        """The most that it may be in the long run."""
        return min(1.0, self._middle + self._reach) if self.of else 1.0

    @property
    def _middle(self) -> float:
        return (self.count + _Z**2 / 2) / (self.of + _Z**2)

    @property
    def _reach(self) -> float:
        spread = self.count * (self.of - self.count) / self.of + _Z**2 / 4
        return _Z * math.sqrt(spread) / (self.of + _Z**2)


@dataclass(frozen=True)
class KindScore:
    """All episodes of one kind.

    Args:
        kind: its name.
        control: whether a detector has to be silent in it.
        episodes: how many there are.
        found: how many were found; of a control: in how many something was reported.
        verdict_first: in how many the first verdict was right.
        verdict_most: in how many the verdict of most intervals was right.
        blame_right: in how many all that were accused are culprits.
        abstained: in how many that were found nobody was accused.
        blame_wrong: in how many somebody else was accused; of a control: anybody.
        seconds: times to detect, sorted.
    """

    kind: str
    control: bool
    episodes: int
    found: Share
    verdict_first: Share
    verdict_most: Share
    blame_right: Share
    abstained: Share
    blame_wrong: Share
    seconds: Sequence[float] = ()

    @property
    def seconds_median(self) -> float | None:
        """Of the times to detect; None: nothing was found."""
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def seconds_max(self) -> float | None:
        """The longest time to detect; None: nothing was found."""
        return max(self.seconds, default=None)


@dataclass(frozen=True)
class Score:
    """The result.

    Args:
        kinds: by name, in the order of their first episode.
        false_alarms: anomalies in controls and outside of episodes.
        false_accusations: those of them that accuse somebody.
        quiet_seconds: length of the time in which every anomaly is a false alarm.
        elsewhere: anomalies in episodes about another task than the victim.
    """

    kinds: Mapping[str, KindScore]
    false_alarms: Sequence[Finding]
    false_accusations: int
    quiet_seconds: float
    elsewhere: Sequence[Finding]

    @property
    def false_alarms_per_day(self) -> float | None:
        """Of one node; None: there was no time for any."""
        return len(self.false_alarms) / self.quiet_seconds * _DAY if self.quiet_seconds else None


@dataclass
class _Tally:
    """What has been found in one episode."""

    episode: Episode
    about_victim: list[Finding] = field(default_factory=list)
    belonging: list[Finding] = field(default_factory=list)


def score(found: Iterable[Finding], episodes: Iterable[Episode], begin: float, end: float) -> Score:
    """Hold what a detector has found against what happened.

    Args:
        found: anomalies, in the order in which they began.
        episodes: what happened.
        begin: Unix time at which the recording begins.
        end: at which it ends.
    """
    tallies = [_Tally(one) for one in sorted(episodes, key=lambda one: one.start)]
    outside: list[Finding] = []
    for finding in found:
        for tally in tallies:
            episode = tally.episode
            if finding.task == episode.victim and _within(finding, episode, GRACE):
                tally.about_victim.append(finding)
        owner = _owner(finding, tallies)
        (outside if owner is None else owner.belonging).append(finding)
    scored = [one for one in tallies if one.episode.scored]
    controls = [one for one in scored if one.episode.verdict is None]
    false_alarms = outside + [finding for one in controls for finding in one.belonging]
    return Score(
        _kinds(scored),
        sorted(false_alarms, key=lambda one: one.begin),
        sum(bool(one.accused) for one in false_alarms),
        _quiet_seconds([one.episode for one in tallies], begin, end),
        [
            finding
            for one in scored
            if one.episode.verdict is not None
            for finding in one.belonging
            if finding.task != one.episode.victim
        ],
    )


def _within(finding: Finding, episode: Episode, after: float) -> bool:
    return episode.start <= finding.begin <= episode.end + after


def _owner(finding: Finding, tallies: Sequence[_Tally]) -> _Tally | None:
    for after in (0.0, AFTER):
        around = [one for one in tallies if _within(finding, one.episode, after)]
        if around:
            return around[-1] if not after else max(around, key=lambda one: one.episode.end)
    return None


def _kinds(tallies: Iterable[_Tally]) -> dict[str, KindScore]:
    by_kind: dict[tuple[str, bool], list[_Tally]] = {}
    for tally in tallies:
        episode = tally.episode
        by_kind.setdefault((episode.kind, episode.verdict is None), []).append(tally)
    kinds = {}
    for (kind, control), these in by_kind.items():
        name = f"{kind} (control)" if control and (kind, False) in by_kind else kind
        kinds[name] = _control_score(name, these) if control else _kind_score(name, these)
    return kinds


def _control_score(kind: str, tallies: Sequence[_Tally]) -> KindScore:
    none = Share(0, len(tallies))
    said = [one for one in tallies if one.belonging]
    accusing = [one for one in said if any(finding.accused for finding in one.belonging)]
    return KindScore(
        kind,
        control=True,
        episodes=len(tallies),
        found=Share(len(said), len(tallies)),
        verdict_first=none,
        verdict_most=none,
        blame_right=none,
        abstained=none,
        blame_wrong=Share(len(accusing), len(tallies)),
    )


def _kind_score(kind: str, tallies: Sequence[_Tally]) -> KindScore:
    def share(*holds: bool) -> Share:
        return Share(sum(holds), len(tallies))

    return KindScore(
        kind,
        control=False,
        episodes=len(tallies),
        found=share(*(bool(one.about_victim) for one in tallies)),
        verdict_first=share(*(_first_verdict_right(one) for one in tallies)),
        verdict_most=share(*(_most_verdict_right(one) for one in tallies)),
        blame_right=share(*(_blame(one) == "right" for one in tallies)),
        abstained=share(*(_blame(one) == "abstained" for one in tallies)),
        blame_wrong=share(*(_blame(one) == "wrong" for one in tallies)),
        seconds=sorted(
            one.about_victim[0].begin - one.episode.start for one in tallies if one.about_victim
        ),
    )


def _first_verdict_right(tally: _Tally) -> bool:
    """Of several that begin in the same interval the first one that the detector has named."""
    return bool(tally.about_victim) and tally.about_victim[0].verdict == tally.episode.verdict


def _most_verdict_right(tally: _Tally) -> bool:
    intervals: dict[str | None, int] = {}
    for one in tally.about_victim:
        intervals[one.verdict] = intervals.get(one.verdict, 0) + one.intervals
    most = max(intervals.values(), default=0)
    # Half of them is not most of them.
    best = [verdict for verdict, count in intervals.items() if count == most]
    return best == [tally.episode.verdict]


def _blame(tally: _Tally) -> str:
    if not tally.about_victim:
        return ""
    accused = {task for one in tally.about_victim for task in one.accused}
    if not accused:
        return "abstained"
    return "right" if accused <= set(tally.episode.culprits) else "wrong"


def _quiet_seconds(episodes: Sequence[Episode], begin: float, end: float) -> float:
    """The recorded time without episodes that are no controls, and what follows these."""
    taken = sorted(
        (max(begin, one.start), min(end, one.end + AFTER))
        for one in episodes
        if one.verdict is not None or not one.scored
    )
    quiet, position = 0.0, begin
    for start, stop in taken:
        quiet += max(0.0, start - position)
        position = max(position, stop)
    return quiet + max(0.0, end - position)
