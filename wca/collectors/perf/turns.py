"""Tasks open their perf events in turns, so that many of them do not hold up the loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wca.collectors.perf.cpus import OnlineCpus

__all__ = ["Turns"]

# Seconds that opening may take in one round; the task with which they are over is opened whole.
_MOST_SECONDS = 0.05


class Turns:
    """How long opening may take in one round of reading all tasks.

    Opening an event takes some 20 microseconds: with a hundred tasks, four events and 64 CPUs half
    a second, which is spread over several rounds.

    Args:
        online: knows the rounds.
        monotonic: time in seconds.
    """

    def __init__(self, online: OnlineCpus, monotonic: Callable[[], float]) -> None:
        self._online = online
        self._monotonic = monotonic
        self._round = online.round
        self._spent = 0.0

    @property
    def over(self) -> bool:
        """Whether others have taken the time of this round."""
        if self._round != self._online.round:
            self._round, self._spent = self._online.round, 0.0
        return self._spent >= _MOST_SECONDS

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Time that is taken from the others."""
        start = self._monotonic()
        try:
            yield
        finally:
            self._spent += self._monotonic() - start
