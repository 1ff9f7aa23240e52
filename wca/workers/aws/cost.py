"""What reading metrics costs, and keeping to a budget."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from wca.workers.model import Shard

__all__ = ["PRICE", "Budget", "Forecast", "forecast"]

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
    """Stretches the time between two readings of a shard until a month of them is paid for.

    A shard may be read again when as many metrics are paid for as one round of all shards takes,
    which is the same time for all of them. It remembers the last reading only: after a restart each
    shard is read at once. Thread-safe.

    Args:
        dollars: in a month; None: no bound.
        price: dollars for 1,000 metrics.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(self, dollars: float | None, price: float, monotonic: Callable[[], float]) -> None:
        self._rate = None if dollars is None else _rate(dollars, price)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sizes: dict[Shard, int] = {}
        self._due: dict[Shard, float] = {}

    def allows(self, shard: Shard, metrics: int) -> float:
        """Ask before a reading: 0: it is paid for, and is on the account; else seconds to wait.

        Args:
            shard: which is to be read.
            metrics: how many would be requested.
        """
        if self._rate is None:
            return 0.0
        with self._lock:
            now = self._monotonic()
            self._sizes[shard] = metrics
            interval = sum(self._sizes.values()) / self._rate
            due = self._due.get(shard, now)
            if now < due:
                return due - now
            # What was left over is kept, for one reading: polls do not come at the very second.
            self._due[shard] = max(due, now - interval) + interval
            return 0.0
