"""The questions of one poll: states of all workers of a shard, then readings of those that run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from wca.telemetry import Telemetry
from wca.workers.api import Cloud, CloudError
from wca.workers.model import (
    Gone,
    InstanceState,
    MetricQuery,
    Reading,
    Sample,
    Shard,
    Status,
    StatusAnswer,
    Verdict,
    Worker,
)
from wca.workers.monitoring.lanes import Lane
from wca.workers.tracing import Tracing

__all__ = ["Asking", "component"]

_T = TypeVar("_T")

#: Workers that one sentence names.
_MOST_NAMED = 10


def component(shard: Shard) -> str:
    """What failures of a shard are reported under."""
    return f"shard {shard.key}"


class Asking:
    """Asks the cloud about shards.

    Args:
        cloud: what answers.
        queries: what is read of each running worker.
        lane: on whose threads it is asked.
        telemetry: where failures are reported.
        tracing: a span for each call.
        now: Unix time.
    """

    def __init__(
        self,
        cloud: Cloud,
        queries: Sequence[MetricQuery],
        lane: Lane,
        telemetry: Telemetry,
        tracing: Tracing,
        now: Callable[[], float],
    ) -> None:
        self._cloud = cloud
        self._queries = queries
        self._lane = lane
        self._telemetry = telemetry
        self._tracing = tracing
        self._now = now

    async def ask(
        self, shard: Shard, workers: Sequence[Worker], seen: Collection[str]
    ) -> list[Sample]:
        """One sample for each worker.

        Args:
            shard: of the workers.
            workers: about whom to ask.
            seen: ids of those that the cloud has known before. Another one that it does not know
                has not ended: it is too new, or its id or its place is wrong, which is reported.

        Raises:
            CloudError: nothing could be asked.
        """
        ids = list(dict.fromkeys(worker.instance_id for worker in workers))
        answer = await self._call("status", shard, len(ids), self._cloud.status, shard, ids)
        running = [id_ for id_ in ids if _runs(answer, id_)]
        unknown = [one for one in workers if one.id not in seen and _is_gone(answer, one)]
        unknown_ids = {worker.id for worker in unknown}
        problems = [*answer.problems, *_problems(shard, unknown)]
        readings = await self._readings(shard, running, problems)
        at = self._now()
        return [
            Sample(
                worker,
                at,
                None if worker.id in unknown_ids else answer.by_id.get(worker.instance_id),
                readings.get(worker.instance_id, {}),
            )
            for worker in workers
        ]

    async def _readings(
        self, shard: Shard, running: Sequence[str], problems: Sequence[str]
    ) -> Mapping[str, Mapping[str, Reading]]:
        """What the metrics say; a shard whose metrics cannot be asked still has states."""
        found: Mapping[str, Mapping[str, Reading]] = {}
        if running and self._queries:
            try:
                measured = await self._call(
                    "measure",
                    shard,
                    len(running),
                    self._cloud.measure,
                    shard,
                    running,
                    self._queries,
                    self._now(),
                )
            except CloudError as error:
                problems = [*problems, str(error)]
            else:
                found, problems = measured.by_id, [*problems, *measured.problems]
        for problem in problems:
            self._telemetry.failure(component(shard), problem)
        if not problems:
            self._telemetry.success(component(shard))
        # Of what was not answered nothing is known, and that is what its reading says.
        unknown = {query.name: Reading(Verdict.FAILED) for query in self._queries}
        return {id_: {**unknown, **found.get(id_, {})} for id_ in running}

    async def _call(
        self, what: str, shard: Shard, workers: int, function: Callable[..., _T], *args: Any
    ) -> _T:
        with self._span(what, shard, workers):
            return await self._lane.call(function, *args, patience=None)

    def _span(self, what: str, shard: Shard, workers: int) -> AbstractContextManager[object]:
        return self._tracing.span(
            f"cloud.{what}", aws_region=shard.region, aws_account=shard.account, workers=workers
        )


def _is_gone(answer: StatusAnswer, worker: Worker) -> bool:
    return isinstance(answer.by_id.get(worker.instance_id), Gone)


def _problems(shard: Shard, unknown: Sequence[Worker]) -> list[str]:
    """One sentence for all, as the log has only the first of a poll."""
    if not unknown:
        return []
    names = [f"{one.instance_id} of worker {one.id}" for one in unknown[:_MOST_NAMED]]
    if len(unknown) > _MOST_NAMED:
        names.append(f"{len(unknown) - _MOST_NAMED} more")
    problem = (
        f"the cloud does not know {', '.join(names)} in {shard.key}: what is not new has a wrong "
        "instance_id, region or account in the list of workers"
    )
    return [problem]


def _runs(answer: StatusAnswer, instance_id: str) -> bool:
    status = answer.by_id.get(instance_id)
    return isinstance(status, Status) and status.state is InstanceState.RUNNING
