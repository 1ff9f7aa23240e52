"""``LogNotifier``: alerts in the agent's own log."""

import logging
from collections.abc import Sequence

from wca.workers.api import Notifier
from wca.workers.model import Alert, AlertState
from wca.workers.notifiers.words import headline

__all__ = ["LogNotifier"]

log = logging.getLogger("wca.workers.alerts")


class LogNotifier(Notifier):
    """Writes one line into the agent's log for each alert that fires or is over.

    The name of the logger is ``wca.workers.alerts``: what fires is a warning, what is over an
    information.
    """

    def send(self, alerts: Sequence[Alert]) -> None:
        """Write the lines."""
        for alert in alerts:
            over = alert.state is AlertState.RESOLVED
            log.log(
                logging.INFO if over else logging.WARNING,
                "%s (%s) %s [worker %s, alert %s]",
                *("RESOLVED" if over else "FIRING", alert.severity, headline(alert)),
                *(alert.worker.id, alert.key),
            )
