"""What a service manager is told in a line, and what became of changes of the configuration."""

from collections.abc import Callable

from wca.metrics import Measurements
from wca.runners.loop import Progress
from wca.telemetry import ITERATION, Telemetry

__all__ = ["Reloaded", "StateLine"]

#: Iterations after which the line is made anew though nothing else than its numbers has changed.
_EVERY = 30
#: Names of parts that fail which have room in the line.
_MOST_NAMES = 5


class Reloaded:
    """What became of the last look at the configuration.

    Args:
        now: Unix time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        #: Whether what the configuration said then is what the agent does.
        self.successful = True
        self._at = now()

    def note(self, *, successful: bool) -> None:
        """It was taken over, or it was not."""
        self.successful = successful
        if successful:
            self._at = self._now()

    def measurements(self) -> Measurements:
        """Both as measurements of the catalogue's names; the start is the first success."""
        return {
            "wca_config_last_reload_successful": int(self.successful),
            "wca_config_last_reload_success": self._at,
        }


class StateLine:
    """Says how many tasks are measured, how long that takes, and what fails.

    Args:
        loop: whose iterations are counted.
        telemetry: knows what fails.
        tasks: gives how many are measured.
        reloaded: knows whether the last look at the configuration failed.
    """

    def __init__(
        self,
        loop: Progress,
        telemetry: Telemetry,
        tasks: Callable[[], int],
        reloaded: Reloaded,
    ) -> None:
        self._loop = loop
        self._telemetry = telemetry
        self._tasks = tasks
        self._reloaded = reloaded
        self._state: object = None
        self._made = 0
        self._words = "measuring"

    def words(self) -> str:
        """The line; its numbers do not change all the time."""
        failing, tasks = self._telemetry.failing, self._tasks()
        state = failing, tasks, self._reloaded.successful, self._loop.iterations > 0
        if state != self._state or self._loop.iterations - self._made >= _EVERY:
            self._state, self._made = state, self._loop.iterations
            self._words = self._line(failing, tasks)
        return self._words

    def _line(self, failing: list[str], tasks: int) -> str:
        parts = [f"measuring {tasks} task{'' if tasks == 1 else 's'}"]
        seconds = self._telemetry.last(ITERATION)
        if seconds is not None:
            parts[0] += f" in {seconds * 1000:.0f} ms"
        if failing:
            more = f" and {len(failing) - _MOST_NAMES} more" if len(failing) > _MOST_NAMES else ""
            parts.append(f"failing: {', '.join(failing[:_MOST_NAMES])}{more}")
        if not self._reloaded.successful:
            parts.append("the configuration file could not be taken over, see the log")
        return "; ".join(parts)
