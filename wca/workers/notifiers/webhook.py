"""``WebhookNotifier``: alerts as CloudEvents to any web service."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Any

from wca.clock import Clock
from wca.config.types import Duration, Injected, Secret, Str, Url
from wca.errors import ValidationError
from wca.security import SSL
from wca.storage.http_client.auth import HttpAuth
from wca.workers.api import Notifier
from wca.workers.model import Alert
from wca.workers.notifiers.posting import Poster
from wca.workers.notifiers.words import details, encoded, rfc3339

__all__ = ["WebhookNotifier"]

_CONTENT = "application/cloudevents+json; charset=utf-8"


class WebhookNotifier(Notifier):
    """Posts each alert as a CloudEvent (version 1.0, structured JSON) to a web service.

    Its type is ``wca.worker.alert.firing.v1`` or ``wca.worker.alert.resolved.v1``, its subject the
    id of the worker. The header ``Idempotency-Key`` has its id, which is the same when it is sent
    again; ``X-WCA-Signature: sha256=...`` has the HMAC of the body in hexadecimal digits.

    Args:
        url: where to post.
        secret: key of the signature; without one there is none.
        source: who reports: the ``source`` of the events, a URI reference.
        timeout: how long one message may take, from the connection to the end of the answer.
        auth: ``username`` and ``password``, or ``token``, or ``token_file``, which is read anew for
            each message.
        ssl: how a server with an ``https`` address is verified; by default by this machine's
            certificate authorities.
        clock: time.

    Raises:
        ValidationError: the address, the secret or ``auth`` cannot be used.
    """

    def __init__(
        self,
        url: Annotated[str, Url(2000), Secret()],
        secret: Annotated[str, Secret()] | None = None,
        source: Annotated[str, Str(200)] = "/wca/workers",
        timeout: Annotated[float, Duration(0.1, 60)] = 10.0,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if secret is not None and not secret:
            raise ValidationError("secret: expected a text that is not empty")
        if not source:
            raise ValidationError("source: expected a text that is not empty, such as /wca/workers")
        hidden = () if secret is None else (secret,)
        self._poster = Poster("url", url, timeout, hidden, auth=auth, ssl=ssl, clock=clock)
        self._secret = secret
        self._source = source

    def send(self, alerts: Sequence[Alert]) -> None:
        """Post one event for each."""
        for alert in alerts:
            event = _event(alert, self._source)
            body = encoded(event)
            headers = {"Idempotency-Key": event["id"]}
            if self._secret is not None:
                digest = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
                headers["X-WCA-Signature"] = f"sha256={digest}"
            self._poster.post(body, headers, content=_CONTENT)

    def close(self, timeout: float) -> None:
        """End a message that waits for its answer, and send no other."""
        del timeout  # nothing is waited for
        self._poster.close()


def _event(alert: Alert, source: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": alert.event_id,
        "source": source,
        "type": f"wca.worker.alert.{alert.state}.v1",
        "subject": alert.worker.id,
        "time": rfc3339(alert.happened_at),
        "datacontenttype": "application/json",
        "data": details(alert),
    }
