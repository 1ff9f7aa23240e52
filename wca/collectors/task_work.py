"""The work of tasks, as their applications tell it."""

from collections.abc import Mapping
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

__all__ = ["TaskWorkCollector"]


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
        self._without: dict[str, str] = {}  # reason by task

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Tasks whose source says nothing just now, or cannot be read, by id."""
        return self._without.copy()

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Choose the source. Raises NotAvailable where none is for the task."""
        task = cast("TaskTarget", target).task
        for source in self.sources:
            if source.is_for(task):
                return _WorkProbe(source.attach(task), task.task_id, self._without)
        raise NotAvailable("no source of work is for this task")

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
    """Notes whether the source of one task says anything of its work."""

    def __init__(self, probe: Probe, task_id: str, without: dict[str, str]) -> None:
        self._probe = probe
        self._task_id = task_id
        self._without = without

    def read(self, out: Measurements) -> None:
        values: Measurements = {}
        self._without[self._task_id] = "failing"
        self._probe.read(values)
        self._without[self._task_id] = "silent"
        if values:
            del self._without[self._task_id]
        out.update(values)

    def close(self) -> None:
        self._without.pop(self._task_id, None)
        self._probe.close()
