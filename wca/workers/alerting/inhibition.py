"""When a rule that holds is no reason for an alert. Pure functions."""

from collections.abc import Iterable

from wca.workers.api import Rule
from wca.workers.model import InstanceState, Judgement, Sample, ScheduledEvent, Status

__all__ = ["in_maintenance", "inhibited", "not_running"]

_NOT_RUNNING = (
    InstanceState.STOPPING,
    InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN,
    InstanceState.TERMINATED,
)


def inhibited(rule: Rule, sample: Sample) -> bool:
    """Whether no alert of the rule may begin, and none that fires is acted on."""
    stopped = not_running(sample) and not rule.while_stopped
    return stopped or (in_maintenance(sample) and not rule.in_maintenance)


def not_running(sample: Sample) -> Judgement | None:
    """The judgement of a rule that is not judged while an instance is stopped; None: it runs.

    Such alerts are resolved, not held: what is stopped has no load and reports nothing, so that
    what the alert said is over, and nobody can say when it would be looked at again.
    """
    if not isinstance(sample.status, Status) or sample.status.state not in _NOT_RUNNING:
        return None
    return Judgement(active=False, summary=f"{sample.worker.title} is {sample.status.state}")


def in_maintenance(sample: Sample) -> bool:
    """Whether an event that EC2 has announced is under way.

    Alerts of rules that are not judged then are held, not resolved: what has fired before is not
    over because EC2 works on the host, but what begins then is expected.
    """
    status = sample.status
    return isinstance(status, Status) and _any_open(status.events, sample.at)


def _any_open(events: Iterable[ScheduledEvent], now: float) -> bool:
    """Whether one has begun and is not over; without an end it lasts while it is announced."""
    return any(
        (event.not_before is None or event.not_before <= now)
        and (event.not_after is None or now < event.not_after)
        for event in events
    )
