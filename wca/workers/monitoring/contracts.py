"""What monitoring wants of alerts, of those that tell of them, and of the schedule."""

from collections.abc import Collection, Sequence
from typing import Protocol

from wca.workers.model import Alert, Sample, WorkerState

__all__ = ["Judging", "Telling", "Turns"]


class Judging(Protocol):
    """Judges the samples of one shard by the rules; called on the loop."""

    def judge(self, sample: Sample, before: WorkerState | None) -> Sequence[Alert]:
        """The alerts that a sample changes."""

    def firing(self) -> Sequence[Alert]:
        """All alerts that fire."""

    def actionable(self, sample: Sample) -> Sequence[Alert]:
        """Those of the alerts of a worker that fire about which something may be done now."""

    def end(self, worker_id: str, *, at_once: bool = False) -> Sequence[Alert]:
        """The alerts of a worker that is not watched any more, resolved.

        Those that tell of its very end go on firing for a time, and are resolved when it is asked
        again after that.

        Args:
            worker_id: of the worker.
            at_once: whether these are resolved as well.
        """


class Telling(Protocol):
    """Tells all receivers; called on the loop, and never waits."""

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Tell of what has changed."""

    def untold(self) -> Collection[str]:
        """Ids of news that some receiver has not been told yet: see ``Alert.event_id``."""

    def tick(self, now: float, firing: Sequence[Alert]) -> None:
        """Tell those again who want to be told again of what fires."""


class Turns(Protocol):
    """Says when the turn of a shard has come."""

    def every(self, key: str, seconds: float, jitter: float) -> None:
        """It comes once in so many seconds."""

    def cancel(self, key: str) -> None:
        """It comes no more."""

    def keys(self) -> Sequence[str]:
        """Whose turns come."""

    def trigger(self, key: str) -> None:
        """It comes now."""
