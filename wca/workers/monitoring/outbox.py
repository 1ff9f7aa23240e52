"""News on their way to receivers: kept before they are told, so that a restart tells them again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wca.workers.model import Alert, AlertState, Shard
from wca.workers.monitoring.contracts import Telling

__all__ = ["Outbox", "unpacked"]

#: Begins the key of news in a store, which keeps them as pending alerts.
_MARK = "untold "


class Outbox:
    """Knows all news that not every receiver has been told yet. Called on the loop.

    Each of them is in the store, as a pending alert of a key of its own, from before it is told
    until all receivers have taken it. A run that is killed meanwhile leaves it there, and the next
    one tells the same again, with the same ``Alert.event_id``.

    Args:
        telling: tells them.
    """

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        #: All of them, by their ids, and the ids of those that are not handed over yet.
        self._open: dict[str, Alert] = {}
        self._waiting: set[str] = set()
        #: What was put in together, which is handed over together.
        self._put: list[Sequence[Alert]] = []

    def put(self, alerts: Sequence[Alert]) -> dict[str, Alert]:
        """Take alerts that have changed in one poll, in their order.

        Returns:
            What is to be kept before they are told, by its keys.
        """
        news = {alert.event_id: alert for alert in alerts if alert.is_news}
        if news:
            self._open |= news
            self._waiting |= news.keys()
            self._put.append(list(news.values()))
        rows = [_packed(alert) for alert in news.values()]
        return {row.key: row for row in rows}

    def resume(self, news: Iterable[Alert]) -> None:
        """Tell what an earlier run has left in the store."""
        for alert in news:
            if alert.event_id not in self._open:  # a shard was lost and is ours again
                self._open[alert.event_id] = alert
                self._telling.tell([alert])

    def take(self) -> list[Sequence[Alert]]:
        """What is to be handed over when the store has kept it."""
        put, self._put = self._put, []
        return put

    def tell(self, news: Iterable[Sequence[Alert]]) -> None:
        """Hand over what was taken."""
        for alerts in news:
            self._waiting.difference_update(alert.event_id for alert in alerts)
            self._telling.tell(alerts)

    def settled(self) -> dict[str, Alert]:
        """What all receivers have been told, as it is kept no longer, by its keys."""
        untold = self._waiting.union(self._telling.untold())
        told = [self._open.pop(id_) for id_ in [*self._open] if id_ not in untold]
        rows = [replace(_packed(alert), state=AlertState.RESOLVED) for alert in told]
        return {row.key: row for row in rows}

    def worker_ids(self) -> set[str]:
        """Workers of whom there are news that are not told."""
        return {alert.worker.id for alert in self._open.values()}

    def has(self, shard: Shard) -> bool:
        """Whether there are news of a shard that are not told."""
        return any(alert.worker.shard == shard for alert in self._open.values())


def unpacked(kept: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """What a store has as alerts: alerts, and news that are to be told, in their order."""
    alerts: list[Alert] = []
    news: list[Alert] = []
    for one in kept:
        if one.key.startswith(_MARK):
            news.append(_unpacked(one))
        else:
            alerts.append(one)
    # What fires and is over in one poll fires first.
    news.sort(key=lambda one: (one.happened_at, one.state is AlertState.RESOLVED))
    return alerts, news


def _packed(alert: Alert) -> Alert:
    return replace(alert, key=f"{_MARK}{alert.event_id}", state=AlertState.PENDING)


def _unpacked(row: Alert) -> Alert:
    key = row.key.removeprefix(_MARK).rsplit("-", 2)[0]
    over = row.resolved_at is not None
    return replace(row, key=key, state=AlertState.RESOLVED if over else AlertState.FIRING)
