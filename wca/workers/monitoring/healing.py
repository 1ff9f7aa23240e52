"""Remediation of one shard: planned, kept, allowed by the lease, done, recorded."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import Cloud, CloudError
from wca.workers.model import (
    BEGUN,
    UNANSWERED,
    Action,
    ActionRecord,
    Alert,
    Shard,
    Worker,
    WorkerState,
)
from wca.workers.monitoring.finishing import Finishing
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing
from wca.workers.past import Past
from wca.workers.tracing import Tracing

__all__ = ["COMPONENT", "DONE", "Healing", "Planning"]

#: What failures are reported under.
COMPONENT = "remediation"
#: The outcome of what was done.
DONE = "done"
_NOT_KEPT = "not done: the store has not kept that it begins"

#: What is known of each worker, and its alerts about which something may be done.
_Found = Iterable[tuple[WorkerState, Sequence[Alert]]]
_Plan = Action | ActionRecord | None


class Planning(Protocol):
    """Decides what is done. Pure.

    Attributes:
        horizon: seconds of the past whose records it has to be given.
    """

    horizon: float

    def plan(self, alert: Alert, state: WorkerState, past: Past, now: float) -> _Plan:
        """What to do about an alert; a record: what is only to be recorded; None: nothing."""

    def finish(self, state: WorkerState, past: Past, now: float) -> _Plan:
        """The step that has to follow one that was done."""


class Healing:
    """Does what the remediation plans, and keeps record of it.

    Nothing is done where the store cannot tell what was done before, nor without the lease. That
    something begins is kept before it is done: an agent that ends meanwhile leaves a trace of it.
    The store is called as often for a thousand workers as for one.

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
        self._beginning = asyncio.Lock()
        self._finishing = Finishing()

    async def heal(self, shard: Shard, found: _Found) -> None:
        """Do what is planned for the workers of a shard, one after the other.

        Args:
            shard: of the workers.
            found: what is known of each, and its alerts about which something may be done.
        """
        begun = await self._begin(found)
        if begun:
            # To its end, also when the agent ends and the poll is cancelled.
            await self._finishing.run(self._do(shard, begun))

    async def _begin(self, found: _Found) -> list[ActionRecord]:
        """Plan, and keep record of it before it is done; what is to be done.

        One shard at a time: the limits are those of all of them.
        """
        async with self._beginning:
            records = await self._keeper.past(self._clock.now() - self._planning.horizon)
            planned = [] if records is None else list(self._planned(found, Past(records)))
            if not planned:
                return []
            self._keeper.done(planned)
            kept = await self._keeper.save()
        begun = [one for one in planned if one.outcome == BEGUN]
        ends = [one for one in planned if one.outcome != BEGUN]
        if not kept:
            not_done = [replace(one, outcome=_NOT_KEPT) for one in begun]
            self._keeper.done(not_done)
            ends += not_done
        for record in ends:
            self._on_record(record)
        return begun if kept else []

    def _planned(self, found: _Found, past: Past) -> Iterator[ActionRecord]:
        """What is to be done, each with regard to all before it, and what is only recorded."""
        for state, alerts in found:
            try:
                for record in self._plans(state, alerts, past):
                    past.add(record)
                    yield record
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(COMPONENT, error)

    def _plans(
        self, state: WorkerState, alerts: Sequence[Alert], past: Past
    ) -> Iterator[ActionRecord]:
        planning, now = self._planning, self._clock.now()
        step = planning.finish(state, past, now)
        yield from _records(state.worker, step, now, "the step before it was done")
        for alert in alerts:
            step = planning.plan(alert, state, past, now)
            yield from _records(state.worker, step, now, alert.summary)

    async def _do(self, shard: Shard, begun: Sequence[ActionRecord]) -> None:
        for one in begun:
            outcome = await self._act(shard, one.worker, one.action)
            record = replace(one, outcome=outcome)
            self._keeper.done([record])
            self._on_record(record)
        await self._keeper.save()

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
                lost = not isinstance(error, CloudError) or error.unanswered
                return f"{UNANSWERED if lost else 'failed: '}{error}"
        self._telemetry.success(COMPONENT)
        return DONE


def _records(worker: Worker, step: _Plan, now: float, reason: str) -> Iterator[ActionRecord]:
    """The record of a step that is planned; none where there is none."""
    if isinstance(step, ActionRecord):
        yield step
    elif step is not None:
        yield ActionRecord(worker, step, now, reason, BEGUN)
