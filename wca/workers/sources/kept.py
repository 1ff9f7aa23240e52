"""The last good list of a source that fails."""

from collections.abc import Sequence

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import SourceError, WorkerSource
from wca.workers.model import Gap, Worker

__all__ = ["KeptWorkers", "pass_telemetry_on"]


class KeptWorkers(WorkerSource):
    """Asks a source, and gives its last good list while that fails.

    Each answer and each failure is told to the telemetry, which logs and exports them.

    Args:
        name: of the source, in the log and as ``component`` of ``wca_healthy``.
        source: any source.
        telemetry: of the agent.
        clock: time.
    """

    def __init__(
        self,
        name: str,
        source: WorkerSource,
        telemetry: Telemetry | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._source = source
        self._clock = clock or SystemClock()
        self._telemetry = telemetry or Telemetry()
        self._workers: Sequence[Worker] | None = None
        self._at = 0.0
        if telemetry is not None:
            self.use_telemetry(telemetry)

    def use_telemetry(self, telemetry: Telemetry) -> None:
        """Tell this one, and let the source tell this one if it has sources in it."""
        self._telemetry = telemetry
        telemetry.expect([self.name])
        pass_telemetry_on(self._source, telemetry)

    @property
    def age(self) -> float | None:
        """Seconds since the source has given its list; None: it never has."""
        return None if self._workers is None else self._clock.monotonic() - self._at

    def workers(self) -> Sequence[Worker]:
        """The list of the source, or its last good one.

        Raises:
            SourceError: there is no good one yet.
        """
        try:
            workers = self._source.workers()
        except PLUGIN_ERRORS as error:
            reason = str(error) if isinstance(error, SourceError) else _named(error)
            self._telemetry.failure(self.name, reason)
            if self._workers is None:
                raise SourceError(reason) from error
            return self._workers
        self._telemetry.success(self.name)
        self._workers, self._at = workers, self._clock.monotonic()
        return workers

    def gaps(self) -> Sequence[Gap]:
        """Everything while there is no good list yet; then what the source itself says."""
        if self._workers is None:
            return [Gap()]
        ask = ability(self._source, "gaps")
        gaps: Sequence[Gap] = [] if ask is None else ask()
        return gaps


def pass_telemetry_on(source: WorkerSource, telemetry: Telemetry) -> None:
    """Let a source that has sources in it tell their failures."""
    use = ability(source, "use_telemetry")
    if use is not None:
        use(telemetry)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
