"""Looking at one victim: when it began, what is high since then, which row of the table fits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan

from wca.detectors.api import Evidence
from wca.detectors.interfering import sampling
from wca.detectors.interfering.blame import Blame, Field, Rival, Suspects
from wca.detectors.interfering.changes import step_at
from wca.detectors.interfering.judged import JUDGED, Group, Usual
from wca.detectors.interfering.table import (
    INSTRUCTIONS,
    MACHINE,
    STEAL,
    TABLE,
    Level,
    Loss,
    Row,
)
from wca.detectors.interfering.tracks import Machine, Timeline, Track, known_mean, known_median
from wca.detectors.interfering.watches import Watch

__all__ = ["Finding", "Question", "Scene", "triage"]

#: Intervals that are looked back over.
_LOOKED_OVER = 60
#: Readings since the onset without which nothing is said yet.
_ENOUGH = 3
#: Readings before the onset that suspects are held against at least.
_CALM = 4
#: Share of the machine's CPU time that the hypervisor may give to others, and how many times of
#: what it was before.
_STEAL, _TIMES = 0.05, 2.0
#: Share of the CPUs that are busy when all are.
_ALL_BUSY = 0.95
#: Which number a search for suspects is correlated with: the first that is high, or is known.
_MATCHING = {
    Field.CPU: (sampling.PSI_CPU, sampling.DELAY),
    Field.TRAFFIC: (sampling.CPI, sampling.COST),
    Field.IO: (sampling.PSI_IO,),
    Field.PAGES: (sampling.PSI_IO, sampling.PSI_MEMORY_FULL, sampling.REFAULTS),
}
_BY_MEASURE = {one.measure: place for place, one in enumerate(JUDGED)}


@dataclass(frozen=True)
class Scene:
    """An interval, as far as all victims share it.

    Args:
        timeline: of all rings.
        machine: CPU time.
        cpus: of the machine.
        suspects: all tasks.
        everybody: what is so with all tasks that it can be said of, by column.
        seconds: of an interval.
    """

    timeline: Timeline
    machine: Machine
    cpus: int
    suspects: Suspects
    everybody: Mapping[str, Level]
    seconds: float


@dataclass(frozen=True)
class Question:
    """What has to be found out about a victim.

    Args:
        places: in ``JUDGED``, of the numbers that tell when it began.
        told: groups of numbers that another trouble of the victim explains; they are not looked at.
        lasting: intervals since it is known to suffer.
        since: intervals since the one that was accused stopped, before which it explains
            everything; 0: there is none.
    """

    places: Sequence[int]
    told: frozenset[Group] = frozenset()
    lasting: int = 0
    since: int = 0


@dataclass(frozen=True)
class Finding:
    """What was found out about a victim.

    Args:
        row: the row of the table that fits; None: none does.
        blame: who did it.
        evidence: for it.
        since: places of the intervals since the onset.
        high: groups of numbers that are high since then.
    """

    row: Row | None
    blame: Blame
    evidence: Evidence
    since: Sequence[int] = ()
    high: Collection[Group] = ()


@dataclass
class _Case:
    """What is known of a victim."""

    places: Sequence[int]
    onset: int
    question: Question
    waited: float | None = None
    levels: dict[str, Level] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    high: set[int] = field(default_factory=set)
    lost: dict[Loss, float] = field(default_factory=dict)
    blamed: dict[Field, Blame] = field(default_factory=dict)

    @property
    def since(self) -> Sequence[int]:
        return self.places[self.onset :]

    @property
    def loss(self) -> Loss | None:
        """What most time was lost with."""
        return max(self.lost, key=lambda one: self.lost[one]) if self.lost else None


def triage(
    task_id: str, track: Track, watch: Watch, scene: Scene, question: Question
) -> Finding | None:
    """Find the row of the table that fits; None: too little was seen yet.

    Args:
        task_id: the victim.
        track: its numbers.
        watch: what is unusual about them.
        scene: the rest.
        question: what is asked.
    """
    case = _begin(track, watch, scene.timeline, question)
    if case is None or not _look(case, track, watch, scene):
        return None
    ruled_out: dict[str, str] = {}
    found: tuple[Row, Blame] | None = None
    for row in TABLE:
        why = "; ".join(row.misfits(case.levels, case.loss))
        blame = Blame(Rival.UNKNOWN)
        if not why and found is None:
            if row.where is not None:
                blame = case.blamed.get(row.where) or _blame(
                    row.where, task_id, track, watch, case, scene
                )
                case.blamed[row.where] = blame
            if row.rival and blame.rival not in row.rival:
                why = blame.rival.value
            else:
                found = row, blame
                continue
        ruled_out.setdefault(row.verdict.value, why or "another one fits before")
    row_found, blame = found or (None, Blame(Rival.UNKNOWN))
    if row_found is not None:
        ruled_out.pop(row_found.verdict.value, None)
        if blame.why:
            case.values |= _outside(blame)
    seconds = len(case.since) * scene.seconds
    evidence = Evidence(case.values, case.limits, seconds, ruled_out)
    groups = {JUDGED[place].group for place in case.high}
    return Finding(row_found, blame, evidence, case.since, groups)


def _begin(track: Track, watch: Watch, timeline: Timeline, question: Question) -> _Case | None:
    """Since when: the step of the number that is farthest out."""
    places = timeline.last(_LOOKED_OVER)
    farthest, most = None, 0.0
    for place in question.places:
        known, value = watch.usual[place], watch.looked[place]
        if known is not None and not isnan(value):
            far = (value - known.median) / max(known.limit - known.median, 1e-12)
            if farthest is None or far > most:
                farthest, most = place, far
    if farthest is None:
        return None
    return _Case(places, _onset(track, watch, farthest, places, question), question)


def _signal(
    track: Track, watch: Watch, place: int, places: Sequence[int], question: Question
) -> list[float]:
    """A number; what it usually is as long as one that has stopped explains it."""
    series, known = track.series(JUDGED[place].measure, places), watch.usual[place]
    if question.since and known is not None:
        before = max(0, len(series) - question.since)
        series[:before] = [known.median] * before
    return series


def _onset(
    track: Track, watch: Watch, place: int, places: Sequence[int], question: Question
) -> int:
    """Where a number stepped: not long before the first reading that was unusual."""
    series, lasting = _signal(track, watch, place, places, question), question.lasting
    if question.since:
        return step_at(series, max(1, len(series) - question.since - 1))
    read = [one for one, value in enumerate(series) if not isnan(value)]
    back = watch.outliers[place].bit_length() + (4 if JUDGED[place].smooth else 2) + lasting
    return step_at(series, read[-min(back, len(read))]) if read else len(series) - 1


def _look(case: _Case, track: Track, watch: Watch, scene: Scene) -> bool:
    """Fill in all columns. False when there are too few readings since the onset."""
    used = known_mean(track.series(sampling.CPU, case.since))
    judged: dict[Group, dict[int, Level]] = {}
    enough = False
    for place, one in enumerate(JUDGED):
        read = [v for v in track.series(one.measure, case.since) if not isnan(v)]
        known = watch.usual[place]
        level = Level.UNKNOWN
        if read and known is not None:
            enough = enough or len(read) >= _ENOUGH
            mean = known_mean(read)
            high = mean > known.limit and one.group not in case.question.told
            level = Level.HIGH if high else Level.FLAT
            case.values[one.name], case.limits[one.name] = mean, known.limit
            if level is Level.HIGH:
                case.high.add(place)
                _lose(case, one.measure, mean, known.median, used)
            elif one.measure == sampling.PSI_CPU:
                case.waited = max(0.0, mean - known.median)
        judged.setdefault(one.group, {})[one.measure] = level
    for group, levels in judged.items():
        case.levels[group] = _together(levels.values())
    _settle(case, judged)
    _look_at_machine(case, scene)
    case.levels |= scene.everybody
    return enough


def _lose(case: _Case, measure: int, mean: float, median: float, used: float) -> None:
    """Seconds per second that a number says were lost."""
    if measure == sampling.PSI_CPU:
        case.lost[Loss.WAIT] = mean - median
    elif measure == sampling.DELAY:
        # Pressure counts each second once, delay one for each thread that waits.
        waited = (mean - median) * used if case.waited is None else case.waited
        case.lost.setdefault(Loss.WAIT, waited)
    elif measure in (sampling.COST, sampling.CPI) and mean > 0:
        case.lost[Loss.COST] = used * (1 - median / mean)
    elif measure == sampling.PSI_IO:
        case.lost[Loss.IO] = mean - median


def _settle(case: _Case, judged: Mapping[Group, Mapping[int, Level]]) -> None:
    """Numbers of one group that do not mean the same."""
    cost = judged[Group.COST]
    if cost[sampling.CPI] is not Level.UNKNOWN:  # the work may have grown, the CPI tells
        case.levels[Group.COST] = cost[sampling.CPI]
        case.levels[INSTRUCTIONS] = cost[sampling.COST]
        if cost[sampling.CPI] is Level.FLAT:
            case.lost.pop(Loss.COST, None)
    refaults = judged[Group.REFAULTS]
    if (refaults[sampling.REFAULTS], refaults[sampling.MAJOR]) == (Level.UNKNOWN, Level.FLAT):
        case.levels[Group.REFAULTS] = Level.UNKNOWN  # files that are read have no major faults


def _look_at_machine(case: _Case, scene: Scene) -> None:
    cpus = max(1, scene.cpus)
    busy = known_mean(scene.machine.series("busy", case.since)) / cpus
    steal = known_mean(scene.machine.series("steal", case.since)) / cpus
    before = known_median(scene.machine.series("steal", case.places[: case.onset])) / cpus
    if not isnan(busy):
        case.levels[MACHINE] = Level.HIGH if busy >= _ALL_BUSY else Level.FLAT
        case.values["share of the CPUs that was busy"] = busy
    if not isnan(steal):
        limit = _STEAL if isnan(before) else max(_STEAL, _TIMES * before)
        case.levels[STEAL] = Level.HIGH if steal > limit else Level.FLAT
        case.values[STEAL], case.limits[STEAL] = steal, limit
        if steal > limit:
            case.lost[Loss.STEAL] = steal


def _blame(
    where: Field, task_id: str, track: Track, watch: Watch, case: _Case, scene: Scene
) -> Blame:
    choices = [_BY_MEASURE[measure] for measure in _MATCHING[where]]
    high = [place for place in choices if place in case.high]
    if not high:
        return Blame(Rival.UNKNOWN, why="the matching number is not high")
    place = high[0]
    onset = case.onset
    if watch.outliers[place]:
        onset = _onset(track, watch, place, case.places, case.question)
    signal = _signal(track, watch, place, case.places, case.question)
    first = _recovered_at(signal[:onset], watch.usual[place])
    return scene.suspects.blame(where, task_id, signal[first:], onset - first, case.places[first:])


def _recovered_at(before: Sequence[float], known: Usual | None) -> int:
    """Where among the readings before the onset an earlier trouble was over; 0: there was none.

    What tasks did in that one says nothing of this one.
    """
    if known is None:
        return 0
    out = [value > known.limit for value in before[:-_CALM]]
    return max((place + 2 for place, two in enumerate(pairwise(out)) if all(two)), default=0)


def _together(levels: Iterable[Level]) -> Level:
    found = set(levels)
    for level in (Level.HIGH, Level.FLAT):
        if level in found:
            return level
    return Level.UNKNOWN


def _outside(blame: Blame) -> dict[str, float]:
    known = not isnan(blame.outside)
    return {"rise of CPUs in use by what is no task": blame.outside} if known else {}
