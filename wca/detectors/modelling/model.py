"""A model: what was learned from recordings, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wca.detectors.interfering.judged import JUDGED, Group, Usual
from wca.detectors.interfering.norms import borrow

__all__ = ["BY_FENCE", "BY_LABELS", "Learned", "Load", "Model", "ModelNorms", "Parameters", "Span"]

#: How a limit was found.
BY_FENCE, BY_LABELS = "fence", "labels"
#: Bins away from its own in which a load is still one that is known.
_NEAR = 1


@dataclass(frozen=True)
class Parameters:
    """How a model is trained.

    Args:
        application_label: the label of tasks that says which of them are of one kind.
        min_cpu: CPUs that a task must use before its waits for a CPU and its costs count.
        samples: readings that a limit needs.
        components: of a mixture, at most.
        span: standard deviations above the mean of a component that are still usual.
        budget: share of usual readings that may be beyond a limit.
        share: how much of the median a limit is above it at least; half of it for numbers that are
            smoothed. Those that labels gave may be nearer.
    """

    application_label: str
    min_cpu: float
    samples: int
    components: int
    span: float
    budget: float
    share: float


@dataclass(frozen=True)
class Span:
    """What a recording covers.

    Args:
        begin: Unix time of its first interval.
        end: of its last.
        intervals: that were read.
    """

    begin: float
    end: float
    intervals: int


@dataclass(frozen=True)
class Learned:
    """What is known of a number at a load.

    Args:
        median: of the usual readings.
        limit: from where on a reading is unusual.
        samples: usual readings.
        by: how the limit was found.
        components: weight, mean and standard deviation of each.
        disturbed: readings from episodes in which the number should be high.
        score: the lower bound of the F-measure with which the limit tells these from the usual
            ones; None: it was not looked at.
    """

    median: float
    limit: float
    samples: int
    by: str
    components: Sequence[Sequence[float]]
    disturbed: int = 0
    score: float | None = None


@dataclass(frozen=True)
class Load:
    """What is known of an application at a load.

    Args:
        samples: intervals of tasks that were read.
        numbers: by place in ``JUDGED``.
    """

    samples: int
    numbers: Mapping[int, Learned]


@dataclass(frozen=True)
class Model:
    """What ``wca train`` writes.

    Args:
        wca: the version that trained it.
        recordings: what it was trained on, by time.
        episodes: of labels; None: there were no labels.
        parameters: how it was trained.
        applications: by name, the loads by place.
    """

    wca: str
    recordings: Sequence[Span]
    episodes: int | None
    parameters: Parameters
    applications: Mapping[str, Mapping[int, Load]]


class ModelNorms:
    """``Norms`` that do not change. A load next to one that is known has its limits, twice as far.

    Args:
        model: where they are from.
    """

    def __init__(self, model: Model) -> None:
        bins = {
            name: {
                place: [_usual(load.numbers.get(number)) for number in range(len(JUDGED))]
                for place, load in loads.items()
            }
            for name, loads in model.applications.items()
        }
        self._nothing: Sequence[Usual | None] = [None] * len(JUDGED)
        self._known = {name: self._near(bins) for name, bins in bins.items()}

    def knows(self, application: str) -> bool:
        """Whether the model was trained on tasks of this kind."""
        return application in self._known

    def usual(self, application: str, place: int) -> Sequence[Usual | None]:
        """What is held against numbers; see ``Norms``."""
        known = self._known.get(application)
        return self._nothing if known is None else known.get(place, self._nothing)

    def learn(self, application: str, place: int, values: Sequence[float], now: float) -> None:
        """Nothing: what is usual was learned before."""

    def forget(self, application: str, group: Group) -> None:
        """Nothing, too."""

    def _near(
        self, bins: Mapping[int, Sequence[Usual | None]]
    ) -> dict[int, Sequence[Usual | None]]:
        places = {place + step for place in bins for step in range(-_NEAR, _NEAR + 1)}
        found: dict[int, Sequence[Usual | None]] = {}
        for place in sorted(places):
            usual = list(bins.get(place, self._nothing))
            borrow(usual, place, bins, _NEAR)
            found[place] = usual
        return found


def _usual(learned: Learned | None) -> Usual | None:
    return None if learned is None else Usual(learned.median, learned.limit)
