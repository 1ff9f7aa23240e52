"""Metrics to several storages, one number for a window of time instead of each."""

import enum
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
from wca.storage.bounded import within
from wca.storage.composing.composite import CompositeStorage
from wca.storage.composing.handing import Handing
from wca.storage.composing.results import Results
from wca.storage.composing.statistics import StatisticName
from wca.storage.composing.windows import Added, Window
from wca.storage.ledger import Ledger
from wca.storage.rejections import Rejections

__all__ = ["AggregatingStorage"]

log = logging.getLogger(__name__)

_Name = Annotated[str, StatisticName()]

#: Share of the time to flush in which the last window is handed on; the storages have the rest.
_FLUSH_SHARE = 0.5


class TimestampOf(enum.StrEnum):
    """Which time a result has: that of the last sample of its window, or of the window's start."""

    LAST = "last"
    START = "start"


class AggregatingStorage(CompositeStorage):
    """Hands on one sample of each series for a window of time.

    Windows are aligned: one of ``60s`` lasts from full minute to full minute of the samples' own
    time. A window is handed on when the first batch after its end comes, and by ``close``, with the
    time that ``timestamp`` says; the first and the last window may be partial, and one without
    samples gives nothing. A series that ends within a window is in its result. What comes with a
    time that lies back by no more than a window, as after a clock was set, belongs to the open one.

    A counter (and what is no gauge) gives its last value, a gauge the mean of its values, or what
    ``aggregate`` says. When a counter begins anew, the window ends before it, and another one is
    that batch alone: whoever reads the last values still finds all that was counted.

    It keeps books, in which the first sample of each series waits until its window was handed on;
    those after it are ``merged``.

    Args:
        storages: where the results go.
        window: its length.
        aggregate: by name of the metric, or regular expression that matches a whole name, what its
            values come to: ``last``, ``mean``, ``median``, ``min``, ``max``, ``sum``, ``count``, or
            a percentile such as ``p99`` or ``p99.9``. One statistic: the metric keeps its name. A
            list: each is a suffix of the name, as in ``cpu_usage_p99_9``. A mapping: statistics by
            the name of the result. The first name that matches is taken. ``each`` keeps all values
            as so many samples of one time, for a storage that makes a distribution of them.
        max_series: series in a window at most; samples of others are left out, logged and counted
            in ``rejected``.
        max_values: values kept at once for medians and percentiles, 8 bytes each, of all series
            together. Beyond that they are made of every second value, every fourth, and so on.
        timestamp: of a result: that of the window's ``last`` sample, or its ``start``, which all
            agents share and no delay moves, as CloudWatch has it.
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
        timestamp: TimestampOf = TimestampOf.LAST,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(storages, clock=clock)
        if window <= 0:
            raise ValidationError(f"window is {window}: write a length of time greater than 0")
        self.window = window
        self.max_series = max_series
        self.max_values = max_values
        self.timestamp = TimestampOf(timestamp)
        self._results = Results(aggregate or {}, f"{window:g} s")
        self._rejections = Rejections("AggregatingStorage", log)
        self._lock = threading.Lock()
        self._number: float | None = None  # of the window, counted from 1970
        self._time = 0.0
        #: What became of the samples.
        self.ledger = Ledger("merged", "rejected", "failed", "closed")
        self._held = 0  # samples that wait for the end of the window
        self._handings: set[Handing] = set()
        self._closed = False
        self._common: Mapping[str, str] = {}
        self._open = Window(self._results.plan, max_series, max_values)
        self._alone = False  # a counter has begun anew in the window, which nothing else joins
        self._block: tuple[Series, ...] = ()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Take a batch into its window, and hand on the one before where that has ended.

        Raises:
            FailedDeliveryException: says which storages did not take the window that has ended,
                and why; the others have it. The batch itself was taken.
        """
        time = self._time_of(metrics)
        with self._lock:
            self.ledger.collect(len(metrics))
            if self._closed:
                self.ledger.drop("closed", len(metrics))
                return
            ended, added = self._take(metrics, time)
            rejected = len(added.rejected)
            self.ledger.drop("merged", added.merged)
            self.ledger.drop("rejected", rejected)
            self._held += len(metrics) - added.merged - rejected
            self._rejections.add(added.rejected)
        self.count("merged", added.merged)
        self.count("rejected", rejected)
        if ended is not None:
            self._hand_on(ended)

    def flush(self, timeout: float = 5.0) -> None:
        """Hand on what the open window has so far; safe twice.

        Args:
            timeout: for that and for the storages behind this one, in seconds.
        """
        end = self._clock.monotonic() + timeout
        with self._lock:
            ended = self._end_window()
        if ended is not None:
            self._hand_on_last(ended, timeout * _FLUSH_SHARE)
        super().flush(max(0.0, end - self._clock.monotonic()))

    def close(self, timeout: float = 5.0) -> None:
        """Flush, then close the storages; what they have not taken by then counts as lost."""
        super().close(timeout)
        with self._lock:
            self._closed = True
            left = list(self._handings)
        for one in left:
            one.lost("closed")

    def _take(self, metrics: Sequence[Metric], time: float) -> tuple[Handing | None, Added]:
        """Put a batch into its window; the window that has ended, if one has."""
        if 0 < self._time - time <= self.window:
            time = self._time  # a window that has been handed on does not come again
        number = time // self.window
        ended = self._end_window() if self._alone or number != self._number else None
        try:
            added = self._open.add(metrics)
            if added is None:
                ended = self._end_window() or ended
                self._alone = True
                added = self._open.add(metrics, anew=True)
                assert added is not None  # noqa: S101 - it was told to take it
        except BaseException:
            self.ledger.drop("failed", len(metrics))
            raise
        self._number, self._time = number, time
        if isinstance(metrics, Batch):
            self._common = metrics.common
        return ended, added

    def _hand_on(self, ended: Handing) -> None:
        before = self.behind()
        try:
            self.pass_on(ended.batch)
        except BaseException:
            ended.lost("failed")
            raise
        else:
            ended.delivered({what: n - before[what] for what, n in self.behind().items()})
        finally:
            with self._lock:
                self._handings.discard(ended)

    def _hand_on_last(self, ended: Handing, seconds: float) -> None:
        """Hand on while nobody is there to whom an error could be raised."""

        def hand_on() -> None:
            try:
                self._hand_on(ended)
            except FailedDeliveryException as error:
                log.error("the last window is lost: %s", error)  # noqa: TRY400 - one sentence

        try:
            # A storage that does not return must not keep the others open.
            in_time = within(seconds, hand_on, "the last window")
        except RuntimeError as error:
            ended.lost("failed")
            log.error("the last window is lost: %s", error)  # noqa: TRY400 - one sentence
            return
        if not in_time and ended.lost("closed"):
            log.warning("the storages did not take the last window in time: it counts as lost")

    def _end_window(self) -> Handing | None:
        """The results of the open window, which a new one follows; None: it has no samples."""
        ended, self._open = self._open, self._open.following(self._time)
        held, self._held, self._alone = self._held, 0, False
        series, values = ended.results()
        if not series:
            return None
        if tuple(series) != self._block:  # while it stays the same, an encoder keeps its text
            self._block = tuple(series)
        time = self._time
        if self.timestamp is TimestampOf.START:
            time = time // self.window * self.window
        batch = Batch(time, self._common)
        batch.add(self._block, values)
        handing = Handing(batch, held, self.ledger)
        self._handings.add(handing)
        return handing

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
