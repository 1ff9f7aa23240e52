"""Labels that are made from what a task already has."""

import logging
import re
from abc import ABC, abstractmethod

from wca.errors import ValidationError
from wca.nodes.api import Task

__all__ = ["TaskLabelGenerator", "TaskLabelRegexGenerator", "TaskLabelResourceGenerator"]

_log = logging.getLogger(__name__)


class TaskLabelGenerator(ABC):
    """Makes the value of one label of each task. Called for every task at every discovery.

    Optional abilities, as for a storage: ``start()``, ``check()``, ``close(timeout)``.
    """

    @abstractmethod
    def generate(self, task: Task) -> str | None:
        """The value of the label for the task; None: the task gets no such label.

        Args:
            task: with ``task_id`` and ``task_name`` among its labels.
        """


class TaskLabelRegexGenerator(TaskLabelGenerator):
    r"""The value of another label, rewritten with a regular expression.

    Args:
        pattern: regular expression of Python; every match in the source is replaced.
        repl: what replaces it; ``\1`` is the first group.
        source: label to read: ``task_name``, ``task_id`` or one that the orchestrator gives.

    Raises:
        ValidationError: ``pattern`` or ``repl`` is no valid expression.
    """

    def __init__(self, pattern: str, repl: str, source: str = "task_name") -> None:
        try:
            self._pattern = re.compile(pattern)
            self._pattern.sub(repl, "")  # reads repl, so that a wrong group is found now
        except (re.error, IndexError) as error:
            raise ValidationError(
                f"pattern {pattern!r} with repl {repl!r} is no valid regular expression: {error}"
            ) from None
        self._repl = repl
        self._source = source
        self._warned = False

    def generate(self, task: Task) -> str | None:
        """Rewrite the source label of the task; None when the task has no such label."""
        value = task.labels.get(self._source)
        if value is None:
            self._warn(task)
            return None
        return self._pattern.sub(self._repl, value)

    def _warn(self, task: Task) -> None:
        if not self._warned:  # once: usually no task has the label
            self._warned = True
            _log.warning(
                "task %s has no label %r to generate another one from; it has: %s",
                task.task_id,
                self._source,
                ", ".join(sorted(task.labels)) or "none",
            )


class TaskLabelResourceGenerator(TaskLabelGenerator):
    """The amount of a resource that was asked for the task, as text; ``unknown`` without one.

    Args:
        resource_name: such as ``cpus``, ``mem`` or ``disk``.
    """

    def __init__(self, resource_name: str) -> None:
        self._resource_name = resource_name

    def generate(self, task: Task) -> str | None:
        """The amount as text."""
        return str(task.resources.get(self._resource_name, "unknown"))
