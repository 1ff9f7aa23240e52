"""The report on detectors, in Markdown."""

import collections
import math
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.detection.corpus import Corpus
from benchmarks.detection.evaluating import Effect, Evaluation, Judged, effects
from benchmarks.detection.plan import KINDS
from wca.recording.scoring import KindScore, Share

__all__ = ["LIMITS", "report", "upper_bound"]

LIMITS = """\
This machine cannot show: cycles per instruction, cache occupancy and memory bandwidth as hardware
counts them (no PMU, no resctrl), NUMA, hyper-threads, frequency changes, more than two CPUs, more
than one victim, a network, and containers of an orchestrator. Its memory and disk are shared with
machines that we do not see: what memory costs moves by itself. Every number below is of one
machine, one victim and the kinds of neighbour named, and is claimed no further than the lower end
of its interval (Wilson, 95 %).
"""
NAIVE = "naive"
NAIVE_NOTE = (
    "The naive rules have no rule for page cache thrash: they look at pressure alone and cannot "
    "name it."
)
_EFFECT = ("mean", "p50", "p95", "p99", "cpu per work")


def report(corpus: Corpus, evaluations: Sequence[Evaluation]) -> str:
    """All of it.

    Args:
        corpus: that the detectors were replayed over.
        evaluations: of each of them.
    """
    problems = dict.fromkeys(text for one in evaluations for text in one.problems)
    parts = [LIMITS, _episodes(corpus), *(f"{text}.\n" for text in problems)]
    parts.append(_effects(effects(corpus)))
    for one in evaluations:
        parts += [f"## {one.name}\n", _origin(one), _scores(one), _accused(one), _alarms(one)]
        parts.append(_failures(one))
    return "\n".join(parts)


def _episodes(corpus: Corpus) -> str:
    count = sum(one.label["scored"] for one in corpus)
    rejected = collections.Counter(one["kind"] for one in corpus.rejected)
    reasons = ", ".join(f"{kind} {number}" for kind, number in sorted(rejected.items()))
    tail = f" ({reasons})" if reasons else ""
    return (
        f"{count} episodes are scored. {rejected.total()} attempts were rejected for the CPU that "
        f"others used or for steal, before anything else was looked at{tail}.\n"
    )


def _effects(found: Iterable[Effect]) -> str:
    rows = [
        [
            one.kind,
            str(one.episodes),
            *(f"{one.before[name]:.2f} to {one.during[name]:.2f}" for name in _EFFECT),
        ]
        for one in found
    ]
    titles = ["kind", "episodes", "mean", "p50", "p95", "p99", "CPU per request"]
    table = _table(titles, rows)
    return (
        "## What the episodes do to the victim\n\n"
        "Milliseconds in the 10 s before and in the episode, medians over the episodes. Latency is "
        f"counted from the moment at which a request was to be sent.\n\n{table}\n"
    )


def _scores(one: Evaluation) -> str:
    titles = ["kind", "episodes", "found", "verdict right", "blame right", "abstained"]
    titles += ["wrong blame", "s to detect: median", "p90"]
    kinds = [kind for name in KINDS if (kind := one.score.kinds.get(name)) is not None]
    real = _table(titles, [_row(kind) for kind in kinds if not kind.control])
    titles = ["control", "episodes", "silent", "accused somebody"]
    controls = [_control(kind) for kind in kinds if kind.control]
    return f"{real}\n\n{_table(titles, controls)}\n"


def _row(kind: KindScore) -> list[str]:
    shares = (kind.found, kind.verdict_most, kind.blame_right, kind.abstained, kind.blame_wrong)
    times = ["", ""]
    if kind.seconds:
        last = kind.seconds[min(len(kind.seconds) - 1, len(kind.seconds) * 9 // 10)]
        times = [f"{kind.seconds_median:.1f}", f"{last:.1f}"]
    return [kind.kind, str(kind.episodes), *map(_share, shares), *times]


def _control(kind: KindScore) -> list[str]:
    silent = Share(kind.episodes - kind.found.count, kind.episodes)
    return [kind.kind, str(kind.episodes), _share(silent), _share(kind.blame_wrong)]


def _origin(one: Evaluation) -> str:
    """Where the thresholds come from, and what the rules cannot say."""
    if one.trained_on is not None:
        return f"Its thresholds were learned from another corpus, {one.trained_on}.\n"
    note = f" {NAIVE_NOTE}" if one.name == NAIVE else ""
    return (
        "Its thresholds are those of its configuration and what it has learned on the way through "
        f"this corpus; none comes from another one.{note}\n"
    )


def _accused(one: Evaluation) -> str:
    controls = len(one.controls)
    if not controls:
        return "There are no controls.\n"
    bound = upper_bound(one.accusing, controls)
    return (
        f"It accused somebody in {one.accusing} of {controls} controls (one-sided 95 % upper bound "
        f"{bound:.1%}).\n"
    )


def upper_bound(count: int, of: int) -> float:
    """The share that is exceeded with 95 % certainty by no more than this; exact.

    The one-sided bound of Clopper and Pearson: with it as the share, ``count`` or fewer of ``of``
    would be seen one time in twenty.
    """
    if count >= of:
        return 1.0
    low, high = count / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        seen = sum(
            math.comb(of, k) * middle**k * (1 - middle) ** (of - k) for k in range(count + 1)
        )
        low, high = (middle, high) if seen > 0.05 else (low, middle)
    return high


def _alarms(one: Evaluation) -> str:
    score = one.score
    per_day = score.false_alarms_per_day
    rate = "" if per_day is None else f": {per_day:.0f} in a day of a node at this rate"
    return (
        f"{len(score.false_alarms)} false alarms in {score.quiet_seconds / 60:.0f} minutes without "
        f"interference{rate}; {score.false_accusations} of them accuse somebody. "
        f"{len(score.elsewhere)} anomalies in episodes are about another task than the victim.\n"
    )


def _failures(one: Evaluation) -> str:
    failed = [judged for judged in one.judged if judged.failures]
    if not failed:
        return "No failures.\n"
    return "Failures:\n\n" + "\n".join(f"- {line}" for line in _lines(failed)) + "\n"


def _lines(failed: Iterable[Judged]) -> Iterator[str]:
    for one in failed:
        said = "; ".join(
            f"{finding.verdict or finding.resource} of {_short(finding.task)} by "
            f"{', '.join(map(_short, finding.accused)) or 'nobody'} "
            f"at {finding.begin - one.episode.start:+.0f} s"
            for finding in one.said
        )
        culprits = ", ".join(map(_short, one.episode.culprits)) or "nobody"
        yield (
            f"{one.name} {one.episode.kind} by {culprits}: {', '.join(one.failures)}; "
            f"said: {said or 'nothing'}"
        )


def _short(task: str) -> str:
    return task.rpartition("/")[2] or "the machine"


def _share(share: Share) -> str:
    return f"{share.count} ({share.low:.0%} to {share.high:.0%})" if share.of else ""


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
