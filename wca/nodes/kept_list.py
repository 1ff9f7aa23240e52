"""The last list of tasks that a source has given, for as long as it may be used."""

import logging
import threading
from collections.abc import Callable, Sequence

from wca.clock import Clock
from wca.errors import TaskSynchronizationException
from wca.nodes.api import Task

__all__ = ["KeptList"]

log = logging.getLogger(__name__)


class KeptList:
    """Written by the thread that asks the source, read by the loop.

    Args:
        name: of the source, for the log.
        keep: seconds for which the last list is given while the source is away.
        clock: time.
    """

    def __init__(self, name: str, keep: float, clock: Clock) -> None:
        self._name = name
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._tasks: list[Task] | None = None
        self._given = 0.0
        self._failure: str | None = None
        self._changed: Callable[[], None] = lambda: None

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this when the list has become another one."""
        self._changed = changed

    def put(self, tasks: Sequence[Task]) -> None:
        """The source has given its list."""
        given = list(tasks)
        with self._lock:
            another = self._tasks is None or not _same(given, self._tasks)
            if another:
                self._tasks = given
        self.confirm()
        if another:
            self._changed()

    def confirm(self) -> None:
        """The source has said that its list is still the same."""
        with self._lock:
            self._given = self._clock.monotonic()
            failed, self._failure = self._failure, None
        if failed is not None:
            log.info("%s gives its tasks again", self._name)

    def fail(self, reason: str) -> None:
        """The source has not given its list, in a sentence."""
        with self._lock:
            new, self._failure = self._failure is None, reason
            known = self._tasks is not None
        if new and known:
            log.warning(
                "%s: %s; its last list is used for %g s more", self._name, reason, self._keep
            )

    def get(self) -> list[Task]:
        """The last list.

        Raises:
            TaskSynchronizationException: there is none, or it is too old.
        """
        with self._lock:
            if self._tasks is None:
                raise TaskSynchronizationException(self._failure or "it has not answered yet")
            age = self._clock.monotonic() - self._given
            if self._failure is not None and age > self._keep:
                raise TaskSynchronizationException(
                    f"{self._failure}; its last list is {age:.0f} s old"
                )
            return list(self._tasks)

    @property
    def age(self) -> float | None:
        """Seconds since the source has given its list; None before the first one."""
        with self._lock:
            return None if self._tasks is None else self._clock.monotonic() - self._given


def _same(one: Sequence[Task], other: Sequence[Task]) -> bool:
    """Whether two lists say the same of the same tasks; tasks are equal by their ids alone."""
    return len(one) == len(other) and all(
        vars(a) == vars(b) for a, b in zip(one, other, strict=True)
    )
