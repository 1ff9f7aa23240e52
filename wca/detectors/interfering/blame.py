"""Who did it: suspects by how their activity went along with what the victim suffered."""

import enum
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from wca.detectors.api import Suspect
from wca.detectors.interfering import sampling
from wca.detectors.interfering.changes import correlation, step_at
from wca.detectors.interfering.tracks import Machine, Track, known_mean, known_median

__all__ = ["Blame", "Field", "Rival", "Suspects", "activity", "is_low_priority"]

#: Intervals before the onset: with which the rise is compared, and that a correlation covers.
_BEFORE, _REACH = 6, 30
#: Intervals between the victim's onset and the suspect's, at most, for a suspect to be accused.
_TOGETHER = 3
#: A score that is needed, how far the second has to be behind, and how much of all that rose the
#: accused must be.
_SCORE, _AHEAD, _HALF = 0.4, 0.2, 0.5
#: CPUs of what is no task, that may rise before nobody is accused: so many, or so much of a rise.
_OUTSIDE, _OUTSIDE_SHARE = 0.1, 0.15
#: Share of its rise that an accused has to keep to be one still.
_KEPT = 1 / 3
#: Bytes of memory at which half of what a task does may reach beyond a cache.
_FOOTPRINT = float(32 << 20)
#: Bytes that cost as much as an operation.
_BLOCK = float(64 << 10)
#: Shares of a task in the idle class (cpu.idle: 3), and the fewest that can be asked for.
_LEAST_SHARES = 3
#: Suspects that are looked at, those that do most, and that are told.
_LOOKED_AT, _TOLD = 12, 5
#: Intervals after the onset from which on a correlation is worth its number; before, nobody is
#: accused of more tasks than a few.
_ENOUGH, _FEW = 5, 2


class Field(enum.Enum):
    """What a suspect may take."""

    CPU = "CPU use"
    TRAFFIC = "use of memory bandwidth and caches"
    IO = "io"
    PAGES = "page cache and memory use"


class Rival(enum.Enum):
    """Whether anybody began with it."""

    SINGLED_OUT = "one task singled out"
    SEVERAL = "tasks rose, none singled out"
    OUTSIDE = "only what is no task rose"
    NOBODY = "nobody rose"
    UNKNOWN = "not known whether anybody rose"


#: Memory may be slowed down some time after who does it began: how far one that began before the
#: onset has to be above the tenth of the readings in reach that is lowest, to be one that may have.
_LATE, _TENTH = {Field.TRAFFIC: 0.25}, 10
#: What has to rise by how much, in the unit of the field, before it matters.
_LEAST = {Field.CPU: 0.1, Field.TRAFFIC: 0.05, Field.IO: 20.0, Field.PAGES: 20.0}


@dataclass(frozen=True)
class Blame:
    """What is known of the culprit.

    Args:
        rival: whether anybody began with it.
        suspects: the likeliest first.
        why: in words.
        outside: CPUs by which the use of what is no task rose.
        stopped_below: activity of the likeliest below which it is back to what it was before.
    """

    rival: Rival
    suspects: tuple[Suspect, ...] = ()
    why: str = ""
    outside: float = math.nan
    stopped_below: float = 0.0

    @property
    def accused(self) -> tuple[str, ...]:
        """The one that is singled out, if one is."""
        return (self.suspects[0].task_id,) if self.rival is Rival.SINGLED_OUT else ()


@dataclass(frozen=True)
class _Trace:
    task_id: str
    before: float
    rise: float
    lately: float
    together: float
    in_time: bool


class Suspects:
    """All tasks of an interval as suspects.

    Args:
        tracks: by task id.
        machine: CPU time of what is no task.
        paying: tasks that are no suspects for memory traffic: the work of all tasks costs more, so
            that they use more CPU for the same reason as the victim.
    """

    def __init__(
        self, tracks: Mapping[str, Track], machine: Machine, paying: Collection[str] = ()
    ) -> None:
        self._tracks = tracks
        self._machine = machine
        self._paying = paying
        self._busiest: dict[Field, list[str]] = {}

    def blame(
        self, field: Field, victim: str, signal: Sequence[float], onset: int, places: Sequence[int]
    ) -> Blame:
        """Whom the victim's signal speaks against.

        Args:
            field: where to look.
            victim: never a suspect.
            signal: what it suffered, at the places.
            onset: where among the places it began.
            places: of the timeline, the oldest first.
        """
        first = max(0, onset - _REACH)
        signal, places, onset = signal[first:], places[first:], onset - first
        if onset < 2:
            return Blame(Rival.UNKNOWN, why="what was before it is not known")
        traces = [
            self._trace(field, one, signal, onset, places)
            for one in self._candidates(field, victim)
        ]
        outside = self._outside(field, onset, places)
        blame = _judged(field, traces, outside, len(places) - onset)
        if self._tells(victim) or not any(self._tells(one) for one in blame.accused):
            return blame
        why = "the likeliest is a task whose work is measured, and the victim's is not"
        return replace(blame, rival=Rival.SEVERAL, why=why)

    def _tells(self, task_id: str) -> bool:
        """Whether a task says what it does, or how well: as those do that matter."""
        now = self._tracks[task_id].now
        return any(not math.isnan(now[one]) for one in (sampling.WORK, sampling.SLI))

    def _candidates(self, field: Field, victim: str) -> list[str]:
        if field not in self._busiest:
            ranked = sorted(
                (-_doing(field, track), task_id)
                for task_id, track in self._tracks.items()
                if self._may_be(field, task_id, track)
            )
            self._busiest[field] = [task_id for _, task_id in ranked[: _LOOKED_AT + 1]]
        return [one for one in self._busiest[field] if one != victim][:_LOOKED_AT]

    def _may_be(self, field: Field, task_id: str, track: Track) -> bool:
        if field is Field.CPU:
            return not is_low_priority(track)
        return field is not Field.TRAFFIC or task_id not in self._paying

    def _trace(
        self, field: Field, task_id: str, signal: Sequence[float], onset: int, places: Sequence[int]
    ) -> _Trace:
        doing = activity(field, self._tracks[task_id], places)
        before = known_median(doing[max(0, onset - _BEFORE) : max(1, onset - 1)])
        after = known_mean(doing[onset:])
        earlier = sorted(doing[: max(1, onset - 1)])
        lately = after - earlier[len(earlier) // _TENTH]
        near = max(0, onset - _BEFORE)
        begun = near + step_at(doing[near:], 1)
        in_time = abs(begun - onset) <= _TOGETHER
        together = correlation(signal, doing)
        return _Trace(task_id, before, after - before, lately, together, in_time)

    def _outside(self, field: Field, onset: int, places: Sequence[int]) -> float:
        if field not in (Field.CPU, Field.TRAFFIC):
            return 0.0
        values = self._machine.series("outside", places)
        before = known_median(values[max(0, onset - _BEFORE) : max(1, onset - 1)])
        return known_median(values[onset:]) - before


def is_low_priority(track: Track) -> bool:
    """Whether a task gets a CPU only when nobody else wants it, or next to never."""
    return track.now[sampling.SHARES] <= _LEAST_SHARES


def _judged(field: Field, traces: Sequence[_Trace], outside: float, after: int) -> Blame:
    least = _LEAST[field]
    risen = [one for one in traces if one.rise >= least]
    known = not math.isnan(outside)
    from_outside = known and outside >= _OUTSIDE
    whole = math.fsum(max(0.0, one.rise) for one in traces) + least
    whole += max(0.0, outside) if known else 0.0
    scores = {
        one.task_id: max(0.0, one.together) * (one.rise / whole) * (1.0 if one.in_time else 0.5)
        for one in risen
    }
    sure = min(1.0, after / _ENOUGH) * (0.5 if from_outside else 1.0)
    suspects = tuple(
        Suspect(task_id, round(score, 4), round(score * sure, 4))
        for score, task_id in sorted(((s, t) for t, s in scores.items()), key=_best)
    )[:_TOLD]
    if not suspects:
        if from_outside:
            return Blame(Rival.OUTSIDE, why="only what is no task rose", outside=outside)
        late = _late(field, traces)
        if late:
            return Blame(Rival.SEVERAL, late, "the likeliest began some time before", outside)
        rival = Rival.NOBODY if known else Rival.UNKNOWN
        return Blame(rival, why=rival.value, outside=outside)
    best = next(one for one in risen if one.task_id == suspects[0].task_id)
    why = _doubt(suspects, best, outside, best.rise / whole)
    if not why and len(risen) > _FEW and after < _ENOUGH:
        why = f"{len(risen)} tasks rose, and it is too early to tell them apart"
    rival = Rival.SEVERAL if why else Rival.SINGLED_OUT
    return Blame(rival, suspects, why or rival.value, outside, best.before + _KEPT * best.rise)


def _late(field: Field, traces: Sequence[_Trace]) -> tuple[Suspect, ...]:
    """Those that began before it, but not long before; the likeliest first."""
    begun = [one for one in traces if one.lately >= _LATE.get(field, math.inf)]
    whole = math.fsum(one.lately for one in begun)
    scored = ((0.5 * max(0.0, one.together) * one.lately / whole, one.task_id) for one in begun)
    best = sorted(scored, key=_best)[:_TOLD]
    return tuple(Suspect(task_id, round(score, 4), round(score, 4)) for score, task_id in best)


def _doubt(suspects: Sequence[Suspect], best: _Trace, outside: float, share: float) -> str:
    """Why nobody can be accused; empty when the first suspect can."""
    score = suspects[0].score
    if outside > max(_OUTSIDE, _OUTSIDE_SHARE * best.rise):
        return f"what is no task rose by {outside:.2f} CPUs at the same time"
    if score < _SCORE:
        return f"the best score is {score:.2f}, less than {_SCORE}"
    if not best.in_time:
        return "the likeliest did not begin with it"
    if share < _HALF:
        return "the likeliest is less than half of all that rose"
    if len(suspects) > 1 and score - suspects[1].score < _AHEAD:
        return f"two scores are less than {_AHEAD} apart"
    return ""


def _best(scored: tuple[float, str]) -> tuple[float, str]:
    return -scored[0], scored[1]


def _doing(field: Field, track: Track) -> float:
    """How much a task does now, to look at those only that do most."""
    value = activity(field, track, track.recent())[-1]
    return 0.0 if math.isnan(value) else value


def activity(field: Field, track: Track, places: Sequence[int]) -> list[float]:
    """What a task did, in the unit of the field.

    Args:
        field: what counts.
        track: of the task.
        places: of the timeline, the oldest first.
    """
    return _ACTIVITIES[field](track, places)


def _cpu(track: Track, places: Sequence[int]) -> list[float]:
    return track.activity(sampling.CPU, places)


def _traffic(track: Track, places: Sequence[int]) -> list[float]:
    """Bytes to and from memory, in units of 1 GB/s, where they are measured.

    Where they are not: CPUs in use, as far as the task has more memory than a cache could hold.
    """
    if any(not math.isnan(value) for value in track.series(sampling.BANDWIDTH, places)):
        return [value / 1e9 for value in track.activity(sampling.BANDWIDTH, places)]
    return [
        used * _beyond_cache(memory)
        for used, memory in zip(
            track.activity(sampling.CPU, places),
            _held(track, places),
            strict=True,
        )
    ]


def _io(track: Track, places: Sequence[int]) -> list[float]:
    """Operations, and blocks, per second."""
    parts = [
        track.activity(one, places)
        for one in (sampling.READ, sampling.WRITTEN, sampling.OPERATIONS)
    ]
    return [
        (read + written) / _BLOCK + number for read, written, number in zip(*parts, strict=True)
    ]


def _pages(track: Track, places: Sequence[int]) -> list[float]:
    """Blocks per second that came into memory: read, or by faults; as far as they are kept."""
    read, faults = (track.activity(one, places) for one in (sampling.READ, sampling.FAULTS))
    memory = _held(track, places)
    return [
        (one + fault * 4096) / _BLOCK * _beyond_cache(held)
        for one, fault, held in zip(read, faults, memory, strict=True)
    ]


def _held(track: Track, places: Sequence[int]) -> list[float]:
    """Bytes of memory; UNKNOWN throughout where they are not measured."""
    known = track.now[sampling.MEMORY] == track.now[sampling.MEMORY]
    return track.activity(sampling.MEMORY, places) if known else [sampling.UNKNOWN] * len(places)


def _beyond_cache(memory: float) -> float:
    return memory / (memory + _FOOTPRINT) if memory >= 0 else 0.5


_ACTIVITIES: dict[Field, Callable[[Track, Sequence[int]], list[float]]] = {
    Field.CPU: _cpu,
    Field.TRAFFIC: _traffic,
    Field.IO: _io,
    Field.PAGES: _pages,
}
