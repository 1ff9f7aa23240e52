"""The contracts of the schedule: what is due when, and where that is kept."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Job", "JobStore", "Schedule"]


class Schedule(ABC):
    """Awaits a function again and again for each of its keys.

    All methods are called on the thread of the event loop.
    """

    @abstractmethod
    def begin(self, fire: Callable[[str], Awaitable[None]]) -> None:
        """Begin, with what is left of an earlier run. Called on the running event loop.

        Args:
            fire: awaited for each key that is due, never twice at once for the same one. What it
                raises is logged and counted, and the key stays.

        Raises:
            StartError: the schedule cannot be used as it is configured.
        """

    @abstractmethod
    def every(self, key: str, seconds: float, jitter: float) -> None:
        """Add a key, or keep it: one that is there with the same numbers keeps its next time.

        A new one is due within ``jitter`` seconds, at a moment that follows from the key. What was
        missed is caught up once, at once.

        Args:
            key: what ``fire`` gets.
            seconds: from one time to the next, above 0.
            jitter: up to so many seconds are added to that each time.

        Raises:
            ValueError: a number makes no sense.
        """

    @abstractmethod
    def cancel(self, key: str) -> None:
        """Remove a key, if it is there; a run that has begun ends by itself."""

    @abstractmethod
    def keys(self) -> list[str]:
        """All keys, in order."""

    @abstractmethod
    def trigger(self, key: str) -> None:
        """Make a key due now; its next time counts from now. One that runs is not run again.

        Raises:
            KeyError: there is no such key.
        """

    @abstractmethod
    async def stop(self, timeout: float) -> None:
        """Begin nothing more, wait for what runs, then cancel it. Keys stay for the next start.

        Args:
            timeout: seconds to wait for what runs.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """What is kept of a key: text and numbers, so that a store can harm nobody.

    Args:
        key: as in a schedule.
        seconds: from one time to the next.
        jitter: as in a schedule.
        due: when it is next; Unix time in seconds.
        data: what whoever scheduled it wants to know after a restart.
    """

    key: str
    seconds: float
    jitter: float
    due: float
    data: str = ""


class JobStore(ABC):
    """Where jobs survive a restart.

    Called on one thread. Optional abilities, found by name: ``start()``, ``close(timeout)``; it
    works without ``start`` too, and again after ``close``.
    """

    @abstractmethod
    def load(self) -> Sequence[Job]:
        """All jobs.

        Raises:
            OSError: it cannot be reached; the message names it.
        """

    @abstractmethod
    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these, in place of what was kept of the same keys; raises OSError as above."""

    @abstractmethod
    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer, if they are there; raises OSError as above."""
