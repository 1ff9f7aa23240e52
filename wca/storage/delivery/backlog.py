"""The contract of what keeps parcels until they are delivered: in memory or on disk."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from wca.storage.delivery.parcel import Parcel

__all__ = ["Backlog", "Dropped", "Size", "Waiting"]


class Dropped(NamedTuple):
    """Samples that were given up to stay within bounds.

    Args:
        reason: as a value of a label: ``queue_full``, ``expired``, ``merged``.
        samples: how many.
    """

    reason: str
    samples: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel of a backlog.

    Args:
        number: its name there; later ones have greater numbers.
        parcel: what waits.
    """

    number: int
    parcel: Parcel


class Size(NamedTuple):
    """How much waits, parcels that are being sent included.

    Args:
        parcels: how many messages.
        samples: how many samples are in them.
        bytes: length of their bodies.
        oldest: Unix time in seconds of the oldest; None: nothing waits.
    """

    parcels: int
    samples: int
    bytes: int
    oldest: float | None


class Backlog(Protocol):
    """Parcels that wait, within bounds. The delivery calls one method at a time, on any thread."""

    def open(self) -> int:
        """Get ready.

        Returns:
            Samples found that an earlier run has left.

        Raises:
            StartError: it cannot be used; says what to do.
        """

    def put(self, parcels: Sequence[Parcel], now: float) -> list[Dropped]:
        """Keep parcels, all or none of them; a returned ``put`` is as durable as the backlog says.

        What is being sent is never dropped to make room.

        Args:
            parcels: in the order of their samples.
            now: Unix time in seconds.

        Returns:
            What was given up to stay within bounds, of those kept before or of these.

        Raises:
            OSError: nothing was kept.
        """

    def take(self, count: int, now: float) -> tuple[list[Waiting], list[Dropped]]:
        """The next parcels to send, which then count as being sent.

        Args:
            count: at most so many.
            now: Unix time in seconds.

        Returns:
            The parcels, and what had become too old.

        Raises:
            OSError: they cannot be read.
        """

    def settle(self, numbers: Collection[int]) -> None:
        """Forget parcels that were taken: they were delivered, or refused for good.

        Raises:
            OSError: it could not be written down; they may come again after a restart.
        """

    def release(self, numbers: Collection[int]) -> None:
        """Let parcels wait again that were taken and could not be sent, in their old place."""

    @property
    def size(self) -> Size:
        """How much waits."""

    def close(self) -> list[Dropped]:
        """Give back what ``open`` took; safe twice.

        Returns:
            What is lost with it; nothing where the next run will find it.
        """
