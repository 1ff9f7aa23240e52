"""The list of workers, asked for again and again."""

from collections.abc import Sequence

from wca.abilities import ability
from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import WorkerSource
from wca.workers.model import Gap, Worker
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
        self._gaps: Sequence[Gap] = ()

    async def ask(self) -> Sequence[Worker] | None:
        """The workers; None: they cannot be told now."""
        try:
            listed, gaps = await self._lane.call(self._list, patience=None)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)
            return None
        self._telemetry.success(COMPONENT)
        self._gaps = gaps
        return listed

    def lacks(self, worker: Worker) -> bool:
        """Whether nothing follows from it that the last list does not have this worker."""
        return any(gap.has(worker) for gap in self._gaps)

    def _list(self) -> tuple[Sequence[Worker], Sequence[Gap]]:
        listed = self._source.workers()
        gaps = ability(self._source, "gaps")
        return listed, () if gaps is None else gaps()
