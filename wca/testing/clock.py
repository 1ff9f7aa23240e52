"""A clock that stands still until a test moves it."""

import threading

__all__ = ["FakeClock"]


class FakeClock:
    """Time that passes only by waiting, or when the test says so.

    Args:
        monotonic: monotonic time at the beginning, in seconds.
        now: Unix time at the beginning, in seconds.
    """

    def __init__(self, monotonic: float = 1000.0, now: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._offset = now - monotonic
        self.waits: list[float] = []

    def now(self) -> float:
        """Unix time in seconds."""
        return self._monotonic + self._offset

    def monotonic(self) -> float:
        """Monotonic time in seconds."""
        return self._monotonic

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let the time pass at once; true when the event is set."""
        self.waits.append(seconds)
        self.advance(max(0.0, seconds))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic += seconds
