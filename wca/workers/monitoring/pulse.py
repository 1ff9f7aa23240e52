"""Whether the event loop moves on, as the watchdog and the probe of health look at it."""

from collections.abc import Callable

__all__ = ["Pulse"]


class Pulse:
    """Beats as long as the loop does other work than hanging.

    Args:
        monotonic: time in seconds.
        iterations: how many rounds are complete.
    """

    #: Nothing is excused: the loop beats while it waits as well.
    waiting = False

    def __init__(self, monotonic: Callable[[], float], iterations: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._iterations = iterations
        #: Monotonic time of the last beat.
        self.progress = monotonic()

    @property
    def iterations(self) -> int:
        """Rounds that are complete."""
        return self._iterations()

    async def beat(self) -> None:
        """The loop is alive."""
        self.progress = self._monotonic()
