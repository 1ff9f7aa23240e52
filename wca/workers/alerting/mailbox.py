"""Alerts that wait for one receiver."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

from wca.workers.model import Alert, AlertState

__all__ = ["Mailbox"]

#: How many times ``most`` wait in all; only a receiver that is away for days comes near.
_IN_ALL = 100


class Mailbox:
    """A bounded queue, beside which the alerts stand that are sent again. Thread-safe.

    News go first and keep their order. What is sent again is always the newest state: a receiver
    that was away for long gets each alert once, and none that is over.

    Args:
        most: how many news wait; beyond that the oldest gives way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        #: In their order, by their numbers; and the number of the newest of each key.
        self._news: OrderedDict[int, Alert] = OrderedDict()
        self._newest: dict[str, int] = {}
        self._number = 0
        self._again: dict[str, Alert] = {}
        #: News that are being sent, and the ids of all that are not settled yet.
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
        gave_way: list[Alert] = []
        with self._changed:
            for alert in alerts:
                gave_way += self._make_room(alert)
                self._number += 1
                self._news[self._number] = alert
                self._newest[alert.key] = self._number
                self._untold[alert.event_id] += 1
                if alert.state is AlertState.RESOLVED:
                    self._again.pop(alert.key, None)
            self._changed.notify_all()
        return gave_way

    def _make_room(self, alert: Alert) -> list[Alert]:
        """Take out what gives way to an alert."""
        if len(self._news) < self._most:
            return []
        older = self._news.pop(self._newest.get(alert.key, 0), None)
        if older is not None:
            self._settle([older])
            return [older]
        return [self._next_news()] if len(self._news) >= self._most * _IN_ALL else []

    def _next_news(self) -> Alert:
        number, alert = self._news.popitem(last=False)
        if self._newest[alert.key] == number:
            del self._newest[alert.key]
        return alert

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
            while self._news and len(taken) < most:
                if next(iter(self._news.values())).key in taken:
                    break
                alert = self._next_news()
                taken[alert.key] = alert
                self._again.pop(alert.key, None)
            self._sending = list(taken.values())
            while self._again and not news and len(taken) < most:
                key = next(iter(self._again))
                taken[key] = self._again.pop(key)
        return list(taken.values())

    def settled(self) -> None:
        """What was taken last is told, or never will be."""
        with self._changed:
            self._settle(self._sending)
            self._sending = []

    def untold(self) -> set[str]:
        """Ids of news that wait, or are being sent, or were given up at the end."""
        with self._changed:
            return set(self._untold)

    def _settle(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._untold[alert.event_id] -= 1
            if not self._untold[alert.event_id]:
                del self._untold[alert.event_id]

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
            self._newest.clear()
            return left
