"""Metrics to several storages, one number for a window of time instead of each."""

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from wca.clock import Clock
from wca.config.types import Duration, Injected, Numeric
from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage.api import Storage
from wca.storage.composing.composite import CompositeStorage
from wca.storage.composing.results import Results
from wca.storage.composing.statistics import StatisticName
from wca.storage.composing.windows import Window
from wca.storage.rejections import Rejections

__all__ = ["AggregatingStorage"]

log = logging.getLogger(__name__)

_Name = Annotated[str, StatisticName()]

#: Share of the time to flush in which the last window is handed on; the storages have the rest.
_FLUSH_SHARE = 0.5


class AggregatingStorage(CompositeStorage):
    """Hands on one sample of each series for a window of time.

    Windows are aligned: one of ``60s`` lasts from full minute to full minute of the samples' own
    time. A window is handed on when the first batch after its end comes, and by ``close``, with the
    time of its last sample; the first and the last window may be partial, and one without samples
    gives nothing. A series that ends within a window is in its result.

    A counter (and what is no gauge) gives its last value, a gauge the mean of its values, or what
    ``aggregate`` says. Samples after the first of a series in a window are counted in ``merged``.

    Args:
        storages: where the results go.
        window: its length.
        aggregate: by name of the metric, or regular expression that matches a whole name, what its
            values come to: ``last``, ``mean``, ``median``, ``min``, ``max``, ``sum``, ``count``, or
            a percentile such as ``p99`` or ``p99.9``. One statistic: the metric keeps its name. A
            list: each is a suffix of the name, as in ``cpu_usage_p99_9``. A mapping: statistics by
            the name of the result. The first name that matches is taken.
        max_series: series in a window at most; samples of others are left out, logged and counted
            in ``rejected``.
        max_values: values kept at once for medians and percentiles, 8 bytes each, of all series
            together. Beyond that they are made of every second value, every fourth, and so on.
        clock: the time of batches that have none, and what remains of the time to close.

    Raises:
        ValidationError: there is no storage, or an expression or a statistic is none.
    """

    def __init__(
        self,
        storages: list[Storage],
        window: Annotated[float, Duration(0.001)] = 60.0,
        aggregate: dict[str, _Name | list[_Name] | dict[str, _Name]] | None = None,
        max_series: Annotated[int, Numeric(1)] = 100_000,
        max_values: Annotated[int, Numeric(1)] = 1_000_000,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(storages, clock=clock)
        if window <= 0:
            raise ValidationError(f"window is {window}: write a length of time greater than 0")
        self.window = window
        self.max_series = max_series
        self.max_values = max_values
        self._results = Results(aggregate or {}, f"{window:g} s")
        self._rejections = Rejections("AggregatingStorage", log)
        self._lock = threading.Lock()
        self._number: float | None = None  # of the window, counted from 1970
        self._time = 0.0
        self._common: Mapping[str, str] = {}
        self._open = self._new_window({})
        self._block: tuple[Series, ...] = ()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Take a batch into its window, and hand on the one before where that has ended.

        Raises:
            FailedDeliveryException: says which storages did not take the window that has ended,
                and why; the others have it. The batch itself was taken.
        """
        time = self._time_of(metrics)
        number = time // self.window
        with self._lock:
            ended = self._end_window() if number != self._number else None
            self._number, self._time = number, time
            if isinstance(metrics, Batch):
                self._common = metrics.common
            added = self._open.add(metrics)
            self._rejections.add(added.rejected)
        self.count("merged", added.merged)
        self.count("rejected", len(added.rejected))
        if ended is not None:
            self.pass_on(ended)

    def flush(self, timeout: float = 5.0) -> None:
        """Hand on what the open window has so far; safe twice.

        Args:
            timeout: for that and for the storages behind this one, in seconds.
        """
        end = self._clock.monotonic() + timeout
        with self._lock:
            ended = self._end_window()
        if ended is not None:
            # A storage that does not return must not keep the others open.
            thread = threading.Thread(target=self._hand_on, args=(ended,), daemon=True)
            thread.start()
            thread.join(max(0.0, timeout * _FLUSH_SHARE))
            if thread.is_alive():
                log.warning("the storages did not take the last window in time")
        super().flush(max(0.0, end - self._clock.monotonic()))

    def _hand_on(self, ended: Batch) -> None:
        try:
            self.pass_on(ended)
        except FailedDeliveryException as error:
            log.error("the last window is lost: %s", error)  # noqa: TRY400 - one sentence

    def _end_window(self) -> Batch | None:
        """The results of the open window, which a new one follows; None: it has no samples."""
        ended, self._open = self._open, self._new_window(self._open.plans)
        series, values = ended.results()
        if not series:
            return None
        if tuple(series) != self._block:  # while it stays the same, an encoder keeps its text
            self._block = tuple(series)
        batch = Batch(self._time, self._common)
        batch.add(self._block, values)
        return batch

    def _new_window(self, known: Mapping[Any, Any]) -> Window:
        return Window(self._results.plan, known, self.max_series, self.max_values)

    def _time_of(self, metrics: Sequence[Metric]) -> float:
        """When a batch was measured: what its first sample with a time says, else now."""
        if isinstance(metrics, Batch):
            time: Any = metrics.timestamp
        else:
            times = (metric.timestamp for metric in metrics)
            time = next((one for one in times if one is not None), None)
        try:
            if math.isfinite(time):
                return float(time)
        except (TypeError, OverflowError):
            pass
        return self._clock.now()
