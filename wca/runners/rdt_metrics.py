"""What a task may use of caches and memory bandwidth, as metrics."""

from typing import Any

from wca.allocators.api import RDTAllocation
from wca.detectors.api import TaskData
from wca.linux.parse import Malformed
from wca.linux.resctrl.schemata import CACHES, Row, parse_schemata
from wca.metrics import Metric
from wca.runners.columns import catalogued

__all__ = ["rdt_metrics"]

#: How the kernel calls the root group in /proc/PID/cpu_resctrl_groups.
_ROOT = "/"


def rdt_metrics(task: TaskData, value: Any) -> list[Metric]:
    """One metric for each domain: of caches the ways and the mask, else the number.

    Args:
        task: whose.
        value: what is in force; anything but an RDTAllocation has none.
    """
    if not isinstance(value, RDTAllocation):
        return []
    group = task.task_id if value.name is None else value.name or _ROOT
    metrics: list[Metric] = []
    for level, text in (("l3", value.l3), ("l2", value.l2), ("mb", value.mb), ("smba", value.smba)):
        for resource, row in _rows(text).items():
            kind = f"rdt_{resource.lower()}"
            masks = resource in CACHES
            for domain, number in row.items():
                labels = {**task.labels, "group_name": group, "domain_id": str(domain)}
                metrics += _of_domain(level, kind, number, labels, masks=masks)
    return metrics


def _of_domain(
    level: str, kind: str, number: int, labels: dict[str, str], *, masks: bool
) -> list[Metric]:
    if not masks:
        return [catalogued(f"allocation_rdt_{level}", number, {**labels, "allocation_type": kind})]
    return [
        catalogued(
            f"allocation_rdt_{level}_{what}", one, {**labels, "allocation_type": f"{kind}_{what}"}
        )
        for what, one in (("cache_ways", number.bit_count()), ("mask", number))
    ]


def _rows(text: str | None) -> dict[str, Row]:
    try:
        return parse_schemata((text or "").replace(",", "\n").encode())
    except Malformed:
        return {}
