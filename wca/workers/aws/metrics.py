"""Readings of a shard: which metrics, in which batches, and what the answers are worth."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wca.clock import Clock
from wca.workers.aws.batches import MOST_QUERIES, batches_of
from wca.workers.aws.calls import Calls
from wca.workers.aws.cost import Budget
from wca.workers.aws.dimensions import INSTANCE, Discovery, part_of
from wca.workers.aws.errors import AwsError, Kind, place
from wca.workers.aws.metric_data import Series, Wanted, read_points
from wca.workers.aws.windows import Window, combined, reading_of, window_of
from wca.workers.model import Measured, MetricQuery, Reading, Shard, Verdict

__all__ = ["Answer", "MetricReader"]

log = logging.getLogger(__name__)

#: What is known of a metric of an instance: its points, or why they could not be had.
Answer = Series | AwsError
#: The answers about the parts of an instance, each with the name of its part.
_Answers = Sequence[tuple[str, Answer]]
_LEAST = "Minimum"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked for one query; ``error``: why nothing can be asked."""

    query: MetricQuery
    wanted: Sequence[Wanted] = ()
    problem: str = ""
    error: AwsError | None = None


class MetricReader:
    """Reads metrics of CloudWatch.

    Args:
        calls: makes the calls.
        budget: says when a shard may be read again.
        lookback: seconds that a reading looks back.
        settle: seconds after the end of a period until its value counts.
        clock: time.
    """

    def __init__(
        self, calls: Calls, budget: Budget, lookback: float, settle: float, clock: Clock
    ) -> None:
        self._calls = calls
        self._budget = budget
        self._lookback = lookback
        self._settle = settle
        self._discovery = Discovery(calls, clock)
        self._skipping: set[Shard] = set()

    def read(
        self, shard: Shard, instance_ids: Sequence[str], queries: Sequence[MetricQuery], now: float
    ) -> Measured:
        """The newest settled reading of each query for each instance.

        Raises:
            AwsError: nothing could be asked, and not because of the rate.
        """
        ids = list(dict.fromkeys(instance_ids))
        plans = [self._plan(shard, ids, query) for query in queries]
        count = sum(len(plan.wanted) for plan in plans)
        wait = self._budget.allows(shard, count)
        if wait:
            return self._skipped(shard, ids, queries, count, wait)
        readings: dict[str, dict[str, Reading]] = {id_: {} for id_ in ids}
        errors: list[AwsError] = []
        for plan in plans:
            query = plan.query
            window = window_of(now, query.period, self._lookback, self._settle)
            answers = self._answers(shard, ids, plan, window)
            for id_ in ids:
                readings[id_][query.name] = _reading(answers.get(id_, ()), query, window)
            errors += _errors(answers)
        asked = sum(len(plan.wanted) if plan.error is None else len(ids) for plan in plans)
        if errors and len(errors) == asked:
            _raise_unless_throttled(errors)
        problems = [plan.problem for plan in plans if plan.problem]
        problems += [str(error) for error in errors]
        return Measured(readings, tuple(dict.fromkeys(problems)))

    def answers(
        self, shard: Shard, ids: Sequence[str], query: MetricQuery, window: Window
    ) -> tuple[Mapping[str, Answer], list[str]]:
        """What CloudWatch says of one metric, by instance id, and problems for the log.

        An instance that does not publish the metric is not in it; of one that publishes it of
        several parts the first one that has points is.
        """
        plan = self._plan(shard, ids, query)
        found = self._answers(shard, ids, plan, window)
        return {id_: _first(parts) for id_, parts in found.items()}, [
            plan.problem
        ] if plan.problem else []

    def _plan(self, shard: Shard, ids: Sequence[str], query: MetricQuery) -> _Plan:
        if query.dimensions is not None:
            fixed = query.dimensions
            wanted = [Wanted(id_, tuple(sorted({**fixed, INSTANCE: id_}.items()))) for id_ in ids]
            return _Plan(query, wanted)
        try:
            known, problem = self._discovery.of(shard, query, ids)
        except AwsError as error:
            return _Plan(query, error=error)
        wanted = [Wanted(id_, one, part_of(one)) for id_ in ids for one in known.get(id_, ())]
        return _Plan(query, wanted, problem)

    def _answers(
        self, shard: Shard, ids: Sequence[str], plan: _Plan, window: Window
    ) -> Mapping[str, _Answers]:
        """What CloudWatch says of each part, by instance id."""
        if plan.error is not None:
            return {id_: [("", plan.error)] for id_ in ids}
        batches = batches_of(plan.wanted, MOST_QUERIES)
        outcomes = self._calls.each(
            lambda batch: read_points(self._calls, shard, plan.query, batch, window), batches
        )
        answers: dict[str, list[tuple[str, Answer]]] = {}
        for batch, outcome in zip(batches, outcomes, strict=True):
            each: Sequence[Answer] = (
                [outcome] * len(batch) if isinstance(outcome, AwsError) else outcome
            )
            for one, answer in zip(batch, each, strict=True):
                answers.setdefault(one.instance_id, []).append((one.part, answer))
        return answers

    def _skipped(
        self,
        shard: Shard,
        ids: Sequence[str],
        queries: Sequence[MetricQuery],
        count: int,
        wait: float,
    ) -> Measured:
        self._calls.counters.skipped(count)
        if shard not in self._skipping:
            self._skipping.add(shard)
            log.warning(
                "%s: metrics are read again in %.0f s and no more often than monthly_budget pays "
                "for; readings in between are skipped",
                place(shard),
                wait,
            )
        reading = Reading(Verdict.SKIPPED)
        readings = {id_: {query.name: reading for query in queries} for id_ in ids}
        return Measured(readings)


def _first(answers: _Answers) -> Answer:
    found = [answer for _, answer in answers]
    return next((one for one in found if isinstance(one, AwsError) or one.points), found[0])


def _reading(answers: _Answers, query: MetricQuery, window: Window) -> Reading:
    """What the answers about the parts of one instance are worth."""
    parts = [(part, _reading_of_part(answer, window)) for part, answer in answers]
    return combined(parts, least=query.stat == _LEAST)


def _reading_of_part(answer: Answer, window: Window) -> Reading:
    if isinstance(answer, AwsError):
        throttled = answer.kind is Kind.THROTTLED
        return Reading(Verdict.THROTTLED if throttled else Verdict.FAILED)
    return reading_of(answer.points, window) if answer.known else Reading(Verdict.FAILED)


def _errors(answers: Mapping[str, _Answers]) -> Iterator[AwsError]:
    for parts in answers.values():
        for _, answer in parts:
            if isinstance(answer, AwsError):
                yield answer


def _raise_unless_throttled(errors: Sequence[AwsError]) -> None:
    """What could not be asked because of the rate has a verdict of its own."""
    other = next((error for error in errors if error.kind is not Kind.THROTTLED), None)
    if other is not None:
        raise other
