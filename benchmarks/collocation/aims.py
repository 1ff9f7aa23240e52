"""The aims, fixed before any run, and how far they are reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.collocation import arithmetic as a
from benchmarks.collocation.scenarios import AGENT, DRY_RUN, NONE, SCENARIOS, STATIC

__all__ = ["Aim", "aims"]

_PAIR = (AGENT, STATIC)
#: Runs, or pairs of them: fewer claim nothing.
_ENOUGH = 5
#: In which an agent has to protect somebody.
_HARMED = ("E1", "E2", "E5a", "E3a", "E3b")


@dataclass(frozen=True)
class Aim:
    """One aim.

    Args:
        text: what is held against the limit.
        limit: in words.
        found: the estimate and whether the aim is met, in words; None: there are no runs.
    """

    text: str
    limit: str
    found: tuple[str, str] | None


def aims(results: Sequence[a.Result]) -> list[Aim]:
    """All of them.

    Args:
        results: of all runs.
    """

    def ratio(scenario: str, name: str, arms: tuple[str, str] = _PAIR) -> list[float]:
        return a.paired(results, scenario, arms, a.victim(name))

    def points(scenario: str) -> list[float]:
        """Of the work that is done without an agent: more than with the static setting."""
        of = a.work(SCENARIOS[scenario].work)
        agent, static = (a.paired(results, scenario, (arm, NONE), of) for arm in _PAIR)
        return [100 * (one - other) for one, other in zip(agent, static, strict=False)]

    def kept(scenario: str) -> list[float]:
        return a.paired(results, scenario, (AGENT, NONE), a.work(SCENARIOS[scenario].work))

    def own(scenario: str, of: Callable[[a.Result], float | None]) -> list[float]:
        runs = (one for one in results if (one["scenario"], one["arm"]) == (scenario, AGENT))
        return [number for one in runs if (number := of(one)) is not None]

    found = [
        _at_most("E1, p99, agent / static", 1.05, ratio("E1", "p99")),
        _at_least("E1, work of the neighbours, points above static", -1.0, points("E1")),
        _at_most("E2, mean, agent / alone", 1.05, own("E2", a.victim_alone("mean"))),
        _at_most(
            "E2, mean as a multiple of alone, agent / static",
            1.05,
            a.paired(results, "E2", _PAIR, a.victim_alone("mean")),
        ),
        _at_most("E5a, p99, agent / no quota", 1.4, own("E5a", a.victim_alone("p99"))),
        _at_least("E5a, work of the neighbour kept", 0.98, kept("E5a")),
        _at_most("E5a, p99, agent / static", 1.05, ratio("E5a", "p99")),
        _at_most("E3a, p99, ms", 4.0, own("E3a", a.victim("p99"))),
        _at_least("E3a, work of the neighbour kept", 0.9, kept("E3a")),
        _at_most("E3a, p99, agent / static", 1.05, ratio("E3a", "p99")),
        _at_most("E3b, p99, agent / static", 1.05, ratio("E3b", "p99")),
        _at_most(
            "changing, mean as a multiple of alone, agent / static",
            1.05,
            a.paired(results, "changing", _PAIR, a.victim_alone("mean")),
        ),
        *_times(results),
        _release(results),
        _at_most(
            "nothing beside it, mean, dry run / no agent",
            1.01,
            ratio("alone", "mean", (DRY_RUN, NONE)),
        ),
    ]
    return [*found, _controls(results)]


def _at_most(text: str, limit: float, values: Sequence[float]) -> Aim:
    return _aim(text, f"at most {limit:g}", values, lambda value: value <= limit)


def _at_least(text: str, limit: float, values: Sequence[float]) -> Aim:
    return _aim(text, f"at least {limit:g}", values, lambda value: value >= limit)


def _aim(text: str, limit: str, values: Sequence[float], good: Callable[[float], bool]) -> Aim:
    found = a.estimate(values)
    if found is None:
        return Aim(text, limit, None)
    if good(found.low) and good(found.high):
        met = "yes"
    else:
        met = "in the median" if good(found.value) else "no"
    return Aim(text, limit, (str(found), met if found.runs >= _ENOUGH else f"so far {met}"))


def _times(results: Sequence[a.Result]) -> list[Aim]:
    """How soon the victim is protected, over all scenarios; never is later than any limit."""
    runs = [one for one in results if one["arm"] == AGENT and one["scenario"] in _HARMED]
    times = [t for one in runs for t in a.protect_times(one)]
    if not times:
        texts = ("seconds to protect, median", "seconds to protect, worst")
        return [Aim(text, "", None) for text in texts]
    known = [float("inf") if one is None else one for one in times]
    median = _aim("seconds to protect, median", "at most 3", known, lambda value: value <= 3)
    worst = max(known)
    told = f"{worst:.1f} of {len(known)}", "yes" if worst <= 5 else "no"
    return [median, Aim("seconds to protect, worst", "at most 5", told)]


def _release(results: Sequence[a.Result]) -> Aim:
    """How soon all is given back when the harm has ended; there is no limit."""
    times = [t for one in results if one["arm"] == AGENT for t in a.release_times(one)]
    found = a.estimate(times)
    text = "seconds to release, when the culprit has ended"
    return Aim(text, "", None if found is None else (str(found), ""))


def _controls(results: Sequence[a.Result]) -> Aim:
    runs = [one for one in results if one["arm"] == AGENT and SCENARIOS[one["scenario"]].control]
    text, limit = "changes in controls", "none"
    if not runs:
        return Aim(text, limit, None)
    count, hours = sum(map(a.actions, runs)), sum(one["end"] for one in runs) / 3600
    told = f"{count} in {60 * hours:.1f} min, less than {a.most_per_hour(count, hours):.1f} an hour"
    return Aim(text, limit, (told, "no" if count else "yes, with that bound"))
