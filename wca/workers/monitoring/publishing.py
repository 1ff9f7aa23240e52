"""What is done with all that becomes known of a shard: it is told, kept and shown."""

from collections.abc import Callable, Sequence

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.watched import Findings

__all__ = ["Publishing"]


class Publishing:
    """Hands findings on; called on the loop, and never waits.

    Args:
        keeper: what is to be kept and to be told is noted there, for its next ``save``.
        observers: told of all that is found; they must not wait.
        telemetry: where observers that fail are reported.
    """

    def __init__(
        self,
        keeper: Keeper,
        observers: Sequence[Callable[[Findings], None]],
        telemetry: Telemetry,
    ) -> None:
        self._keeper = keeper
        self._observers = observers
        self._telemetry = telemetry

    def publish(self, found: Findings) -> None:
        """Note what is to be kept of what was found, and to be told, and show it."""
        self._keeper.drop(found.ended)
        # A worker that is dropped takes its alerts along, but for those that outlive it.
        gone = {worker.id for worker in found.ended}
        outliving = [one for one in found.firing if one.worker.id in gone]
        self._keeper.note(found.states, [*found.alerts, *outliving], found.alerts)
        self.show(found)

    def show(self, found: Findings) -> None:
        """Show it only."""
        for observer in self._observers:
            try:
                observer(found)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure("observers", error)
