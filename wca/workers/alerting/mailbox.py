"""Alerts that wait for one receiver."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from wca.workers.model import Alert, AlertState

__all__ = ["Mailbox"]


class Mailbox:
    """A bounded queue, beside which the alerts stand that are sent again. Thread-safe.

    News go first and keep their order. What is sent again is always the newest state: a receiver
    that was away for long gets each alert once, and none that is over.

    Args:
        most: how many news wait; beyond that the oldest gives way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._news: deque[Alert] = deque()
        self._again: dict[str, Alert] = {}
        #: News that are being sent, and how many news of each worker are not settled yet.
        self._sending: list[Alert] = []
        self._untold: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return len(self._news)

    def put(self, alerts: Iterable[Alert]) -> Sequence[Alert]:
        """Add news.

        Returns:
            Those that gave way.
        """
        dropped = []
        with self._changed:
            for alert in alerts:
                self._news.append(alert)
                self._untold[alert.worker.id] += 1
                if alert.state is AlertState.RESOLVED:
                    self._again.pop(alert.key, None)
            while len(self._news) > self._most:
                dropped.append(self._news.popleft())
            self._settle(dropped)
            self._changed.notify_all()
        return dropped

    def put_again(self, firing: Iterable[Alert]) -> None:
        """These are to be sent again, in place of those that still wait for it."""
        with self._changed:
            self._again = {alert.key: alert for alert in firing}
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait for something to send; false: there is nothing, and nothing will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._news or self._again)
            return bool(self._news) or (bool(self._again) and not self._closed)

    def take(self, most: int) -> list[Alert]:
        """Take what is next: news, or without any what is sent again.

        Args:
            most: how many; fewer where an alert would be in it twice, with two states.
        """
        taken: dict[str, Alert] = {}
        with self._changed:
            news = bool(self._news)
            waiting = self._news or deque(self._again.values())
            while waiting and len(taken) < most and waiting[0].key not in taken:
                alert = waiting.popleft()
                taken[alert.key] = alert
                self._again.pop(alert.key, None)
            self._sending = list(taken.values()) if news else []
        return list(taken.values())

    def settled(self) -> None:
        """What was taken last is told, or never will be."""
        with self._changed:
            self._settle(self._sending)
            self._sending = []

    def untold(self) -> set[str]:
        """Ids of workers of whom news wait, or are being sent, or were given up at the end."""
        with self._changed:
            return set(self._untold)

    def _settle(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._untold[alert.worker.id] -= 1
            if not self._untold[alert.worker.id]:
                del self._untold[alert.worker.id]

    def close(self) -> None:
        """Take no more; what waits for being sent again is not sent."""
        with self._changed:
            self._closed = True
            self._again = {}
            self._changed.notify_all()

    def clear(self) -> int:
        """Forget what waits; how much that was."""
        with self._changed:
            left = len(self._news)
            self._news.clear()
            return left
