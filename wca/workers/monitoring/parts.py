"""What a monitor is put together from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wca.clock import Clock
from wca.telemetry import Telemetry
from wca.workers.model import Alert
from wca.workers.monitoring.asking import Asking
from wca.workers.monitoring.contracts import Judging, Turns
from wca.workers.monitoring.discovery import Discovery
from wca.workers.monitoring.healing import Healing
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.watched import Findings
from wca.workers.tracing import Tracing

__all__ = ["Parts"]


@dataclass(frozen=True)
class Parts:
    """What a monitor is put together from.

    Args:
        discovery: the list of workers.
        leasing: which shards are ours.
        asking: the questions of a poll.
        book: makes the alerts of a shard from those that were kept of it.
        healing: None: nothing is done about alerts.
        keeper: what survives a restart; it tells of alerts when it has kept them.
        turns: the schedule.
        telemetry: where failures are reported.
        tracing: a span for each cycle.
        clock: time.
        observers: told of all that is found, on the loop; they must not wait.
    """

    discovery: Discovery
    leasing: Leasing
    asking: Asking
    book: Callable[[Iterable[Alert]], Judging]
    healing: Healing | None
    keeper: Keeper
    turns: Turns
    telemetry: Telemetry
    tracing: Tracing
    clock: Clock
    observers: Sequence[Callable[[Findings], None]] = ()
