"""What reading metrics costs, and keeping to a budget."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wca.clock import Clock
from wca.workers.model import Shard

__all__ = ["PRICE", "Budget", "Forecast", "forecast", "month_of"]

#: US dollars for 1,000 metrics requested with GetMetricData. Source: prices of CloudWatch.
PRICE = 0.01
_DAY = 86_400.0
#: Days of a forecast, and of the longest month, for which a budget must last.
_DAYS, _MOST_DAYS = 30, 31


@dataclass(frozen=True)
class Forecast:
    """What a configuration will cost.

    Args:
        workers: how many run.
        metrics: read of each.
        interval: seconds between two readings, as the budget allows it.
        wished: seconds between two readings, as configured.
        requested: metrics in 30 days.
        dollars: their price.
        budget: dollars in a month; None: there is no bound.
    """

    workers: int
    metrics: int
    interval: float
    wished: float
    requested: int
    dollars: float
    budget: float | None

    def __str__(self) -> str:
        told = (
            f"{self.metrics} metrics of {self.workers} workers every {self.interval:.0f} s are "
            f"{self.requested} metrics of CloudWatch in 30 days: about ${self.dollars:.2f}"
        )
        if self.interval > self.wished:
            told += (
                f"; the budget of ${self.budget:g} a month does not allow every "
                f"{self.wished:.0f} s, so that readings in between are skipped"
            )
        return told


def forecast(
    workers: int,
    metrics: int,
    interval: float,
    budget: float | None = None,
    price: float = PRICE,
) -> Forecast:
    """What a month of readings costs.

    Args:
        workers: how many run.
        metrics: read of each.
        interval: seconds between two polls.
        budget: dollars in a month; None: no bound.
        price: dollars for 1,000 metrics.
    """
    round_of_all = workers * metrics
    allowed = 0.0 if budget is None else round_of_all / _rate(budget, price)
    stretched = max(interval, allowed)
    requested = round(round_of_all * _DAYS * _DAY / stretched)
    dollars = requested / 1000 * price
    return Forecast(workers, metrics, stretched, interval, requested, dollars, budget)


def _rate(budget: float, price: float) -> float:
    """Metrics a second that a budget pays for, in the longest month."""
    return budget / price * 1000 / (_MOST_DAYS * _DAY)


class Budget:
    """Stretches the time between two readings of a shard until those of a month are paid for.

    The month is that of the calendar in UTC, by which AWS bills. What is left of its budget is
    spread over what is left of it: a shard may be read again when as many metrics are paid for as
    one round of all shards takes, which is the same time for all of them. Once the budget is used
    up, nothing is read until the month is over. Thread-safe.

    Until it is told what was requested before (``account``), the part of the month that is over
    counts as if its part of the budget was used up.

    Args:
        dollars: in a month; None: no bound.
        price: dollars for 1,000 metrics.
        clock: time.
    """

    def __init__(self, dollars: float | None, price: float, clock: Clock) -> None:
        self._limit = None if dollars is None else dollars / price * 1000
        self._clock = clock
        self._lock = threading.Lock()
        self._fleet = 0
        self._sizes: dict[Shard, int] = {}
        #: When each shard was read, or might have been, on the monotonic clock.
        self._read: dict[Shard, float] = {}
        #: Metrics that were requested in a month before, by all agents.
        self._before: dict[str, float] = {}
        #: Metrics that this agent has requested, and that are not in those.
        self._unaccounted: Counter[str] = Counter()
        if self._limit is not None:
            month, begin, end = month_of(clock.now())
            self._before[month] = self._limit * (clock.now() - begin) / (end - begin)

    def plan_for(self, metrics: int) -> None:
        """One round of all shards takes so many metrics, those of other agents included."""
        self._fleet = metrics

    def allows(self, shard: Shard, metrics: int) -> float:
        """Ask before a reading: 0: it is paid for, and is on the account; else seconds to wait.

        Args:
            shard: which is to be read.
            metrics: how many would be requested.
        """
        if self._limit is None or not metrics:
            return 0.0
        with self._lock:
            self._sizes[shard] = metrics
            now, time = self._clock.monotonic(), self._clock.now()
            month, _, end = month_of(time)
            left = self._limit - self._before.get(month, 0.0) - self._unaccounted[month]
            if metrics > left:
                return max(1.0, end - time)
            interval = max(self._fleet, sum(self._sizes.values())) * (end - time) / left
            due = self._read.get(shard, now - interval) + interval
            if now < due:
                return due - now
            # What was left over is kept, for one reading: polls do not come at the very second.
            self._read[shard] = max(due, now - interval)
            self._unaccounted[month] += metrics
            return 0.0

    def unaccounted(self) -> Mapping[str, int]:
        """Metrics that were requested since the last account, by month; 0 of this month, if none.

        Empty where there is no budget.
        """
        if self._limit is None:
            return {}
        with self._lock:
            return {month_of(self._clock.now())[0]: 0, **self._unaccounted}

    def account(self, month: str, metrics: int, total: int) -> None:
        """The account of a month is known.

        Args:
            month: such as ``2026-11``.
            metrics: of ``unaccounted``, which are in it.
            total: metrics that all agents have requested.
        """
        with self._lock:
            self._before[month] = float(total)
            self._unaccounted[month] -= metrics
            self._unaccounted = +self._unaccounted


def month_of(moment: float) -> tuple[str, float, float]:
    """The month of the calendar in UTC, its begin and its end in Unix seconds.

    Args:
        moment: Unix seconds.
    """
    begin = datetime.fromtimestamp(moment, UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    end = (begin + timedelta(days=_MOST_DAYS)).replace(day=1)
    return f"{begin:%Y-%m}", begin.timestamp(), end.timestamp()
