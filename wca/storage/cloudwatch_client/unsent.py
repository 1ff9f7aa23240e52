"""Requests that CloudWatch has not taken, so that a loss can be named."""

import threading
from collections.abc import Sequence

from wca.storage.cloudwatch_client.preview import subject_of
from wca.storage.delivery.parcel import Parcel

__all__ = ["Unsent"]

#: Requests that are remembered; of more than these the newest.
_MOST = 100


class Unsent:
    """What was made, and neither taken nor given up. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: dict[bytes, None] = {}  # in the order in which they were made

    def add(self, parcels: Sequence[Parcel]) -> None:
        """These were made."""
        with self._lock:
            for parcel in parcels:
                self._bodies[parcel.body] = None
            for body in list(self._bodies)[:-_MOST]:
                del self._bodies[body]

    def settle(self, parcel: Parcel) -> None:
        """This one was taken, or given up and told of."""
        with self._lock:
            self._bodies.pop(parcel.body, None)

    def subjects(self) -> list[str]:
        """What they are about, the oldest first."""
        with self._lock:
            bodies = list(self._bodies)
        return [subject_of(body) for body in bodies]
