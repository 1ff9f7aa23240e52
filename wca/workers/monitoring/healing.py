"""Remediation of one shard: planned, allowed by the lease, done, recorded."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
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
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing
from wca.workers.tracing import Tracing

__all__ = ["COMPONENT", "DONE", "Healing", "Planning"]

#: What failures are reported under.
COMPONENT = "remediation"
#: The outcome of what was done.
DONE = "done"
_NOT_KEPT = "not done: the store has not kept that it begins"

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

    Nothing is done where the store cannot tell what was done before, nor without the lease. That
    something begins is kept before it is done: an agent that ends meanwhile leaves a trace of it.

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
        self._acting: set[asyncio.Future[None]] = set()

    async def heal(
        self, shard: Shard, found: Iterable[tuple[WorkerState, Sequence[Alert]]]
    ) -> None:
        """Do what is planned for the workers of a shard, one after the other.

        Args:
            shard: of the workers.
            found: what is known of each, and its alerts about which something may be done.
        """
        past = await self._past()
        if past is None:
            return
        for state, alerts in found:
            try:
                for reason, plan in self._plans(state, alerts):
                    if plan(past) is not None:
                        await self._carry_out(shard, state.worker, plan, reason)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(COMPONENT, error)

    def _plans(
        self, state: WorkerState, alerts: Sequence[Alert]
    ) -> Iterator[tuple[str, Callable[[Sequence[ActionRecord]], _Plan]]]:
        """What may be planned: why, and how to find it out from what was done before."""
        planning, now = self._planning, self._clock.now
        yield "the step before it was done", lambda past: planning.finish(state, past, now())
        for alert in alerts:
            yield alert.summary, partial(self._plan, alert, state)

    def _plan(self, alert: Alert, state: WorkerState, past: Sequence[ActionRecord]) -> _Plan:
        return self._planning.plan(alert, state, past, self._clock.now())

    async def _past(self) -> list[ActionRecord] | None:
        """What was done, of each action the last word; None: nobody can tell."""
        past = await self._keeper.past(self._clock.now() - self._planning.horizon)
        return None if past is None else _last_words(past)

    async def _carry_out(
        self,
        shard: Shard,
        worker: Worker,
        plan: Callable[[Sequence[ActionRecord]], _Plan],
        reason: str,
    ) -> None:
        begun = await self._begin(worker, plan, reason)
        if begun is not None:
            # To its end, also when the agent ends and the poll is cancelled.
            acting = asyncio.ensure_future(self._do(shard, begun))
            self._acting.add(acting)
            acting.add_done_callback(self._acting.discard)
            await asyncio.shield(acting)

    async def _begin(
        self, worker: Worker, plan: Callable[[Sequence[ActionRecord]], _Plan], reason: str
    ) -> ActionRecord | None:
        """Plan and keep record of it before it is done; None: there is nothing to do.

        One at a time: other shards may have acted since, and the limits are those of all of them.
        """
        async with self._beginning:
            past = await self._past()
            planned = None if past is None else plan(past)
            if planned is None:
                return None
            if isinstance(planned, ActionRecord):
                await self._end(planned)
                return None
            begun = ActionRecord(worker, planned, self._clock.now(), reason, BEGUN)
            self._keeper.done(begun)
            if await self._keeper.save():
                return begun
        await self._end(replace(begun, outcome=_NOT_KEPT))
        return None

    async def _do(self, shard: Shard, begun: ActionRecord) -> None:
        outcome = await self._act(shard, begun.worker, begun.action)
        await self._end(replace(begun, outcome=outcome))

    async def _end(self, record: ActionRecord) -> None:
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
                lost = not isinstance(error, CloudError) or error.unanswered
                return f"{UNANSWERED if lost else 'failed: '}{error}"
        self._telemetry.success(COMPONENT)
        return DONE


def _last_words(past: Iterable[ActionRecord]) -> list[ActionRecord]:
    """What was begun gives way to what came of it."""
    words: dict[tuple[str, Action, float], ActionRecord] = {}
    for one in past:
        key = (one.worker.id, one.action, one.at)
        if one.outcome != BEGUN or key not in words:
            words[key] = one
    return list(words.values())
