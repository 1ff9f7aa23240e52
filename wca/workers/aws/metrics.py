"""Readings of a shard: which metrics, in which batches, and what the answers are worth."""

import logging
from collections.abc import Mapping, Sequence

from wca.clock import Clock
from wca.workers.aws.batches import MOST_QUERIES, batches_of
from wca.workers.aws.calls import Calls
from wca.workers.aws.cost import Budget
from wca.workers.aws.dimensions import INSTANCE, Discovery
from wca.workers.aws.errors import AwsError, Kind, place
from wca.workers.aws.metric_data import Series, Wanted, read_points
from wca.workers.aws.windows import Window, reading_of, window_of
from wca.workers.model import Measured, MetricQuery, Reading, Shard, Verdict

__all__ = ["Answer", "MetricReader"]

log = logging.getLogger(__name__)

#: What is known of a metric of an instance: its points, or why they could not be had.
Answer = Series | AwsError


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
        wait = self._budget.allows(shard, len(ids) * len(queries))
        if wait:
            return self._skipped(shard, ids, queries, wait)
        readings: dict[str, dict[str, Reading]] = {id_: {} for id_ in ids}
        errors: list[AwsError] = []
        problems: list[str] = []
        for query in queries:
            window = window_of(now, query.period, self._lookback, self._settle)
            answers, told = self.answers(shard, ids, query, window)
            problems += told
            for id_ in ids:
                readings[id_][query.name] = _reading(answers.get(id_), window)
            errors += [answer for answer in answers.values() if isinstance(answer, AwsError)]
        if errors and len(errors) == len(ids) * len(queries):
            _raise_unless_throttled(errors)
        problems += [str(error) for error in errors]
        return Measured(readings, tuple(dict.fromkeys(problems)))

    def answers(
        self, shard: Shard, ids: Sequence[str], query: MetricQuery, window: Window
    ) -> tuple[Mapping[str, Answer], list[str]]:
        """What CloudWatch says of one metric, by instance id, and problems for the log.

        An instance that does not publish the metric is not in it.
        """
        try:
            wanted, problem = self._wanted(shard, ids, query)
        except AwsError as error:
            return dict.fromkeys(ids, error), []
        batches = batches_of(wanted, MOST_QUERIES)
        answers: dict[str, Answer] = {}
        outcomes = self._calls.each(
            lambda batch: read_points(self._calls, shard, query, batch, window), batches
        )
        for batch, outcome in zip(batches, outcomes, strict=True):
            each: Sequence[Answer] = (
                [outcome] * len(batch) if isinstance(outcome, AwsError) else outcome
            )
            answers.update(zip((one.instance_id for one in batch), each, strict=True))
        return answers, [problem] if problem else []

    def _wanted(
        self, shard: Shard, ids: Sequence[str], query: MetricQuery
    ) -> tuple[list[Wanted], str]:
        if query.dimensions is not None:
            fixed = query.dimensions
            return [Wanted(id_, tuple(sorted({**fixed, INSTANCE: id_}.items()))) for id_ in ids], ""
        known, problem = self._discovery.of(shard, query, ids)
        return [Wanted(id_, known[id_]) for id_ in ids if id_ in known], problem

    def _skipped(
        self, shard: Shard, ids: Sequence[str], queries: Sequence[MetricQuery], wait: float
    ) -> Measured:
        self._calls.counters.skipped(len(ids) * len(queries))
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


def _reading(answer: Answer | None, window: Window) -> Reading:
    if answer is None:
        return Reading(Verdict.NO_DATA)
    if isinstance(answer, AwsError):
        throttled = answer.kind is Kind.THROTTLED
        return Reading(Verdict.THROTTLED if throttled else Verdict.FAILED)
    return reading_of(answer.points, window) if answer.known else Reading(Verdict.FAILED)


def _raise_unless_throttled(errors: Sequence[AwsError]) -> None:
    """What could not be asked because of the rate has a verdict of its own."""
    other = next((error for error in errors if error.kind is not Kind.THROTTLED), None)
    if other is not None:
        raise other
