"""``PagerDutyNotifier``: alerts as events of PagerDuty."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from wca.clock import Clock
from wca.config.types import Duration, Injected, Secret, Url
from wca.errors import ValidationError
from wca.security import SSL
from wca.workers.api import Notifier
from wca.workers.model import Alert, AlertState
from wca.workers.notifiers.posting import Poster
from wca.workers.notifiers.words import cut, details, encoded, headline, rfc3339

__all__ = ["PagerDutyNotifier"]

#: Characters of a summary that PagerDuty takes.
_MOST_SUMMARY = 1024
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)


class PagerDutyNotifier(Notifier):
    """Sends alerts to PagerDuty, by its Events API v2.

    One that fires triggers an incident, one that is over resolves what it has triggered. Both have
    the same ``dedup_key``, so that an event that is sent twice makes no second incident.

    Args:
        routing_key: integration key of a service or of a set of rules, 32 letters and digits.
        url: where to post; in the EU ``https://events.eu.pagerduty.com/v2/enqueue``.
        timeout: how long one event may take, from the connection to the end of the answer.
        ssl: how the server is verified; by default by this machine's certificate authorities.
        clock: time.

    Raises:
        ValidationError: the key or the address cannot be used.
    """

    def __init__(
        self,
        routing_key: Annotated[str, Secret()],
        url: Annotated[str, Url()] = "https://events.pagerduty.com/v2/enqueue",
        timeout: Annotated[float, Duration(0.1, 60)] = 10.0,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if _ROUTING_KEY.fullmatch(routing_key) is None:
            raise ValidationError(
                "routing_key: expected the integration key of an Events API v2 integration, 32 "
                "letters and digits; it is secret and not shown"
            )
        self._routing_key = routing_key
        self._poster = Poster("url", url, timeout, (routing_key,), ssl=ssl, clock=clock)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Send one event for each."""
        for alert in alerts:
            self._poster.post(encoded(_event(alert, self._routing_key)))

    def close(self, timeout: float) -> None:
        """End an event that waits for its answer, and send no other."""
        del timeout  # nothing is waited for
        self._poster.close()


def _event(alert: Alert, routing_key: str) -> dict[str, Any]:
    """The event; see developer.pagerduty.com, "Send an Alert Event"."""
    event = {
        "routing_key": routing_key,
        "event_action": "resolve" if alert.state is AlertState.RESOLVED else "trigger",
        "dedup_key": alert.key,
    }
    if alert.state is AlertState.RESOLVED:
        return event
    worker = alert.worker
    payload = {
        "summary": cut(headline(alert), _MOST_SUMMARY),
        "source": worker.title,
        "severity": str(alert.severity),
        "timestamp": rfc3339(alert.happened_at),
        "component": worker.instance_id or worker.id,
        "group": worker.shard.key,
        "class": alert.rule,
        "custom_details": details(alert),
    }
    return {**event, "client": "WCA", "payload": payload}
