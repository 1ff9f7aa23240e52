"""Numbers of runs: what one run shows, pairs of runs, and how sure all that is."""

import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Estimate",
    "actions",
    "agent_cpu",
    "detect_times",
    "estimate",
    "held",
    "innocent_work",
    "misplaced",
    "most_per_hour",
    "paired",
    "protect_times",
    "release_times",
    "victim",
    "victim_alone",
    "work",
]

Result = dict[str, Any]
_DRAWS = 4000
#: Of all neighbours; a change of one that is no victim and does no harm is misplaced.
_VICTIM = "victim"


@dataclass(frozen=True)
class Estimate:
    """A median over runs.

    Args:
        value: the median.
        low: lower end of what the bootstrap over runs gives in 95 of 100 draws.
        high: upper end.
        runs: how many there are.
    """

    value: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g}; {self.runs})"


def estimate(values: Sequence[float]) -> Estimate | None:
    """The median with a bootstrap interval; None: there are no values.

    Whole runs are drawn, as the requests of one run depend on each other. The draws are always the
    same ones.
    """
    if not values:
        return None
    dice = random.Random(0)
    drawn = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(_DRAWS))
    tail = _DRAWS // 40
    return Estimate(statistics.median(values), drawn[tail], drawn[-1 - tail], len(values))


def paired(
    results: Iterable[Result],
    scenario: str,
    arms: tuple[str, str],
    of: Callable[[Result], float | None],
    how: Callable[[float, float], float] = lambda one, other: one / other,
) -> list[float]:
    """What two arms have in each repetition that has both, held against each other.

    Args:
        results: of all runs.
        scenario: whose.
        arms: the one, and the other that it is held against.
        of: a number of a run.
        how: both numbers into one; a ratio when left out.
    """
    found: dict[str, dict[int, float]] = {arm: {} for arm in arms}
    for one in results:
        if one["scenario"] == scenario and one["arm"] in found:
            number = of(one)
            if number is not None:
                found[one["arm"]][one["repetition"]] = number
    first, second = (found[arm] for arm in arms)
    return [how(first[at], second[at]) for at in sorted(first.keys() & second.keys())]


def victim(name: str) -> Callable[[Result], float | None]:
    """A number of the victim in the windows of a run; the mean over several windows."""

    def of(result: Result) -> float | None:
        values = [phase["victim"].get(name) for phase in result["phases"]]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if known else None

    return of


def victim_alone(name: str) -> Callable[[Result], float | None]:
    """The same as a multiple of what it was in the same run before anything happened."""

    def of(result: Result) -> float | None:
        before, now = result["lead"]["victim"].get(name), victim(name)(result)
        return now / before if before and now is not None else None

    return of


def work(kind: str) -> Callable[[Result], float]:
    """What all neighbours have done per second, in the windows; ``cpu`` or ``bytes``."""
    return lambda result: statistics.fmean(sum(phase[kind].values()) for phase in result["phases"])


def innocent_work(kind: str) -> Callable[[Result], float]:
    """The same of those that do no harm in the phase."""
    return lambda result: statistics.fmean(
        sum(value for task, value in phase[kind].items() if task not in phase["guilty"])
        for phase in result["phases"]
    )


def detect_times(result: Result) -> list[float | None]:
    """For each phase in which somebody is guilty: seconds until the victim was reported."""
    return [
        _first(one["at"] - phase["start"] for one in result["said"] if one["task"] == _VICTIM)
        for phase in result["phases"]
        if phase["guilty"]
    ]


def protect_times(result: Result) -> list[float | None]:
    """Likewise until a file of one who is guilty was changed, as the harness saw it."""
    return [
        _first(at - phase["start"] for at, task, *_ in result["changes"] if task in phase["guilty"])
        for phase in result["phases"]
        if phase["guilty"]
    ]


def release_times(result: Result) -> list[float]:
    """Seconds from the end of a harm until all files of the guilty are as before it.

    It is looked for in phases in which nobody is guilty and which follow one in which somebody is.
    """
    times = []
    for before, phase in zip(result["phases"], result["phases"][1:], strict=False):
        if before["guilty"] and not phase["guilty"]:
            last = [at for at, task, *_ in _while_running(result) if task in before["guilty"]]
            if last and not held(result) & set(before["guilty"]):
                times.append(max(last) - phase["start"])
    return times


def actions(result: Result) -> int:
    """What the agent did to a task, while the run went on; its end gives back what is left.

    Several files of a task that changed at once are one: the idle class changes the shares, too.
    """
    return len({(at, task) for at, task, *_ in _while_running(result)})


def misplaced(result: Result) -> set[str]:
    """Tasks that were changed and are guilty in no phase."""
    guilty = {task for phase in result["phases"] for task in phase["guilty"]}
    return {task for _, task, *_ in _while_running(result)} - guilty


def held(result: Result) -> set[str]:
    """Tasks of which a file is not as it was at first, at the end of the run."""
    first: dict[tuple[str, str], str] = {}
    last: dict[tuple[str, str], str] = {}
    for _, task, file, old, new in _while_running(result):
        first.setdefault((task, file), old)
        last[task, file] = new
    return {task for task, file in first if first[task, file] != last[task, file]}


def agent_cpu(result: Result) -> float | None:
    """CPUs that the agent has used in the windows."""
    used = [phase["agent"] for phase in result["phases"] if "agent" in phase]
    return statistics.fmean(used) if used else None


def most_per_hour(count: int, hours: float) -> float:
    """The rate that is exceeded with 95 % certainty by no more than this; exact, one-sided.

    Source: Poisson; with no event at all it is 3.0 divided by the hours.
    """
    low, high = 0.0, 10.0 + 3 * count
    for _ in range(80):
        middle = (low + high) / 2
        seen = sum(math.exp(-middle) * middle**k / math.factorial(k) for k in range(count + 1))
        low, high = (middle, high) if seen > 0.05 else (low, middle)
    return high / hours if hours else math.inf


def _first(moments: Iterable[float]) -> float | None:
    return min((one for one in moments if one >= 0), default=None)


def _while_running(result: Result) -> list[list[Any]]:
    return [one for one in result["changes"] if one[0] <= result["end"]]
