"""When to try again: the state between a delivery and a target that does not answer."""

from collections.abc import Callable

__all__ = ["Patience"]


class Patience:
    """A circuit breaker with exponential back-off and jitter.

    Closed, everything is sent. A failure opens it: nothing is tried before ``next_try``. The first
    try then is a single parcel; when it goes through, the circuit is closed again, else the next
    wait is twice as long. Waits vary at random by half, so that the agents of a fleet do not come
    back in the same moment.

    Args:
        first: seconds of the first wait.
        longest: seconds of the longest wait.
        random: gives numbers from 0 to 1.
    """

    def __init__(self, first: float, longest: float, random: Callable[[], float]) -> None:
        self._first = first
        self._longest = max(first, longest)
        self._random = random
        self._wait = first
        #: Why the circuit is open; None: it is closed.
        self.reason: str | None = None
        #: Monotonic time before which nothing is tried while the circuit is open.
        self.next_try = 0.0

    @property
    def open(self) -> bool:
        """Whether the target is known not to take anything."""
        return self.reason is not None

    def fail(self, reason: str, now: float, retry_after: float | None = None) -> None:
        """The target could not be reached.

        Args:
            reason: a sentence.
            now: monotonic time in seconds.
            retry_after: seconds that the target asks for; never made shorter.
        """
        wait = self._wait * (0.5 + 0.5 * self._random())
        if retry_after is not None:
            wait = max(wait, retry_after)
        self.reason = reason
        self.next_try = now + wait
        self._wait = min(self._longest, 2 * self._wait)

    def succeed(self) -> None:
        """The target has answered: close the circuit."""
        self.reason = None
        self._wait = self._first

    def hurry(self, now: float) -> None:
        """Try at once, as there may be no later."""
        self.next_try = min(self.next_try, now)
        self._wait = self._first
