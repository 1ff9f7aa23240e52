"""``OpsgenieNotifier``: alerts of Opsgenie, which ends on 5 April 2027."""

from collections.abc import Sequence
from typing import Annotated, Any

from wca.clock import Clock
from wca.config.types import Duration, Injected, Secret, Url
from wca.errors import ValidationError
from wca.security import SSL
from wca.workers.api import Notifier
from wca.workers.model import Alert, AlertState, Severity
from wca.workers.notifiers.posting import Poster
from wca.workers.notifiers.words import cut, details, encoded, headline

__all__ = ["OpsgenieNotifier"]

#: Characters that Opsgenie takes.
_MOST_MESSAGE, _MOST_DESCRIPTION = 130, 15_000
#: Characters of one detail, so that all of them stay below Opsgenie's 8000.
_MOST_DETAIL = 400
_PRIORITIES = {
    Severity.CRITICAL: "P1",
    Severity.ERROR: "P2",
    Severity.WARNING: "P3",
    Severity.INFO: "P5",
}


class OpsgenieNotifier(Notifier):
    """Creates an alert of Opsgenie for each that fires, and closes it by its alias when it is over.

    Deprecated: Atlassian ends Opsgenie on 5 April 2027; its successor is Jira Service Management.

    Args:
        api_key: of an API integration.
        base_url: where the API is; in the EU ``https://api.eu.opsgenie.com``.
        timeout: how long one request may take, from the connection to the end of the answer.
        ssl: how the server is verified; by default by this machine's certificate authorities.
        clock: time.

    Raises:
        ValidationError: the key or the address cannot be used.
    """

    def __init__(
        self,
        api_key: Annotated[str, Secret()],
        base_url: Annotated[str, Url()] = "https://api.opsgenie.com",
        timeout: Annotated[float, Duration(0.1, 60)] = 10.0,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValidationError(
                "api_key: expected the key of an API integration, printable ASCII without spaces; "
                "it is secret and not shown"
            )
        self._headers = {"Authorization": f"GenieKey {api_key}"}
        base = base_url.rstrip("/")
        self._poster = Poster("base_url", base, timeout, (api_key,), ssl=ssl, clock=clock)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Create or close one for each."""
        for alert in alerts:
            if alert.state is AlertState.RESOLVED:
                path = f"/v2/alerts/{alert.key}/close?identifierType=alias"
                body = {"source": "WCA", "note": cut(alert.summary, _MOST_DESCRIPTION)}
                self._poster.post(encoded(body), self._headers, path)
            else:
                self._poster.post(encoded(_document(alert)), self._headers, "/v2/alerts")

    def close(self, timeout: float) -> None:
        """End a request that waits for its answer, and send no other."""
        del timeout  # nothing is waited for
        self._poster.close()


def _document(alert: Alert) -> dict[str, Any]:
    """What ``POST /v2/alerts`` takes; all values of its details are texts."""
    known = details(alert)
    worker = known.pop("worker")
    flat = {**known, **{f"worker_{name}": text for name, text in worker.items() if name != "tags"}}
    return {
        "message": cut(headline(alert), _MOST_MESSAGE),
        "alias": alert.key,
        "description": cut(headline(alert), _MOST_DESCRIPTION),
        "priority": _PRIORITIES[alert.severity],
        "source": "WCA",
        "entity": alert.worker.id,
        "details": {
            name: cut(str(value), _MOST_DETAIL)
            for name, value in flat.items()
            if value not in (None, "")
        },
    }
