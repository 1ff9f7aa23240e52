"""``AlertmanagerNotifier``: alerts for Prometheus' Alertmanager."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, LabelName, Str, Url
from wca.errors import ValidationError
from wca.security import SSL
from wca.storage.http_client.auth import HttpAuth
from wca.workers.api import Notifier
from wca.workers.model import Alert, AlertState
from wca.workers.notifiers.posting import Poster
from wca.workers.notifiers.words import encoded, rfc3339

__all__ = ["AlertmanagerNotifier"]

_PATH = "/api/v2/alerts"
#: How many times an alert may fail to be sent again before Alertmanager takes it to be over.
_RESENDS = 4
#: Labels that tell alerts apart; what may change while an alert fires must not be one.
_OWN = ("alertname", "severity", "worker", "instance", "account", "region")


class AlertmanagerNotifier(Notifier):
    """Sends alerts to an Alertmanager, by version 2 of its API.

    An Alertmanager takes an alert to be over that it does not hear of again: those that fire are
    sent again every minute, each time as firing for four more minutes.

    Args:
        url: of the Alertmanager, without ``/api/v2/alerts``.
        labels: further labels of each alert, besides ``alertname``, ``severity``, ``worker``,
            ``instance``, ``account`` and ``region``.
        timeout: how long one message may take, from the connection to the end of the answer.
        auth: ``username`` and ``password``, or ``token``, or ``token_file``, which is read anew for
            each message.
        ssl: how a server with an ``https`` address is verified; by default by this machine's
            certificate authorities.
        clock: time.

    Raises:
        ValidationError: the address, a label or ``auth`` cannot be used.
    """

    resend_interval: ClassVar[float | None] = 60.0
    most_alerts: ClassVar[int] = 500

    def __init__(
        self,
        url: Annotated[str, Url()],
        labels: dict[Annotated[str, LabelName()], Annotated[str, Str(200)]] | None = None,
        timeout: Annotated[float, Duration(0.1, 60)] = 10.0,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        base = url.rstrip("/")
        if "/api/" in f"{urlsplit(url).path}/":
            raise ValidationError(f"url: write the address without {_PATH}, which is added")
        self._poster = Poster("url", base, timeout, auth=auth, ssl=ssl, clock=clock)
        self._labels = dict(labels or {})
        for name in self._labels:
            if name in _OWN:
                raise ValidationError(f"labels: {name} is set by WCA, give yours another name")
        self._clock = clock or SystemClock()

    def send(self, alerts: Sequence[Alert]) -> None:
        """Send all of them at once."""
        until = self._clock.now() + _RESENDS * (self.resend_interval or 0.0)
        documents = [_document(alert, self._labels, until) for alert in alerts]
        self._poster.post(encoded(documents), path=_PATH)

    def close(self, timeout: float) -> None:
        """End a message that waits for its answer, and send no other."""
        del timeout  # nothing is waited for
        self._poster.close()


def _document(alert: Alert, labels: Mapping[str, str], until: float) -> dict[str, Any]:
    """``postableAlert`` of Alertmanager's api/v2/openapi.yaml."""
    worker = alert.worker
    own = {
        "alertname": alert.rule,
        "severity": str(alert.severity),
        "worker": worker.id,
        "instance": worker.instance_id,
        "account": worker.account,
        "region": worker.region,
    }
    annotations = {"summary": alert.summary, "worker_name": worker.title}
    if alert.value is not None:
        annotations["value"] = f"{alert.value:g}"
    over = alert.state is AlertState.RESOLVED and alert.resolved_at is not None
    begun = alert.fired_at if alert.fired_at is not None else alert.since
    return {
        "labels": {**labels, **{name: value for name, value in own.items() if value}},
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": rfc3339(begun),
        "endsAt": rfc3339(alert.resolved_at if over and alert.resolved_at else until),
    }
