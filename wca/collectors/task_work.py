"""The work of tasks, as their applications tell it."""

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, cast

from wca.abilities import ability
from wca.collectors.api import (
    INTERVAL,
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    TaskTarget,
)
from wca.collectors.work.api import SLI, WORK, WorkSource
from wca.errors import ValidationError
from wca.metrics import Measurements
from wca.nodes.api import Task

__all__ = ["TaskWorkCollector"]

log = logging.getLogger(__name__)

#: Reasons that were said, at most; then all of them may be said again.
_MOST_SAID = 1000


class TaskWorkCollector(Collector):
    """How much each task has done, and how well, in numbers that its application tells.

    The kernel counts what a task uses, and only the application knows what for. With work, CPU time
    per unit of work tells a slow machine from a busy one; ``enable_derived_metrics`` adds it.

    A reading that is not there, is not finite or is negative gives no work, never 0. After a
    counter began anew, the work goes on from where it was, one reading later. Where all sources are
    counter files, they are read in the same moment as the counters of the task; with any other
    source all is read on a thread of its own.

    Source: files or Prometheus endpoints of the applications.

    Args:
        sources: at least one: WorkCounterFile, WorkEndpoint, WorkSharedPage, or one of yours; of
            several that are for a task the first counts.
        interval: time between two readings; the runner's when left out.

    Raises:
        ValidationError: there is no source.
    """

    per_container = False  # an application tells its work for the task as a whole
    emits = (WORK, SLI)

    def __init__(
        self,
        sources: list[WorkSource],
        interval: Annotated[float, INTERVAL] | None = None,
    ) -> None:
        super().__init__(interval)
        if not sources:
            raise ValidationError("sources is empty: write at least one source of work")
        self.sources = list(sources)
        # Of each collector by itself: files alone are not worth a thread, and better read in time.
        self.blocking = any(one.blocking for one in sources)  # type: ignore[misc]
        self._without: dict[str, str] = {}  # state by task
        self._said: set[str] = set()

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Tasks without work just now, by id; those that lack a label are ``unavailable``."""
        return self._without.copy()

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Choose the source. Raises NotAvailable where none is for the task."""
        task = cast("TaskTarget", target)
        for source in self.sources:
            if source.is_for(task.task):
                return _WorkProbe(source, task, self._note)
        raise NotAvailable("no source of work is for this task")

    def _note(self, task_id: str, state: str, reason: str = "") -> None:
        """Take note of a task without work; no state: it has some, or has ended."""
        if not state:
            self._without.pop(task_id, None)
            return
        self._without[task_id] = state
        if reason and reason not in self._said:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said.add(reason)
            log.info("no work of task %s: %s", task_id, reason)

    def close(self, timeout: float) -> None:
        """Close the sources.

        Args:
            timeout: seconds for each.
        """
        for source in self.sources:
            close = ability(source, "close")
            if close is not None:
                close(timeout)


class _WorkProbe:
    """Reads the source of one task, and notes whether that says anything of its work.

    A label that the source needs may come after the task, as the address of a pod does: it is
    looked for again with each list of the node.
    """

    def __init__(self, source: WorkSource, target: TaskTarget, note: Callable[..., None]) -> None:
        self._source = source
        self._target = target
        self._note = note
        self._task_id = target.task.task_id
        self._tried: Task | None = None
        self._probe: Probe | None = None

    def read(self, out: Measurements) -> None:
        probe = self._probe or self._attached()
        if probe is None:
            return
        values: Measurements = {}
        state = "failing"
        try:
            probe.read(values)
            state = "" if values else "silent"
        finally:
            self._note(self._task_id, state)
        out.update(values)

    def close(self) -> None:
        self._note(self._task_id, "")
        if self._probe is not None:
            self._probe.close()

    def _attached(self) -> Probe | None:
        task = self._target.task
        if task is self._tried:
            return None
        try:
            self._probe = self._source.attach(task)
        except NotAvailable as missing:
            self._tried = task
            self._note(self._task_id, "unavailable", missing.reason)
        return self._probe
