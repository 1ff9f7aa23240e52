"""Whether a task's numbers are unusual, and for how long they have been."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan

from wca.detectors.interfering.judged import JUDGED, Group, Usual
from wca.detectors.interfering.sampling import PSI_CPU, SLI, UNKNOWN
from wca.detectors.interfering.tracks import Track

__all__ = ["Confirmation", "Watch", "places_of"]

_SMOOTH = 5
#: What the work cost lately: so many readings, at least and at most, that were not unusual, and as
#: many later ones that are left out, because a trouble may have begun with them.
_FEW, _MANY, _LATER = 4, 30, 4
#: Times that, from which on it is unusual, whatever it cost when it was learned.
_STEP = 1.2
#: Share of the time in which something waited, from which on a task without a baseline waits too.
_WAITS = 0.1
_PLACES = range(len(JUDGED))
_MEASURES = tuple(one.measure for one in JUDGED)
_SMOOTHED = tuple(place for place, one in enumerate(JUDGED) if one.smooth)
_BY_CPU = tuple(place for place, one in enumerate(JUDGED) if one.by_cpu)
_ALARMING = tuple(place for place, one in enumerate(JUDGED) if one.alarming)
_WAIT = tuple(place for place, one in enumerate(JUDGED) if one.group is Group.WAIT)
_COST = tuple(place for place, one in enumerate(JUDGED) if one.group is Group.COST)
_BY_GROUP = {
    group: tuple(place for place, one in enumerate(JUDGED) if one.group is group) for group in Group
}


@dataclass(frozen=True)
class Confirmation:
    """When unusual readings are more than chance.

    Args:
        outliers: so many.
        of: among so many readings.
        cpu: CPUs that a task has to use for its CPU numbers to be looked at.
    """

    outliers: int
    of: int
    cpu: float


def places_of(group: Group) -> tuple[int, ...]:
    """Places in ``JUDGED`` of the numbers of a group."""
    return _BY_GROUP[group]


class _Lately:
    """What the work cost in the last readings that were not unusual."""

    def __init__(self) -> None:
        self._later: deque[float] = deque(maxlen=_LATER)
        self._values: deque[float] = deque(maxlen=_MANY)
        self._taken = 0
        self._middle = UNKNOWN

    def look(self, value: float, *, out: bool) -> None:
        """Take a reading."""
        if out:
            self._later.clear()
            return
        if len(self._later) == _LATER:
            self._values.append(self._later[0])
            self._taken += 1
            if self._taken % _FEW == 0:  # a median moves slowly
                self._middle = sorted(self._values)[len(self._values) // 2]
        self._later.append(value)

    def lowered(self, known: Usual) -> Usual:
        """What is usual; not above what a step from what it cost lately would be."""
        if not _STEP * self._middle < known.limit:  # or too little was read yet
            return known
        return Usual(min(known.median, self._middle), _STEP * self._middle)


class Watch:
    """The readings of one task against what is usual.

    Args:
        confirmation: when they are an anomaly.
    """

    def __init__(self, confirmation: Confirmation) -> None:
        self._confirmation = confirmation
        self._mask = (1 << confirmation.of) - 1
        self._recent: dict[int, deque[float]] = {one: deque(maxlen=_SMOOTH) for one in _SMOOTHED}
        self._lately: dict[int, _Lately] = {one: _Lately() for one in _COST}
        self._missed = self._met = self._low = 0
        self._learned: Sequence[Usual | None] = ()
        self.outliers = [0] * len(JUDGED)
        self.looked: list[float] = [UNKNOWN] * len(JUDGED)
        self.usual: Sequence[Usual | None] = ()

    def look(self, track: Track, usual: Sequence[Usual | None]) -> None:
        """Hold the numbers of this interval against what is usual."""
        now, mask, outliers = track.now, self._mask, self.outliers
        self._learned = usual
        looked = self.looked = [now[measure] for measure in _MEASURES]
        if track.used < self._confirmation.cpu:
            for place in _BY_CPU:
                looked[place] = UNKNOWN
                outliers[place] = outliers[place] << 1 & mask
        for place, recent in self._recent.items():
            if not isnan(looked[place]):
                recent.append(looked[place])
                looked[place] = sorted(recent)[len(recent) // 2]
        self.usual = usual = self._with_lately(usual)
        for place, value in enumerate(looked):
            if not isnan(value):
                known = usual[place]
                out = known is not None and value > known.limit
                outliers[place] = (outliers[place] << 1 | out) & mask
        for place, lately in self._lately.items():
            if not isnan(looked[place]):
                lately.look(looked[place], out=bool(outliers[place] & 1))
        self._look_at_objective(now[SLI])
        self._look_at_low()

    @property
    def confirmed(self) -> list[int]:
        """Places in ``JUDGED`` of the numbers that are unusual beyond chance."""
        least = self._confirmation.outliers
        missed = self._missed >= 2
        return [
            place
            for place in _ALARMING
            if (bits := self.outliers[place])
            and (bits.bit_count() >= least or (missed and bits & 1))
        ]

    @property
    def missed(self) -> int:
        """Readings in a row in which the objective was missed."""
        return self._missed

    @property
    def met(self) -> int:
        """Readings in a row in which it was met."""
        return self._met

    @property
    def low(self) -> int:
        """Readings in a row in which the work cost less than usual."""
        return self._low

    def out_now(self, group: Group) -> bool:
        """Whether the last reading of a number of the group was unusual."""
        return self.out_of(places_of(group))

    def out_of(self, places: Iterable[int]) -> bool:
        """Whether the last reading of any of these was unusual."""
        return any(self.outliers[place] & 1 for place in places)

    def out_lately(self, group: Group, readings: int) -> bool:
        """Whether as many of the last readings were unusual as make an anomaly."""
        least, mask = self._confirmation.outliers, (1 << max(0, readings)) - 1
        return any((self.outliers[place] & mask).bit_count() >= least for place in places_of(group))

    def places(self, group: Group) -> list[int]:
        """Places in ``JUDGED`` of the numbers of a group that can be judged."""
        return [place for place in places_of(group) if JUDGED[place].alarming]

    def clear(self, group: Group | None = None) -> None:
        """Forget unusual readings, of one group or all."""
        for place in _PLACES:
            if group is None or JUDGED[place].group is group:
                self.outliers[place] = 0
                if place in self._lately:
                    self._lately[place] = _Lately()
        self._low = 0

    def waits(self, track: Track) -> bool | None:
        """Whether the task waits for a CPU more than usual; None: not known, or it hardly runs."""
        if track.used < self._confirmation.cpu:
            return None
        if any(self.outliers[place].bit_count() >= 2 for place in _WAIT):
            return True
        if any(self.usual[place] is not None for place in _WAIT):
            return False
        share = track.now[PSI_CPU]
        return share >= _WAITS if not isnan(share) else None

    def costs(self, track: Track) -> bool | None:
        """Whether its work costs more than usual; None: not known, or it hardly runs."""
        if track.used < self._confirmation.cpu or all(self.usual[p] is None for p in _COST):
            return None
        return any(self.outliers[place] for place in _COST)

    def _with_lately(self, usual: Sequence[Usual | None]) -> Sequence[Usual | None]:
        found = usual
        for place, lately in self._lately.items():
            known = usual[place]
            lowered = None if known is None else lately.lowered(known)
            if lowered is not known:
                found = [*found[:place], lowered, *found[place + 1 :]]
        return found

    def _look_at_objective(self, indicator: float) -> None:
        if not isnan(indicator):
            self._missed = self._missed + 1 if indicator > 1 else 0
            self._met = 0 if indicator > 1 else self._met + 1

    def _look_at_low(self) -> None:
        for place in _COST:
            value, known = self.looked[place], self._learned[place]
            if known is not None and not isnan(value):
                low = value < 2 * known.median - known.limit
                self._low = self._low + 1 if low else 0
                return
