"""``SlackNotifier``: alerts in a channel of Slack."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from wca.clock import Clock
from wca.config.types import Duration, Injected, Secret, Url
from wca.security import SSL
from wca.workers.api import Notifier
from wca.workers.model import Alert, AlertState, Severity
from wca.workers.notifiers.posting import Poster
from wca.workers.notifiers.words import cut, encoded, headline

__all__ = ["SlackNotifier"]

#: Characters of one line, so that a message stays far below Slack's 40,000.
_MOST_LINE = 500
_ICONS = {
    Severity.INFO: ":information_source:",
    Severity.WARNING: ":warning:",
    Severity.ERROR: ":red_circle:",
    Severity.CRITICAL: ":rotating_light:",
}


class SlackNotifier(Notifier):
    """Posts alerts to a channel of Slack, by an incoming webhook.

    Slack takes about one message a second and says how long to wait when that was too often:
    alerts that come within ``group_window`` are lines of one message.

    Args:
        url: of the incoming webhook; who knows it can post, so that it is a secret.
        group_window: how long an alert waits for others.
        timeout: how long one message may take, from the connection to the end of the answer.
        ssl: how the server is verified; by default by this machine's certificate authorities.
        clock: time.

    Raises:
        ValidationError: the address cannot be used.
    """

    most_alerts: ClassVar[int] = 20
    pause: ClassVar[float] = 1.0

    def __init__(
        self,
        url: Annotated[str, Url(2000), Secret()],
        group_window: Annotated[float, Duration(0, 600)] = 10.0,
        timeout: Annotated[float, Duration(0.1, 60)] = 10.0,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self._poster = Poster("url", url, timeout, ssl=ssl, clock=clock)
        self.group_window = group_window

    def send(self, alerts: Sequence[Alert]) -> None:
        """Post one message of a line for each."""
        self._poster.post(encoded({"text": "\n".join(map(_line, alerts))}))

    def close(self, timeout: float) -> None:
        """End a message that waits for its answer, and send no other."""
        del timeout  # nothing is waited for
        self._poster.close()


def _line(alert: Alert) -> str:
    over = alert.state is AlertState.RESOLVED
    icon = ":white_check_mark:" if over else _ICONS[alert.severity]
    worker = alert.worker
    where = " ".join(filter(None, (worker.account, worker.region, worker.instance_id)))
    words = f"{headline(alert)} ({where})" if where else headline(alert)
    word = "RESOLVED" if over else "FIRING"
    return f"{icon} *{word}* {_escaped(cut(' '.join(words.split()), _MOST_LINE))}"


def _escaped(text: str) -> str:
    """The three characters that Slack gives a meaning: a name must not mention a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
