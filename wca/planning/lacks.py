"""What a configuration will not have here, and what does not fit."""

from collections.abc import Collection, Sequence

from wca.collectors import Collector
from wca.doctor import Finding
from wca.linux.descriptors import descriptor_limit
from wca.planning.model import Lacking, LeftOut
from wca.runners.export import container_metric
from wca.runners.measurement import MeasurementRunner

__all__ = ["impossible", "lacks", "left_out", "unseen"]

_Found = Sequence[tuple[Collector, Finding]]

#: Limits of descriptors are written as multiples of it.
_STEP = 4096


def impossible(found: _Found) -> list[Lacking]:
    """Metrics of collectors that have no source on this machine.

    Args:
        found: what was found out about each collector.
    """
    return [
        Lacking(finding.subject, finding.found, list(_wanted(one)))
        for one, finding in found
        if _has_no_source(finding)
    ]


def unseen(found: _Found, names: Collection[str]) -> list[Lacking]:
    """Metrics without numbers, of collectors that were tried and have a source.

    Args:
        found: as of ``impossible``.
        names: of the metrics that had numbers.
    """
    seen = {*names}
    lacking = []
    for one, finding in found:
        if one.changes or _has_no_source(finding) or finding.found.startswith("not tried"):
            continue
        missing = [
            name for name in _wanted(one) if name not in seen and container_metric(name) not in seen
        ]
        if missing:
            reason = "" if finding.found.startswith("measures") else finding.found
            lacking.append(Lacking(finding.subject, reason, missing))
    return lacking


def left_out(found: _Found) -> list[LeftOut]:
    """Collectors that have a source and were not tried, because they change something."""
    return [
        LeftOut(finding.subject, one.changes, list(_wanted(one)))
        for one, finding in found
        if one.changes and not _has_no_source(finding)
    ]


def lacks(
    runner: MeasurementRunner, kept_out: int, descriptors: int, share: float, memory: int
) -> list[str]:
    """What does not fit, in sentences.

    Args:
        runner: with its limits.
        kept_out: tasks that series_limit leaves out.
        descriptors: open ones.
        share: of one core.
        memory: bytes.
    """
    sentences, budget = [], runner.budget or {}
    limit = descriptor_limit()
    if descriptors > limit:
        enough = -(-descriptors * 3 // 2 // _STEP) * _STEP
        sentences.append(
            f"{descriptors} descriptors are needed, and {limit} may be open: write "
            f"LimitNOFILE={enough} into its unit"
        )
    if kept_out:
        sentences.append(
            f"series_limit, {runner.series_limit}, leaves out {kept_out} tasks: the last in the "
            "list"
        )
    if share > budget.get("cpu", share):
        sentences.append(
            f"{share:.1%} of one core is more than the budget, {budget['cpu']:.1%}: the agent will "
            "measure less often, then less"
        )
    if memory > budget.get("memory", memory):
        sentences.append(
            f"{memory / 2**20:.1f} MiB are more than the budget, {budget['memory'] / 2**20:.1f} "
            "MiB: the agent will stop collectors"
        )
    return sentences


def _has_no_source(finding: Finding) -> bool:
    """Whether a collector measures nothing here, wanted or not."""
    return not finding.good or finding.found.startswith("measures nothing here")


def _wanted(collector: Collector) -> Sequence[str]:
    """Metrics that a collector is to have: those of its events, where it has events."""
    events: object = getattr(collector, "event_names", None)
    if isinstance(events, (list, tuple)) and all(isinstance(one, str) for one in events):
        return events
    return collector.emits or [entry.name for entry in collector.metrics]
