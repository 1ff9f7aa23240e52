"""The stage that keeps the status page up to date, and what the page is told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from wca.clock import Clock
from wca.runners.stages import Sample, TaskSample
from wca.status.decisions import Decisions
from wca.status.document import Snapshot, document
from wca.status.meter import Meter
from wca.status.readings import COUNTERS, node_values
from wca.status.table import Table
from wca.telemetry import Telemetry
from wca.web.channel import Channel

__all__ = ["Status"]

#: Seconds between two points: a little less than one, for no interval is met to the microsecond.
_STEP = 0.9


class Measures(Protocol):
    """Knows when metrics were read."""

    def read_at(self, metrics: list[str], now: float) -> float:
        """Monotonic time at which the collector of some metrics was read last."""


class Status:
    """Remembers what the page shows, and tells those who look at it.

    What is remembered is replaced as a whole: those who read it, on threads of the server, need no
    lock and make nobody wait.

    Args:
        facts: gives what is said of the agent beside its numbers, on any thread.
        measuring: knows when metrics were read.
        decisions: of the runner.
        telemetry: knows the last error of each part.
        clock: time.
        machine: what is said of the machine beside its numbers.
        by_container: whether what has containers is measured container by container only.

    Attributes:
        channel: tells of each interval, without the points before.
    """

    name = "status"

    def __init__(
        self,
        facts: Callable[[], Mapping[str, Any]],
        measuring: Measures,
        decisions: Decisions,
        telemetry: Telemetry,
        clock: Clock,
        machine: Mapping[str, Any],
        *,
        by_container: bool = False,
    ) -> None:
        self._facts = facts
        self._measuring = measuring
        self._decisions = decisions
        self._telemetry = telemetry
        self._clock = clock
        self._facts_of_machine = dict(machine)
        self._by_container = by_container
        self._table = Table()
        self._machine = Meter()
        self._snapshot = Snapshot()
        self._last: float | None = None
        self.channel = Channel("status", clock.monotonic)

    def run(self, sample: Sample) -> None:
        """Remember the sample, at most one in a second."""
        now = sample.monotonic
        if self._last is not None and now - self._last < _STEP:
            return
        self._last = now
        read_at = {name: self._measuring.read_at([name], now) for name in COUNTERS}
        samples = list(self._shown(sample))
        lines = self._table.add(samples, read_at, now)
        self._snapshot = Snapshot(
            sample.timestamp,
            lines,
            len(samples) - len(lines),
            {
                **self._facts_of_machine,
                **node_values(sample.platform, self._machine, read_at, now),
            },
            sample.internal,
        )
        self.channel.publish("status", lambda: self.document(history=False))

    def document(self, *, history: bool) -> dict[str, Any]:
        """What is known now; called on any thread.

        Args:
            history: whether tasks have all their points, or only the last one.
        """
        told = document(
            self._snapshot, self._facts(), self._clock.now(), self._telemetry, history=history
        )
        decisions = self._decisions
        return told | {"anomalies": decisions.anomalies, "allocations": decisions.allocations}

    def _shown(self, sample: Sample) -> Iterable[TaskSample]:
        """Tasks as a whole, or the containers of those that are measured container by container."""
        if not self._by_container:
            return sample.tasks
        wholes = [one for one in sample.tasks if not one.container.task.subcgroups_paths]
        return [*wholes, *sample.parts]
