"""``AutoRemediation``: what is done about a worker whose status checks fail."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated

from wca.config.types import Duration, Numeric, Str
from wca.errors import ValidationError
from wca.workers.model import (
    BEGUN,
    HELD,
    UNANSWERED,
    Action,
    ActionRecord,
    Alert,
    AlertState,
    InstanceState,
    Worker,
    WorkerState,
)
from wca.workers.past import Past
from wca.workers.rules.status_check import DEFAULT_NAME

__all__ = ["DONE", "DRY_RUN", "AutoRemediation", "Remediation"]

#: Outcomes of an ActionRecord; any other one says why something was not done.
DONE, DRY_RUN = "done", "dry run"
#: Closes a stop whose start is not needed.
_STARTED = "not needed, it runs"

_HOUR, _DAY = 3600.0, 86_400.0
_IMPAIRED = "impaired"
#: Seconds in which EC2 may still call an instance running that it has agreed to stop.
_SETTLING = 300.0


class Remediation(ABC):
    """Decides what is done about alerts. Pure: whoever asks does it and records it.

    Attributes:
        horizon: seconds of the past whose records it has to be given.
    """

    horizon: float

    @abstractmethod
    def plan(
        self, alert: Alert, state: WorkerState, past: Past, now: float
    ) -> Action | ActionRecord | None:
        """What to do about an alert that fires; asked at each poll of its worker.

        Args:
            alert: that fires, and that nothing inhibits now.
            state: of its worker, after the poll.
            past: what was done to all workers within ``horizon``.
            now: Unix time.

        Returns:
            What is to be done, once the lease was checked again; or what is only to be recorded; or
            None: nothing.
        """

    @abstractmethod
    def finish(self, state: WorkerState, past: Past, now: float) -> Action | ActionRecord | None:
        """The step that has to follow one that was done; asked at each poll of each worker.

        It needs no alert: a stop ends the alert that has asked for it, and an agent that was
        restarted in between has to go on. Parameters and answer are those of ``plan``.
        """


class AutoRemediation(Remediation):
    """Reboots or restarts workers whose status checks fail.

    A worker whose instance check is impaired is rebooted; one whose system check is impaired is
    stopped and started, which moves it to another host.

    It acts on alerts that fire, so the number of polls is that of their rule. A stop is followed by
    the start as soon as the instance is stopped, also by an agent that was restarted in between. A
    stop loses what is on instance store volumes, and the public address that is not an Elastic IP.

    Args:
        dry_run: whether actions are only recorded; a start that an earlier stop needs is done.
        rules: names of the rules whose alerts are acted on; left out, ``status check``, which a
            StatusCheckRule is called that was given no name.
        cooldown: how long nothing more is done to a worker after an action.
        max_per_hour: actions within an hour on the whole fleet; a stop and its start are one.
        max_per_day: actions within a day on one worker, after which a person has to look.
        reboot: whether an impaired instance check is answered with a reboot.
        stop_start: whether an impaired system check is answered with a stop and a start; false
            where workers have data on instance store volumes.
        unless_tag: name of a tag of the instance; with it, whatever its value, nothing is done.

    Raises:
        ValidationError: it would never do anything.
    """

    #: A start may follow a stop after days in which no agent ran.
    horizon = 7 * _DAY

    def __init__(
        self,
        dry_run: bool = True,
        rules: list[Annotated[str, Str(200)]] | None = None,
        cooldown: Annotated[float, Duration(60, _DAY)] = 1800.0,
        max_per_hour: Annotated[int, Numeric(1, 10_000)] = 3,
        max_per_day: Annotated[int, Numeric(1, 100)] = 3,
        reboot: bool = True,
        stop_start: bool = True,
        unless_tag: Annotated[str, Str(128)] = "wca-no-remediation",
    ) -> None:
        if not (reboot or stop_start):
            raise ValidationError(
                "reboot and stop_start are both false, so that nothing is ever done: leave out "
                "remediation instead"
            )
        if rules is not None and not rules:
            raise ValidationError("rules: expected names of rules, got an empty list")
        self.dry_run = dry_run
        self.rules = frozenset(rules or [DEFAULT_NAME])
        self.cooldown = cooldown
        self.max_per_hour = max_per_hour
        self.max_per_day = max_per_day
        self.reboot = reboot
        self.stop_start = stop_start
        self.unless_tag = unless_tag

    def plan(
        self, alert: Alert, state: WorkerState, past: Past, now: float
    ) -> Action | ActionRecord | None:
        """A reboot, a stop, or why not."""
        worker = state.worker
        action = self._remedy(state)
        if (
            action is None
            or alert.state is not AlertState.FIRING
            or alert.rule not in self.rules
            or self._off_limits(worker)
        ):
            return None
        mine = past.of(worker.id)
        if _unfinished(mine) is not None or past.tried(now - self.cooldown, worker.id):
            return None
        reason = self._limit(worker, past, now)
        if reason is not None:
            said = any(one.outcome == reason and one.at >= _begin(alert) for one in mine)
            return None if said else ActionRecord(worker, action, now, alert.summary, reason)
        if self.dry_run:
            return ActionRecord(worker, action, now, alert.summary, DRY_RUN)
        return action

    def finish(self, state: WorkerState, past: Past, now: float) -> Action | ActionRecord | None:
        """The start after a stop of ours."""
        worker = state.worker
        stop = _unfinished(past.of(worker.id))
        if stop is None or self._off_limits(worker):
            return None
        if state.state is InstanceState.STOPPED:
            return Action.START
        runs = state.state is InstanceState.RUNNING and now >= stop.at + _SETTLING
        # Otherwise a later stop by somebody else would be undone.
        return ActionRecord(worker, Action.START, now, stop.reason, _STARTED) if runs else None

    def _remedy(self, state: WorkerState) -> Action | None:
        """What helps against the checks; a new host where both are impaired."""
        if state.state is not InstanceState.RUNNING:
            return None
        if state.checks.system == _IMPAIRED:
            return Action.STOP if self.stop_start else None
        return Action.REBOOT if self.reboot and state.checks.instance == _IMPAIRED else None

    def _off_limits(self, worker: Worker) -> bool:
        return self.unless_tag in worker.tags

    def _limit(self, worker: Worker, past: Past, now: float) -> str | None:
        """The limit that is reached, as an outcome; None: there is none."""
        if past.tried(now - _DAY, worker.id) >= self.max_per_day:
            return f"{HELD}{self.max_per_day} actions on this worker within a day have not helped"
        if past.tried(now - _HOUR) >= self.max_per_hour:
            return f"{HELD}{self.max_per_hour} actions within an hour are the most"
        return None


def _unfinished(mine: Iterable[ActionRecord]) -> ActionRecord | None:
    """The stop of a worker, done or perhaps done, that no start has followed; None: no such."""
    stop = None
    for one in mine:
        if one.action is Action.STOP and _perhaps_done(one):
            stop = one
        elif one.action is Action.START and one.outcome in (DONE, _STARTED):
            stop = None
    return stop


def _perhaps_done(one: ActionRecord) -> bool:
    """Whether EC2 has accepted it, or may have, unheard."""
    return one.outcome in (DONE, BEGUN) or one.outcome.startswith(UNANSWERED)


def _begin(alert: Alert) -> float:
    return alert.fired_at if alert.fired_at is not None else alert.since
