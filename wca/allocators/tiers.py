"""Which tasks matter and which give way."""

import enum
from typing import Annotated

from wca.config.types import LabelName
from wca.detectors.api import TaskData
from wca.metrics.patterns import LabelPatterns

__all__ = ["Tier", "Tiers"]

#: The label that KubernetesNode gives pods, and what it says of them. A pod that asks for less than
#: it may use can be either.
_QOS = "app_kubernetes_io__qos_class"


class Tier(enum.StrEnum):
    """How much a task matters."""

    LATENCY_CRITICAL = "latency-critical"
    BEST_EFFORT = "best-effort"
    UNKNOWN = "unknown"


_OF_QOS = {"guaranteed": Tier.LATENCY_CRITICAL, "besteffort": Tier.BEST_EFFORT}


class Tiers:
    """Says of each task whether it matters or gives way, by its labels.

    A task that both fields are about is latency-critical: what matters is not harmed by a mistake
    in an expression. Where no field is about a task its class of service counts, as KubernetesNode
    has it in ``app_kubernetes_io__qos_class``: ``guaranteed`` is latency-critical, ``besteffort``
    best-effort. Everything else is of no known tier.

    Args:
        latency_critical: label to regular expression; a task whose whole value of one of them
            matches is latency-critical.
        best_effort: the same for tasks that give way.

    Raises:
        ValidationError: one of the expressions is none.
    """

    def __init__(
        self,
        latency_critical: dict[Annotated[str, LabelName()], str] | None = None,
        best_effort: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        self.latency_critical = latency_critical or {}
        self.best_effort = best_effort or {}
        self._critical = LabelPatterns(self.latency_critical, "latency_critical")
        self._best_effort = LabelPatterns(self.best_effort, "best_effort")

    def of(self, task: TaskData) -> Tier:
        """The tier of a task."""
        if self._critical.match_any(task.labels):
            return Tier.LATENCY_CRITICAL
        if self._best_effort.match_any(task.labels):
            return Tier.BEST_EFFORT
        found = task.labels.get(_QOS)
        return _OF_QOS.get(found.lower(), Tier.UNKNOWN) if isinstance(found, str) else Tier.UNKNOWN
