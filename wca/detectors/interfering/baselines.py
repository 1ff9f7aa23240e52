"""What is usual for an application at a load."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from wca.detectors.interfering.ageing import Age
from wca.detectors.interfering.histogram import Histogram, numbers_of
from wca.detectors.interfering.judged import JUDGED, Group, Judged, Strictness, Usual
from wca.detectors.interfering.norms import NEAR, borrow
from wca.errors import ValidationError

__all__ = ["Baselines"]

#: Cells of histograms at most, some hundred bytes each: those of a hundred to a thousand
#: applications. The application that was learned from longest ago goes first.
MOST_CELLS = 500_000
#: What is known is worked out anew when the readings have become more by this share.
_MORE = 1.05


class _Learned:
    """One number at one load."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self.histogram = Histogram()
        self.usual: Usual | None = None
        self.worked_out_at = 0.0

    def add(self, value: float) -> None:
        self.histogram.add(value)

    def work_out(self, samples: int, strictness: Strictness, *, anew: bool) -> bool:
        """Make a limit of the readings, when there are enough of them; whether it is a new one."""
        weight = self.histogram.weight
        if weight < samples:
            known, self.usual, self.worked_out_at = self.usual, None, 0.0
            return known is not None
        if anew or self.usual is None or weight >= _MORE * self.worked_out_at:
            self.usual = self._judged.usual(self.histogram.spread(), strictness)
            self.worked_out_at = weight
            return True
        return False


class _Bin:
    """All numbers at one load.

    Args:
        timestamp: Unix time in seconds.
    """

    def __init__(self, timestamp: float) -> None:
        self.numbers = [_Learned(one) for one in JUDGED]
        self.age = Age(timestamp)

    @property
    def weight(self) -> float:
        """Readings of the number that is known best."""
        return max([one.histogram.weight for one in self.numbers])

    @property
    def cells(self) -> int:
        """Cells of all histograms, and one for itself."""
        return 1 + sum([one.histogram.cells for one in self.numbers])


class _Application:
    def __init__(self) -> None:
        self.bins: dict[int, _Bin] = {}
        self.samples = 0.0
        self.usual: dict[int, list[Usual | None]] = {}  # by place, as long as nothing changes

    def count(self) -> None:
        """How many readings there are at the load that is known best."""
        self.samples = max((one.weight for one in self.bins.values()), default=0.0)

    @property
    def cells(self) -> int:
        """Cells at all loads."""
        return sum([one.cells for one in self.bins.values()])


class Baselines:
    """Of all applications; ``Norms`` that are learned.

    Args:
        samples: readings from which on a number has a baseline.
        strictness: how limits are made of readings.
    """

    def __init__(self, samples: int, strictness: Strictness) -> None:
        self._samples = samples
        self._strictness = strictness
        self._applications: dict[str, _Application] = {}
        self._cells = 0

    def learn(self, application: str, place: int, values: Sequence[float], now: float) -> None:
        """Take readings that nothing is wrong with.

        Args:
            application: whose.
            place: of the load.
            values: in the order of ``JUDGED``; those that are not known are NaN.
            now: Unix time in seconds.
        """
        learned = self._applications.pop(application, None) or _Application()
        self._applications[application] = learned  # the newest is last
        one = learned.bins.get(place)
        if one is None:
            one = learned.bins[place] = _Bin(now)
            self._cells += one.cells
        self._cells -= one.cells
        self._learn(learned, one, values, now)
        self._cells += one.cells
        while self._cells > MOST_CELLS and len(self._applications) > 1:
            self._cells -= self._applications.pop(next(iter(self._applications))).cells

    def _learn(self, learned: _Application, one: _Bin, values: Sequence[float], now: float) -> None:
        factor = one.age.factor(now)
        changed = False
        for number, value in zip(one.numbers, values, strict=True):
            if factor < 1:
                number.histogram.fade(factor)
            if not isnan(value):
                number.add(value)
            elif factor == 1:
                continue
            changed |= number.work_out(self._samples, self._strictness, anew=factor < 1)
        if factor < 1:
            learned.count()
        learned.samples = max(learned.samples, one.weight)
        if changed:
            learned.usual.clear()

    def usual(self, application: str, place: int) -> list[Usual | None]:
        """What is usual, in the order of ``JUDGED``; borrowed from other loads where need be."""
        learned = self._applications.get(application)
        if learned is None:
            return [None] * len(JUDGED)
        known = learned.usual.get(place)
        if known is not None:
            return known
        here = learned.bins.get(place)
        found: list[Usual | None] = [None] * len(JUDGED)
        if here is not None:
            found = [one.usual for one in here.numbers]
        if len(learned.usual) > 64:
            learned.usual.clear()
        learned.usual[place] = found
        near = range(place - NEAR, place + NEAR + 1)
        bins = {
            one: [n.usual for n in learned.bins[one].numbers] for one in near if one in learned.bins
        }
        borrow(found, place, bins, NEAR)
        return found

    def samples(self, application: str) -> float:
        """How much is known of an application: readings at the load that is known best."""
        learned = self._applications.get(application)
        return 0.0 if learned is None else learned.samples

    def forget(self, application: str, group: Group) -> None:
        """Nothing is known any more of the numbers of one group."""
        learned = self._applications.get(application)
        for one in () if learned is None else learned.bins.values():
            for place, judged in enumerate(JUDGED):
                if judged.group is group:
                    self._cells -= one.numbers[place].histogram.cells
                    one.numbers[place] = _Learned(judged)
        if learned is not None:
            learned.count()
            learned.usual.clear()

    def clear(self) -> None:
        """Nothing is known any more."""
        self._applications.clear()
        self._cells = 0

    def dump(self) -> dict[str, Any]:
        """All that was learned, as JSON can hold it."""
        return {
            name: {str(place): _dumped(one) for place, one in learned.bins.items()}
            for name, learned in self._applications.items()
        }

    def load(self, dumped: object) -> None:
        """Take what ``dump`` gave in place of what is known. Raises ValidationError."""
        applications: dict[str, _Application] = {}
        for name, bins in _pairs(dumped, "the applications"):
            applications[name] = _Application()
            for place, one in _pairs(bins, f"the loads of {name!r}"):
                try:
                    number = int(place)
                except ValueError:
                    raise ValidationError(f"{place[:80]!r} is no place of a load") from None
                applications[name].bins[number] = _loaded(one)
            applications[name].count()
        self._applications = applications
        self._cells = sum(one.cells for one in applications.values())


def _dumped(one: _Bin) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for judged, learned in zip(JUDGED, one.numbers, strict=True):
        if learned.histogram.weight:
            usual = learned.usual
            numbers[judged.name] = {
                "counts": learned.histogram.dump(),
                "usual": None if usual is None else [usual.median, usual.limit],
                "worked_out_at": learned.worked_out_at,
            }
    return {"since": one.age.since, "numbers": numbers}


def _loaded(dumped: object) -> _Bin:
    fields = dict(_pairs(dumped, "a load"))
    (since,) = numbers_of([fields.get("since")], 1)
    one = _Bin(since)
    numbers = dict(_pairs(fields.get("numbers"), "the numbers of a load"))
    for place, judged in enumerate(JUDGED):
        if judged.name in numbers:
            known = dict(_pairs(numbers[judged.name], judged.name))
            learned = one.numbers[place]
            learned.histogram = Histogram.load(known.get("counts"))
            (learned.worked_out_at,) = numbers_of([known.get("worked_out_at")], 1)
            if known.get("usual") is not None:
                learned.usual = Usual(*numbers_of(known["usual"], 2))
    return one


def _pairs(dumped: object, what: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(dumped, Mapping):
        raise ValidationError(f"{what} must be a mapping, got {str(dumped)[:80]}")
    for name, value in dumped.items():
        if not isinstance(name, str):
            raise ValidationError(f"{what} have a name that is no text: {str(name)[:80]}")
        yield name, value
