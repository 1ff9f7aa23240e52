"""What is told as over only after a while, since it was over in the moment in which it fired."""

from collections.abc import Sequence
from dataclasses import replace

from wca.workers.model import Alert, AlertState

__all__ = ["HOLD", "Held"]

#: Seconds for which an alert that ends with its worker is told as firing.
HOLD = 3600.0


class Held:
    """Holds back the end of alerts that fired in the same poll.

    That an instance has ended is told by an alert that has nobody to end it later: the worker is
    watched no more. A receiver that groups, as Alertmanager does, would never tell of it.
    """

    def __init__(self) -> None:
        #: The alerts that are over, and when to tell so, by their keys.
        self._over: dict[str, tuple[float, Alert]] = {}

    def told(self, news: Sequence[Alert], now: float) -> list[Alert]:
        """What is to be told now of the news of one poll.

        Args:
            news: alerts that fire and that are over, in their order.
            now: seconds of a monotonic clock.
        """
        told: list[Alert] = []
        fires: set[str] = set()
        for alert in news:
            if alert.state is AlertState.RESOLVED and alert.key in fires:
                self._over[alert.key] = (now + HOLD, alert)
                continue
            held = self._over.pop(alert.key, None)
            if held is not None:  # its end goes before what comes now
                told.append(held[1])
            if alert.state is AlertState.FIRING:
                fires.add(alert.key)
            told.append(alert)
        return told

    def due(self, now: float) -> list[Alert]:
        """Those whose end is to be told now."""
        due = [alert for when, alert in self._over.values() if when <= now]
        for alert in due:
            del self._over[alert.key]
        return due

    def firing(self) -> list[Alert]:
        """Those that are held, as they were told."""
        return [
            replace(alert, state=AlertState.FIRING, resolved_at=None)
            for _, alert in self._over.values()
        ]

    def untold(self) -> set[str]:
        """Ids of the news that are held."""
        return {alert.event_id for _, alert in self._over.values()}
