"""The list of workers, asked for again and again."""

from collections.abc import Sequence

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import WorkerSource
from wca.workers.model import Worker
from wca.workers.monitoring.lanes import Lane

__all__ = ["COMPONENT", "Discovery"]

#: What failures are reported under.
COMPONENT = "workers"


class Discovery:
    """Asks the source; one that fails is reported, and the last good list stays in use.

    Args:
        source: where workers are listed.
        lane: one thread, on which it is asked.
        telemetry: where failures are reported.
    """

    def __init__(self, source: WorkerSource, lane: Lane, telemetry: Telemetry) -> None:
        self._source = source
        self._lane = lane
        self._telemetry = telemetry

    async def ask(self) -> Sequence[Worker] | None:
        """The workers; None: they cannot be told now."""
        try:
            listed = await self._lane.call(self._source.workers, patience=None)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)
            return None
        self._telemetry.success(COMPONENT)
        return listed
