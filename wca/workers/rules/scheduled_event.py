"""``ScheduledEventRule``: what EC2 has announced for an instance."""

from datetime import UTC, datetime
from typing import Annotated

from wca.config.types import Str
from wca.workers.api import Rule
from wca.workers.model import Judgement, Sample, ScheduledEvent, Severity, Status, WorkerState

__all__ = ["ScheduledEventRule"]


class ScheduledEventRule(Rule):
    """Fires while EC2 has announced an event for an instance: a reboot, a stop, a retirement.

    Args:
        codes: which ones, such as ``instance-retirement``, ``instance-reboot``, ``system-reboot``,
            ``system-maintenance``, ``instance-stop``; empty: all.
        severity: of its alerts.
        name: tells it from others.
    """

    polls = 1

    def __init__(
        self,
        codes: list[Annotated[str, Str(100)]] | None = None,
        severity: Severity = Severity.INFO,
        name: Annotated[str, Str(200)] = "scheduled event",
    ) -> None:
        self.codes = frozenset(codes or ())
        self.severity = Severity(severity)
        self.name = name

    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Look at the events that are announced and not completed."""
        del before  # an event is announced until it is completed
        if not isinstance(sample.status, Status):
            return Judgement(None)
        events = [
            event for event in sample.status.events if not self.codes or event.code in self.codes
        ]
        title = sample.worker.title
        if not events:
            return Judgement(active=False, summary=f"no event is announced for {title} any more")
        return Judgement(
            active=True,
            summary=f"EC2 has announced for {title}: {'; '.join(map(_words, events))}",
            what=tuple(event.id or event.code for event in events),
        )


def _words(event: ScheduledEvent) -> str:
    when = "" if event.not_before is None else f" from {_time(event.not_before)}"
    until = "" if event.not_after is None else f" to {_time(event.not_after)}"
    what = f" ({event.description})" if event.description else ""
    return f"{event.code}{when}{until}{what}"


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
