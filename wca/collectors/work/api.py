"""The contract of a source of work: what an application says of itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from wca.collectors.api import Probe
from wca.metrics.patterns import LabelPatterns
from wca.nodes.api import Task

__all__ = ["SLI", "WORK", "WorkSource", "known_of"]

#: What a source gives, as the catalogue calls it.
WORK, SLI = "task_work", "task_sli_normalized"


def known_of(task: Task) -> dict[str, str]:
    """The labels of a task, and what it is called; a label cannot give it the name of another."""
    return {**task.labels, "task_name": task.name, "task_id": task.task_id}


class WorkSource(ABC):
    """One place where applications tell how much they have done.

    Args:
        labels: which tasks tell it there: regular expressions by label; None: all.

    Raises:
        ValidationError: one of them is no regular expression.
    """

    #: Whether reading it may wait; then all of the collector runs on a thread of its own.
    blocking: ClassVar[bool] = True

    def __init__(self, labels: Mapping[str, str] | None = None) -> None:
        self.labels = labels
        self._patterns = LabelPatterns(labels or {}, "labels")

    def is_for(self, task: Task) -> bool:
        """Whether this task tells its work here."""
        return self._patterns.match_all(known_of(task))

    @abstractmethod
    def attach(self, task: Task) -> Probe:
        """A probe that gives ``task_work``, ``task_sli_normalized``, or what is known of them.

        Raises:
            NotAvailable: the task lacks a label that tells where.
        """
