"""What is done with all that becomes known of a shard: it is told, kept and shown."""

from collections.abc import Callable, Sequence

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.monitoring.contracts import Telling
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.watched import Findings

__all__ = ["Publishing"]


class Publishing:
    """Hands findings on; called on the loop, and never waits.

    Args:
        telling: tells of alerts.
        keeper: what is to be kept is noted there, for its next ``save``.
        observers: told of all that is found; they must not wait.
        telemetry: where observers that fail are reported.
    """

    def __init__(
        self,
        telling: Telling,
        keeper: Keeper,
        observers: Sequence[Callable[[Findings], None]],
        telemetry: Telemetry,
    ) -> None:
        self._telling = telling
        self._keeper = keeper
        self._observers = observers
        self._telemetry = telemetry

    def publish(self, found: Findings) -> None:
        """Tell of what was found, note what is to be kept of it, and show it."""
        self._telling.tell(found.alerts)
        self._keeper.drop(found.ended)
        # A worker that is dropped takes its alerts along, but for those that outlive it.
        gone = {worker.id for worker in found.ended}
        staying = [one for one in found.alerts if one.worker.id not in gone]
        outliving = [one for one in found.firing if one.worker.id in gone]
        self._keeper.note(found.states, [*staying, *outliving])
        self.show(found)

    def show(self, found: Findings) -> None:
        """Show it only."""
        for observer in self._observers:
            try:
                observer(found)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure("observers", error)
