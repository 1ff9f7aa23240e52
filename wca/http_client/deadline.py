"""The one end of something that takes several steps."""

import contextlib
import math
import socket

from wca.clock import Clock

__all__ = ["Deadline"]


class Deadline:
    """A moment by which all steps must be done.

    Args:
        clock: time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = 0.0
        self._waiting_for: socket.socket | None = None

    def begin(self, seconds: float) -> None:
        """Begin anew.

        Args:
            seconds: from now to the end.
        """
        self._end = self._clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain.

        Raises:
            TimeoutError: none.
        """
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left

    def waits_for(self, connection: socket.socket) -> None:
        """The steps from here on wait for this connection, so that ``cut`` has to end it."""
        self._waiting_for = connection

    def cut(self) -> None:
        """Let the end be now, from another thread: a step that waits fails at once.

        Only a handshake of TLS goes on to the end that it had.
        """
        self._end = -math.inf
        connection, self._waiting_for = self._waiting_for, None
        if connection is not None:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                # Not the connection's own: that of TLS gives up the encryption at once.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
