"""One step in the life of an alert. Pure functions."""

from dataclasses import replace
from hashlib import sha1

from wca.workers.api import Rule
from wca.workers.model import Alert, AlertState, Judgement, Worker

__all__ = ["alert_key", "changed", "next_alert", "resolved"]


def alert_key(rule: str, worker_id: str) -> str:
    """Names the alert of a rule for a worker, in every run.

    Args:
        rule: its name.
        worker_id: of the worker.
    """
    return sha1(f"{rule}\0{worker_id}".encode(), usedforsecurity=False).hexdigest()


def next_alert(
    rule: Rule, alert: Alert | None, judgement: Judgement, worker: Worker, now: float
) -> Alert | None:
    """What becomes of an alert by one judgement.

    It is pending while its rule has held for fewer polls than it must, then it fires until the rule
    says that it is over. A judgement that says nothing changes nothing: it neither counts as a poll
    nor begins the count anew. One of a reading that was counted already does not count again. One
    with a value between two bounds ends what is pending.

    Args:
        rule: which one.
        alert: as it was; None: there was none.
        judgement: of the newest sample.
        worker: whom it is about, as it is known now.
        now: when it was judged.

    Returns:
        The alert as it is now; None: there is none.
    """
    if alert is None:
        return _begun(rule, judgement, worker, now) if judgement.active else None
    if judgement.active is None:
        if judgement.summary:  # there is a value, between two bounds
            if alert.state is AlertState.PENDING:
                return resolved(alert, judgement.summary, now, judgement.value)
            alert = replace(alert, summary=judgement.summary, value=judgement.value)
        return replace(alert, worker=worker)
    if not judgement.active:
        return resolved(replace(alert, worker=worker), judgement.summary, now, judgement.value)
    new = tuple(one for one in judgement.what if one not in alert.what)
    told_anew = alert.state is AlertState.FIRING and alert.what and new
    counts = alert.state is AlertState.PENDING and _is_news(alert, judgement)
    alert = replace(
        alert,
        worker=worker,
        severity=rule.severity,
        summary=judgement.summary,
        value=judgement.value,
        what=alert.what + new,
        changed_at=now if told_anew else alert.changed_at,
    )
    return _counted(rule, alert, judgement, now) if counts else alert


def resolved(alert: Alert, summary: str, now: float, value: float | None = None) -> Alert:
    """The alert, over.

    Args:
        alert: as it was.
        summary: why it is over.
        now: when.
        value: the newest number; None: there is none.
    """
    return replace(alert, state=AlertState.RESOLVED, summary=summary, value=value, resolved_at=now)


def changed(before: Alert | None, after: Alert | None) -> bool:
    """Whether it has to be kept anew, and told where it fires or is over.

    A new number alone is no change: receivers were told, and a restart needs none. Another check
    that fails, or another event that is announced, is one.
    """
    if before is None or after is None:
        return after is not None
    return (before.state, before.polls, before.changed_at) != (
        after.state,
        after.polls,
        after.changed_at,
    )


def _begun(rule: Rule, judgement: Judgement, worker: Worker, now: float) -> Alert:
    begun = Alert(
        key=alert_key(rule.name, worker.id),
        rule=rule.name,
        worker=worker,
        severity=rule.severity,
        state=AlertState.PENDING,
        summary=judgement.summary,
        value=judgement.value,
        polls=0,
        since=now,
        what=judgement.what,
    )
    return _counted(rule, begun, judgement, now)


def _is_news(alert: Alert, judgement: Judgement) -> bool:
    """Whether a judgement is of something that was not counted before."""
    return judgement.at is None or alert.read_at is None or judgement.at > alert.read_at


def _counted(rule: Rule, alert: Alert, judgement: Judgement, now: float) -> Alert:
    """The pending alert with one poll more, which may be the one that makes it fire."""
    alert = replace(alert, polls=alert.polls + 1, read_at=judgement.at)
    if alert.polls < rule.polls:
        return alert
    return replace(alert, state=AlertState.FIRING, fired_at=now)
