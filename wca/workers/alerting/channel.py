"""One notifier at work: its queue, its thread, its patience."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS, StartError
from wca.storage.delivery.patience import Patience
from wca.workers.alerting.mailbox import Mailbox
from wca.workers.api import Notifier, RefusedError, TryLaterError
from wca.workers.model import Alert

__all__ = ["Channel", "Counts"]

log = logging.getLogger(__name__)

#: Seconds of the first and of the longest wait after a failure, unless the receiver asks for more.
_FIRST, _LONGEST = 1.0, 60.0
#: Failures of a notifier's own making after which what may be their cause is given up.
_MOST_DEFECTS = 3
#: Seconds between two attempts in the time to close.
_HURRIED = 0.2


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of alerts that one notifier was to tell.

    Args:
        sent: alerts that the receiver has taken, those that were sent again included.
        retried: calls after which the same was sent once more.
        refused: alerts that the receiver will never take.
        dropped: alerts that gave way to newer ones, or for which no time was left at the end.
    """

    sent: int = 0
    retried: int = 0
    refused: int = 0
    dropped: int = 0


class Channel:
    """Tells one notifier of alerts, on a thread of its own, in their order.

    Args:
        name: in messages.
        notifier: what is told.
        most_waiting: alerts that wait in full; beyond that only the newest state of each does.
        clock: time.
        random: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        name: str,
        notifier: Notifier,
        most_waiting: int,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.name = name
        self._counts = Counts()
        self._counting = threading.Lock()
        self._notifier = notifier
        self._clock = clock
        self._mailbox = Mailbox(most_waiting)
        self._patience = Patience(_FIRST, _LONGEST, random)
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._end = float("inf")
        self._sent_again: float | None = None
        self._dropping = False
        self._thread: threading.Thread | None = None

    @property
    def counts(self) -> Counts:
        """What became of alerts until now."""
        return self._counts

    @property
    def waiting(self) -> int:
        """Alerts that wait."""
        return len(self._mailbox)

    def untold(self) -> set[str]:
        """Ids of news that the receiver has not been told yet."""
        return self._mailbox.untold()

    @property
    def failing(self) -> str | None:
        """Why what waits is not taken; None: it is, or nothing was tried."""
        return self._patience.reason

    def start(self) -> None:
        """Begin to send. Raises StartError where the machine has no room for a thread."""
        # A daemon: a receiver that never answers must not keep the process alive.
        thread = threading.Thread(target=self._run, name=f"notify {self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise StartError(f"{self.name} needs a thread, and {error}") from error
        self._thread = thread

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Take news; never waits."""
        dropped = self._mailbox.put(alerts)
        self._count(dropped=len(dropped))
        if dropped and not self._dropping:
            log.error("%s: too many alerts wait, older ones give way to newer ones", self.name)
        self._dropping = bool(dropped)

    def tick(self, now: float, firing: Sequence[Alert]) -> None:
        """Send what fires again, where the notifier needs it and its time has come."""
        interval = self._notifier.resend_interval
        if interval is None or (
            self._sent_again is not None and 0 <= now - self._sent_again < interval
        ):
            return
        self._sent_again = now
        self._mailbox.put_again(firing)

    def hurry(self, end: float) -> None:
        """Take no more, and end by a moment of the monotonic clock."""
        self._end = end
        self._mailbox.close()
        self._closing.set()

    def join(self) -> None:
        """Wait for the end that ``hurry`` has set, and end what goes on beyond it."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, self._end - self._clock.monotonic()))
        self._ended.set()
        self._notifier.close(_HURRIED)
        if thread is not None:
            thread.join(_HURRIED)
        left = self._mailbox.clear()
        if left:
            self._count(dropped=left)
            log.error("%s: %d alerts were not sent before the end", self.name, left)

    def _run(self) -> None:
        while self._mailbox.wait() and not self._ended.is_set():
            self._clock.wait(self._closing, self._notifier.group_window)
            self._deliver(self._mailbox.take(self._notifier.most_alerts))
            self._clock.wait(self._ended, self._notifier.pause)

    def _deliver(self, alerts: Sequence[Alert]) -> None:
        """Send until they are taken, refused, or the time is over."""
        defects = 0
        while True:
            try:
                self._notifier.send(alerts)
            except RefusedError as error:
                return self._give_up(alerts, str(error))
            except TryLaterError as error:
                reason, after = str(error), error.after
            except PLUGIN_ERRORS as error:
                reason, after, defects = f"{type(error).__name__}: {error}", None, defects + 1
                if defects == _MOST_DEFECTS:
                    return self._give_up(alerts, reason)
            else:
                return self._taken(alerts)
            self._put_off(reason, after)
            if not self._wait(after):
                self._count(dropped=len(alerts))
                log.error("%s: %d alerts were not sent: %s", self.name, len(alerts), reason)
                return None
            self._count(retried=1)

    def _put_off(self, reason: str, after: float | None) -> None:
        if not self._patience.open:
            log.warning("%s does not take alerts now: %s", self.name, reason)
        self._patience.fail(reason, self._clock.monotonic(), after)

    def _wait(self, after: float | None) -> bool:
        """Wait before the next attempt; false: there is no time for one."""
        if not self._closing.is_set():
            pause = self._patience.next_try - self._clock.monotonic()
            if not self._clock.wait(self._closing, pause):
                return True
        left = self._end - self._clock.monotonic()
        pause = _HURRIED if after is None else after
        return pause < left and not self._clock.wait(self._ended, pause)

    def _count(self, sent: int = 0, retried: int = 0, refused: int = 0, dropped: int = 0) -> None:
        with self._counting:
            now = self._counts
            self._counts = Counts(
                now.sent + sent,
                now.retried + retried,
                now.refused + refused,
                now.dropped + dropped,
            )

    def _taken(self, alerts: Sequence[Alert]) -> None:
        self._mailbox.settled()
        self._count(sent=len(alerts))
        if self._patience.open:
            log.info("%s takes alerts again", self.name)
        self._patience.succeed()

    def _give_up(self, alerts: Sequence[Alert], reason: str) -> None:
        self._mailbox.settled()
        self._count(refused=len(alerts))
        for alert in alerts:
            log.error(
                "%s will not take that %r is %s for %s (%s): %s",
                *(self.name, alert.rule, alert.state, alert.worker.title, alert.summary, reason),
            )
