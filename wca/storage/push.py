"""What remote write and OTLP have in common: the target is told which series have ended."""

import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.storage.bounded import within
from wca.storage.delivery.options import DeliveryMode
from wca.storage.delivery.parcel import Parcel, Target
from wca.storage.encoding import Rejected
from wca.storage.network import Encoding, NetworkStorage

__all__ = ["PushStorage"]

#: Share of the time to close, and seconds at least, in which the end of all series is put on its
#: way; it takes milliseconds.
FAREWELL_SHARE, LEAST_FAREWELL = 0.25, 0.5


class _Encoder(Protocol):
    """Turns batches into requests, and knows which series its target takes to be alive."""

    def encode(self, metrics: Sequence[Metric], now: float) -> tuple[list[Parcel], list[Rejected]]:
        """The requests of a batch, and what is in none of them."""

    def farewell(self, now: float) -> list[Parcel]:
        """The requests that end all series which have not ended yet."""


class PushStorage(NetworkStorage):
    """A storage that ends all series of its target when it is closed.

    Only where it is ``queued``: ``blocking`` would have the end of the agent wait for the target.

    Args:
        target: where requests go.
        encoder: makes them.
        options: see ``NetworkStorage``.
    """

    def __init__(self, target: Target, encoder: _Encoder, **options: Any) -> None:
        super().__init__(target, self._requests, **options)
        self._encoder = encoder
        self._parting = False

    def close(self, timeout: float = 5.0) -> None:
        """End all series, send what waits, then give everything back.

        Args:
            timeout: for all of it, in seconds.
        """
        end = self._clock.monotonic() + timeout
        if self.delivery is DeliveryMode.QUEUED:
            self._parting = True
            # It is written to the spool, and a disk that does not answer must not hold up the end.
            try:
                within(max(LEAST_FAREWELL, timeout * FAREWELL_SHARE), self._part, self._name)
            except RuntimeError:  # no room for a thread
                self._part()
        super().close(max(0.0, end - self._clock.monotonic()))

    def _part(self) -> None:
        with contextlib.suppress(FailedDeliveryException):
            self.store([])

    def _requests(self, metrics: Sequence[Metric], now: float) -> Encoding:
        if self._parting and not metrics:
            return Encoding(self._encoder.farewell(now))
        return Encoding(*self._encoder.encode(metrics, now))
