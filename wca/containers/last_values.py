"""What a collector with a thread of its own has read last of one target."""

from collections.abc import Callable
from queue import SimpleQueue

from wca.collectors import NotAvailable, Probe, TargetGone
from wca.collectors.api import NodeTarget, TaskTarget
from wca.metrics import Measurements

__all__ = ["LastValues", "Request"]

#: A reading that is wanted now: of what, and what gets an item when it has been made.
Request = tuple["LastValues", SimpleQueue[None]]


class LastValues:
    """The probe that the loop sees: what the thread has read last of one target.

    Args:
        target: what the blocking collector attaches to.
        requests: where readings are asked for.
        wake: called when there is something to do for the thread.
    """

    def __init__(
        self,
        target: TaskTarget | NodeTarget,
        requests: SimpleQueue[Request],
        wake: Callable[[], None],
    ) -> None:
        self.target = target
        self.probe: Probe | None = None  # touched by the thread alone
        self.values: Measurements = {}
        #: CPU time that the thread took for the last reading.
        self.cpu_seconds = 0.0
        self._end: tuple[type[NotAvailable | TargetGone], str] | None = None
        self.closed = False
        self._requests = requests
        self._wake = wake

    def read(self, out: Measurements) -> None:
        """Add the last values. Raises TargetGone and NotAvailable as the probe did."""
        if self._end is not None:
            kind, reason = self._end
            raise kind(reason)
        out.update(self.values)

    def ask(self, done: SimpleQueue[None]) -> bool:
        """Have the thread read the target now, before all others.

        Args:
            done: gets an item when it has.

        Returns:
            Whether there is something left to read.
        """
        if self.closed or self.ended:
            return False
        self._requests.put((self, done))
        self._wake()
        return True

    @property
    def ended(self) -> bool:
        """Whether the source is not there any more."""
        return self._end is not None

    def end(self, error: NotAvailable | TargetGone) -> None:
        """Let the loop know why there is nothing more to read.

        The exception itself is not kept: its traceback holds on to all that it came through.
        """
        self._end = (TargetGone if isinstance(error, TargetGone) else NotAvailable, str(error))

    def close(self) -> None:
        """Let the thread close the probe; safe twice."""
        self.closed = True
        self._wake()
