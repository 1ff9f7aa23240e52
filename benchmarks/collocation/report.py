"""The report on the arms, in Markdown."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from benchmarks.collocation import arithmetic as a
from benchmarks.collocation.aims import aims
from benchmarks.collocation.corpus import Runs
from benchmarks.collocation.scenarios import ARMS, SCENARIOS, VERIFY, Scenario

__all__ = ["LIMITS", "report"]

LIMITS = """\
This is a virtual machine of two CPUs without hyper-threads. It cannot show: resctrl, NUMA, cycles
per instruction, more than one victim, a network, an orchestrator that writes the same files.
What memory and the disk cost there moves by itself, because other machines share them. Numbers are
medians over repetitions; in brackets what the bootstrap over whole runs gives in 95 of 100 draws,
and the number of runs or pairs: with two or three it is no more than their range.
"""
_ARMS = (*ARMS, VERIFY)
_LATENCIES = ("mean", "p50", "p95", "p99")


def report(folders: Sequence[Runs]) -> str:
    """All of it.

    Args:
        folders: with runs, whose results are taken together.
    """
    results = [one for folder in folders for one in folder.results]
    rejected = [one for folder in folders for one in folder.rejected]
    parts = [LIMITS, _counts(results, rejected)]
    for name, scenario in SCENARIOS.items():
        own = [one for one in results if one["scenario"] == name]
        if own and not scenario.control and VERIFY not in scenario.arms:
            parts.append(_scenario(name, scenario, own))
    parts += [_aims(results), _controls(results), _blame(results), _left(results)]
    return "\n".join(part for part in parts if part)


def _counts(results: Sequence[a.Result], rejected: Sequence[dict[str, str]]) -> str:
    versions = Counter(one["version"] for one in results)
    told = ", ".join(f"{name} ({count})" for name, count in sorted(versions.items()))
    return (
        f"{len(results)} runs count. {len(rejected)} attempts were rejected for the CPU that "
        f"others used or for steal, before anything else was looked at. Versions of the agent: "
        f"{told}.\n"
    )


def _scenario(name: str, scenario: Scenario, results: Sequence[a.Result]) -> str:
    titles = ["arm", "runs", *_LATENCIES, "each p99", "work kept", "innocents' work"]
    titles += ["s to detect", "s to protect", "changes", "agent CPU"]
    rows = []
    for arm in _ARMS:
        own = [one for one in results if one["arm"] == arm]
        if own:
            rows.append(_row(arm, scenario, own, results))
    alone = [one["lead"]["victim"] for one in results]
    before = ", ".join(
        f"{one} {statistics.median(part[one] for part in alone if one in part):.2f}"
        for one in _LATENCIES
    )
    return (
        f"## {name}: {scenario.title}\n\nMilliseconds. Alone, before: {before} ms.\n\n"
        f"{_table(titles, rows)}\n"
    )


def _row(
    arm: str, scenario: Scenario, own: Sequence[a.Result], results: Sequence[a.Result]
) -> list[str]:
    name = own[0]["scenario"]
    numbers = [f"{_median(own, a.victim(one)):.2f}" for one in _LATENCIES]
    ordered = sorted(own, key=lambda one: one["repetition"])
    each = " ".join(f"{a.victim('p99')(one):.1f}" for one in ordered)
    kept = a.estimate(a.paired(results, name, (arm, "none"), a.work(scenario.work)))
    innocent = [one for one in own if a.innocent_work(scenario.work)(one)]
    theirs = None
    if innocent:
        pairs = a.paired(results, name, (arm, "none"), a.innocent_work(scenario.work))
        theirs = a.estimate(pairs)
    agents = [value for one in own if (value := a.agent_cpu(one)) is not None]
    acts = [a.actions(one) for one in own]
    return [
        *(arm, str(len(own)), *numbers, each),
        "" if kept is None else f"{kept.value:.1%}",
        "" if theirs is None else f"{theirs.value:.1%}",
        _times(t for one in own for t in a.detect_times(one)) if agents else "",
        _times(t for one in own for t in a.protect_times(one)) if any(acts) else "",
        f"{statistics.median(acts):g}" if agents else "",
        f"{statistics.median(agents):.1%}" if agents else "",
    ]


def _median(results: Sequence[a.Result], of: Callable[[a.Result], float | None]) -> float:
    return statistics.median(number for one in results if (number := of(one)) is not None)


def _times(found: Iterable[float | None]) -> str:
    """Median and worst; how many never."""
    times = list(found)
    known = sorted(one for one in times if one is not None)
    never = f", never {len(times) - len(known)} of {len(times)}" if len(known) < len(times) else ""
    return f"{statistics.median(known):.1f}, {known[-1]:.1f} at most{never}" if known else "never"


def _aims(results: Sequence[a.Result]) -> str:
    rows = [
        [one.text, one.limit, *(("", "no runs") if one.found is None else one.found)]
        for one in aims(results)
    ]
    return f"## Aims\n\n{_table(['aim', 'limit', 'found', 'met'], rows)}\n"


def _controls(results: Sequence[a.Result]) -> str:
    rows = []
    hours = acted = 0.0
    for name, scenario in SCENARIOS.items():
        own = [one for one in results if one["scenario"] == name and one["arm"] == "agent"]
        if not scenario.control or VERIFY in scenario.arms or not own:
            continue
        minutes = sum(one["end"] for one in own) / 60
        count = sum(a.actions(one) for one in own)
        hours, acted = hours + minutes / 60, acted + count
        said = sum(len(one["said"]) for one in own)
        dry = [one for one in results if one["scenario"] == name and one["arm"] == "dry run"]
        would = sum(item["outcome"] == "would" for one in dry for item in one["asked"])
        told = [str(len(own)), f"{minutes:.1f}", str(count), str(said), str(len(dry)), str(would)]
        rows.append([scenario.title, *told])
    if not rows:
        return ""
    bound = a.most_per_hour(int(acted), hours)
    titles = ["control", "runs", "minutes", "changes", "reported", "dry runs", "would have done"]
    return (
        f"## Controls\n\n{_table(titles, rows)}\n\n{acted:.0f} changes in {60 * hours:.1f} minutes "
        f"of the agent: less than {bound:.1f} in an hour with 95 % certainty.\n"
    )


def _blame(results: Sequence[a.Result]) -> str:
    rows = []
    for name, scenario in SCENARIOS.items():
        for arm in scenario.arms if VERIFY in scenario.arms else ():
            own = [one for one in results if one["scenario"] == name and one["arm"] == arm]
            if own:
                rows.append([scenario.title, arm, str(len(own)), *_verdicts(own)])
    titles = ["episode", "arm", "runs", "guilty held", "innocent held", "nobody held"]
    return f"## Who did it?\n\n{_table(titles, rows)}\n" if rows else ""


def _verdicts(own: Sequence[a.Result]) -> list[str]:
    """Who was held at the end of the run."""
    right = wrong = nobody = 0
    for one in own:
        held = a.held(one)
        guilty = {task for phase in one["phases"] for task in phase["guilty"]}
        wrong += bool(held - guilty)
        right += bool(held & guilty) and not held - guilty
        nobody += not held
    return [str(right), str(wrong), str(nobody)]


def _left(results: Sequence[a.Result]) -> str:
    agents = [one for one in results if one["arm"] not in ("none", "static")]
    left = [f"* {one['name']}: {text}" for one in agents for text in one["left"]]
    told = "\n".join(left) if left else "Every file was as before after each of them."
    return f"## What agents have left\n\n{len(agents)} runs had an agent.\n\n{told}\n"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
