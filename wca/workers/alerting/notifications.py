"""``Notifications``: tells all notifiers of alerts; polling never waits for any of them."""

import random
from collections.abc import Callable, Mapping, Sequence

from wca.clock import Clock, SystemClock
from wca.workers.alerting.channel import Channel, Counts
from wca.workers.api import Notifier
from wca.workers.model import Alert

__all__ = ["MOST_WAITING", "Notifications"]

#: Alerts that wait in full for one notifier.
MOST_WAITING = 1000


class Notifications:
    """Hands alerts to notifiers, each of which has a bounded queue and a thread of its own.

    Each notifier is told in order, so that what is over follows what has fired; a receiver that is
    away keeps no other one waiting. What a receiver does not take now is sent again until it does.

    Args:
        notifiers: all of a configuration.
        most_waiting: alerts that wait in full for one of them; beyond that only the newest state
            of each alert does.
        clock: time.
        chance: gives numbers from 0 to 1, so that several agents do not come back at once.
    """

    def __init__(
        self,
        notifiers: Sequence[Notifier],
        most_waiting: int = MOST_WAITING,
        *,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock or SystemClock()
        self._channels = [
            Channel(name, notifier, most_waiting, self._clock, chance)
            for name, notifier in zip(_names(notifiers), notifiers, strict=True)
        ]

    def start(self) -> None:
        """Begin to send. Raises StartError where the machine has no room for threads."""
        for channel in self._channels:
            channel.start()

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Take alerts that have changed, as an AlertBook returns them; never waits.

        Pending ones, and those that are over without having fired, are nothing to tell.
        """
        news = [alert for alert in alerts if alert.is_news]
        if news:
            for channel in self._channels:
                channel.tell(news)

    def tick(self, now: float, firing: Sequence[Alert]) -> None:
        """To be called every few seconds: sends again what fires, to notifiers that need it.

        Args:
            now: seconds of a clock, always the same.
            firing: all alerts that fire.
        """
        for channel in self._channels:
            channel.tick(now, firing)

    def close(self, timeout: float) -> None:
        """Send what waits, then end; safe without start and twice.

        Args:
            timeout: seconds for all of it; what is not sent then is counted and logged.
        """
        end = self._clock.monotonic() + timeout
        for channel in self._channels:
            channel.hurry(end)
        for channel in self._channels:
            channel.join()

    def counts(self) -> Mapping[str, Counts]:
        """What became of alerts, by the name of the notifier."""
        return {channel.name: channel.counts for channel in self._channels}

    def waiting(self) -> Mapping[str, int]:
        """How many alerts wait, by the name of the notifier."""
        return {channel.name: channel.waiting for channel in self._channels}

    def untold(self) -> set[str]:
        """Ids of news that some receiver has not been told yet: see ``Alert.event_id``.

        What has them kept until they are told can tell them again after the process was killed.
        """
        return {id_ for channel in self._channels for id_ in channel.untold()}

    def failing(self) -> Mapping[str, str]:
        """Why a notifier is not taken from, by its name; those that work are left out."""
        failing = {channel.name: channel.failing for channel in self._channels}
        return {name: reason for name, reason in failing.items() if reason is not None}


def _names(notifiers: Sequence[Notifier]) -> list[str]:
    """Names of their classes, with a number where there are several of one."""
    kinds = [type(notifier).__name__ for notifier in notifiers]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[: place + 1].count(kind)}"
        for place, kind in enumerate(kinds)
    ]
