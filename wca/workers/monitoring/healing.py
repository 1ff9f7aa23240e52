"""Remediation of one shard: planned, allowed by the lease, done, recorded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import Cloud
from wca.workers.model import Action, ActionRecord, Alert, Shard, Worker, WorkerState
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing
from wca.workers.tracing import Tracing

__all__ = ["COMPONENT", "DONE", "Healing", "Planning"]

#: What failures are reported under.
COMPONENT = "remediation"
#: The outcome of what was done.
DONE = "done"

_Plan = Action | ActionRecord | None


class Planning(Protocol):
    """Decides what is done. Pure.

    Attributes:
        horizon: seconds of the past whose records it has to be given.
    """

    horizon: float

    def plan(
        self, alert: Alert, state: WorkerState, past: Sequence[ActionRecord], now: float
    ) -> _Plan:
        """What to do about an alert; a record: what is only to be recorded; None: nothing."""

    def finish(self, state: WorkerState, past: Sequence[ActionRecord], now: float) -> _Plan:
        """The step that has to follow one that was done."""


class Healing:
    """Does what the remediation plans, and keeps record of it.

    Nothing is done where the store cannot tell what was done before, nor without the lease.

    Args:
        planning: decides.
        cloud: acts.
        lane: on whose threads the cloud is called.
        leasing: asked again right before acting.
        keeper: keeps what was done.
        telemetry: where failures are reported.
        tracing: a span for each action.
        clock: time.
        on_record: told of each record.
    """

    def __init__(
        self,
        planning: Planning,
        cloud: Cloud,
        lane: Lane,
        leasing: Leasing,
        keeper: Keeper,
        telemetry: Telemetry,
        tracing: Tracing,
        clock: Clock,
        on_record: Callable[[ActionRecord], None],
    ) -> None:
        self._planning = planning
        self._cloud = cloud
        self._lane = lane
        self._leasing = leasing
        self._keeper = keeper
        self._telemetry = telemetry
        self._tracing = tracing
        self._clock = clock
        self._on_record = on_record

    async def heal(
        self, shard: Shard, found: Iterable[tuple[WorkerState, Sequence[Alert]]]
    ) -> None:
        """Do what is planned for the workers of a shard, one after the other.

        Args:
            shard: of the workers.
            found: what is known of each, and its alerts about which something may be done.
        """
        past = await self._keeper.past(self._clock.now() - self._planning.horizon)
        if past is None:
            return
        for state, alerts in found:
            try:
                for plan, reason in self._plans(state, alerts, past):
                    await self._carry_out(shard, state.worker, plan, reason, past)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(COMPONENT, error)

    def _plans(
        self, state: WorkerState, alerts: Sequence[Alert], past: Sequence[ActionRecord]
    ) -> Iterator[tuple[Action | ActionRecord, str]]:
        """What is planned, and why; each plan knows what was done for those before it."""
        plan = self._planning.finish(state, past, self._clock.now())
        if plan is not None:
            yield plan, "the step before it was done"
        for alert in alerts:
            plan = self._planning.plan(alert, state, past, self._clock.now())
            if plan is not None:
                yield plan, alert.summary

    async def _carry_out(
        self,
        shard: Shard,
        worker: Worker,
        plan: Action | ActionRecord,
        reason: str,
        past: list[ActionRecord],
    ) -> None:
        record = plan
        if isinstance(record, Action):
            outcome = await self._act(shard, worker, record)
            record = ActionRecord(worker, record, self._clock.now(), reason, outcome)
        past.append(record)
        self._keeper.done(record)
        self._on_record(record)
        await self._keeper.save()  # at once: an agent that is killed now must know of it

    async def _act(self, shard: Shard, worker: Worker, action: Action) -> str:
        """Act; the outcome."""
        if not await self._leasing.hold(shard.key):
            return "not done: another agent has the lease of the shard, or nobody can tell"
        attributes = {"worker_id": worker.id, "aws_instance_id": worker.instance_id}
        with self._tracing.span("cloud.act", action=action.value, **attributes):
            try:
                await self._lane.call(
                    self._cloud.act, shard, worker.instance_id, action, patience=None
                )
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(COMPONENT, error)
                return f"failed: {error}"
        self._telemetry.success(COMPONENT)
        return DONE
