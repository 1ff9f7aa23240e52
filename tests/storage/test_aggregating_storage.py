"""AggregatingStorage: one sample of each series for a window of time."""

import itertools
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.delivery_parts import balanced
from tests.storage.encoding_strategies import odd
from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage import AggregatingStorage, FilterStorage, LogStorage
from wca.storage.outlet import Outlet
from wca.telemetry import Telemetry
from wca.testing import FakeClock, RecordingStorage, check_exposition

START = 1_700_000_040.0  # a full minute


class Recorder(RecordingStorage):
    """Keeps batches as they come."""

    takes_batches = True

    def store(self, metrics):
        self.batches.append(metrics)
        if self.error is not None:
            raise self.error

    @property
    def values(self):
        """Value by name of each window."""
        return [{metric.name: metric.value for metric in batch} for batch in self.batches]


def gauge(name, value, labels=None, at=START):
    return Metric(name, value, labels or {}, "gauge", timestamp=at)


def columns(at, **values):
    batch = Batch(at)
    batch.add(tuple(Series(name, {}, "gauge") for name in values), list(values.values()))
    return batch


def test_a_window_ends_with_the_first_batch_after_it():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    for second, value in [(0, 1), (30, 2), (59.9, 6)]:
        storage.store(columns(START + second, a=value))
    assert recorder.batches == []
    storage.store(columns(START + 60, a=100))
    assert recorder.values == [{"a": 3.0}]
    assert recorder.batches[0].timestamp == START + 59.9


def test_each_value_of_a_window_can_be_handed_on_as_a_sample_of_its_own():
    recorder = Recorder()
    asked = {"a": {"every": "each", "most": "max"}, "b": "each"}
    storage = AggregatingStorage([recorder], 60.0, asked, timestamp="start")
    for second, value in [(3, 1.0), (30, 2.0), (59, 2.0)]:
        storage.store(columns(START + second, a=value))
    storage.store(columns(START + 59.5, b=7.0))
    storage.close()
    (batch,) = recorder.batches
    found = [(metric.name, metric.value, metric.timestamp) for metric in batch]
    every = [("every", value, START) for value in (1.0, 2.0, 2.0)]
    assert found == [*every, ("most", 2.0, START), ("b", 7.0, START)]
    assert storage.ledger.account.delivered == 2
    assert storage.ledger.account.dropped["merged"] == 2


def test_windows_are_aligned_whenever_the_agent_began():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    for second in range(45, 200, 10):
        storage.store(columns(START + second, a=second))
    assert [batch.timestamp - START for batch in recorder.batches] == [55, 115, 175]
    storage.close()
    assert recorder.values == [{"a": 50}, {"a": 90}, {"a": 150}, {"a": 190}]


def test_closing_hands_on_the_open_window_then_closes():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.start()
    storage.store(columns(START, a=1))
    storage.close()
    storage.close()
    assert recorder.values == [{"a": 1}]
    assert (recorder.started, recorder.closed) == (1, 2)


def test_a_window_without_samples_gives_nothing():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store(Batch(START))
    storage.store([])
    storage.store(columns(START + 60, a=1))
    storage.store(Batch(START + 120))
    storage.store(columns(START + 600, a=2))
    storage.close()
    assert recorder.values == [{"a": 1}, {"a": 2}]


def test_an_empty_batch_ends_a_window_as_well():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store(columns(START, a=1))
    storage.store(Batch(START + 60))
    assert recorder.values == [{"a": 1}]


def test_a_series_that_ends_within_a_window_is_in_its_result_and_in_no_later_one():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store(columns(START, a=1, b=2))
    storage.store(columns(START + 10, a=3))
    storage.store(columns(START + 60, a=5))
    storage.close()
    assert recorder.values == [{"a": 2, "b": 2}, {"a": 5}]


def test_a_counter_gives_its_last_value_and_a_gauge_its_mean():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    for value in (1, 4):
        storage.store(
            [
                Metric("c", value, {}, "counter", "Counts.", "seconds", "task"),
                Metric("g", value, {}, "gauge", "Goes.", "bytes", "task"),
                Metric("t", value, {}, "gauge", "When.", "timestamp", "task"),
                Metric("unknown", value),
            ]
        )
    storage.close()
    at = recorder.batches[0].timestamp
    assert list(recorder.batches[0]) == [
        Metric("c", 4, {}, "counter", "Counts.", "seconds", "task", at),
        Metric("g", 2.5, {}, "gauge", "Goes. (mean over 60 s)", "bytes", "task", at),
        Metric("t", 4, {}, "gauge", "When.", "timestamp", "task", at),
        Metric("unknown", 4, timestamp=at),
    ]


def test_one_statistic_keeps_the_name_and_a_list_gives_suffixes():
    recorder = Recorder()
    storage = AggregatingStorage(
        [recorder], 60.0, {"cpu": "median", "mem.*": ["max", "p99.9", "count"]}
    )
    for value in (1, 2, 9):
        storage.store(columns(START, cpu=value, memory=value, other=value))
    storage.close()
    assert recorder.values == [
        {
            "cpu": 2.0,
            "memory_max": 9,
            "memory_p99_9": pytest.approx(8.986),
            "memory_count": 3,
            "other": 4.0,
        }
    ]


def test_results_may_have_names_of_their_own():
    recorder = Recorder()
    storage = AggregatingStorage(
        [recorder],
        60.0,
        {"MemoryUtilization": {"MemoryUtilization": "median", "MaxMemoryUtilization": "max"}},
    )
    for value in (10, 20, 60):
        storage.store(columns(START, MemoryUtilization=value))
    storage.close()
    assert recorder.values == [{"MemoryUtilization": 20, "MaxMemoryUtilization": 60}]


def test_the_first_name_that_matches_is_taken():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {"a": "max", ".*": "min"})
    for value in (1, 2):
        storage.store(columns(START, a=value, b=value))
    storage.close()
    assert recorder.values == [{"a": 2, "b": 1}]


def test_what_a_statistic_makes_of_a_counter_is_a_gauge_unless_it_is_the_last():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {"c": ["last", "max", "count"]})
    storage.store([Metric("c", 1, {}, "counter", "Counts.", "bytes")])
    storage.close()
    series = recorder.batches[0].series()
    assert [one.type for one in series] == ["counter", "gauge", "gauge"]
    assert [one.unit for one in series] == ["bytes", "bytes", "numeric"]
    assert [one.help for one in series] == [
        "Counts.",
        "Counts. (max over 60 s)",
        "Counts. (count over 60 s)",
    ]


def test_a_window_of_the_same_series_has_the_same_block():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {"a": ["min", "max"]})
    block = (Series("a", {"x": "1"}, "gauge"), Series("b", {"x": "1"}, "counter"))
    again = (Series("a", {"x": "1"}, "gauge"), Series("b", {"x": "1"}, "counter"))
    for second in range(0, 240, 30):
        batch = Batch(START + second)
        batch.add(block if second % 60 else again, [1.0, 2.0])
        storage.store(batch)
    assert len(recorder.batches) == 3
    assert len({id(batch.blocks[0]) for batch in recorder.batches}) == 1
    assert storage.merged == 2 * 4  # of each pair of batches the second


def test_lists_and_columns_of_one_series_come_together():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store(columns(START, a=1))
    storage.store([gauge("a", 5)])
    storage.close()
    assert recorder.values == [{"a": 3}]


def test_metrics_without_a_time_belong_to_the_window_of_the_clock():
    clock = FakeClock(now=START)
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, clock=clock)
    storage.store([Metric("a", 1)])
    clock.advance(61)
    storage.store([Metric("a", 2)])
    assert recorder.values == [{"a": 1}]
    assert recorder.batches[0].timestamp == START


@pytest.mark.parametrize("odd_time", [float("nan"), float("inf"), "1", 10**400, []])
def test_a_time_that_is_none_is_the_clocks(odd_time):
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, clock=FakeClock(now=START))
    storage.store([Metric("a", 1, timestamp=odd_time)])
    storage.close()
    assert recorder.batches[0].timestamp == START


def test_a_clock_that_is_set_back_by_less_than_a_window_gives_no_window_twice():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, timestamp="start")
    for second, value in [(50, 1), (61, 3), (55, 4), (59, 5), (62, 8), (120, 9)]:
        storage.store(columns(START + second, a=value))
    storage.close()
    assert recorder.values == [{"a": 1}, {"a": 5}, {"a": 9}]
    assert [batch.timestamp - START for batch in recorder.batches] == [0, 60, 120]


def test_a_clock_that_is_set_back_by_more_than_a_window_ends_it():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store(columns(START, a=1))
    storage.store(columns(START - 3600, a=5))
    storage.store(columns(START - 3590, a=7))
    storage.close()
    assert recorder.values == [{"a": 1}, {"a": 6}]


def test_a_window_shorter_than_the_interval_changes_nothing_but_the_time():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 1.0)
    for second in (0, 5, 10):
        storage.store(columns(START + second, a=second))
    assert recorder.values == [{"a": 0}, {"a": 5}]


def test_samples_after_the_first_of_a_series_are_merged():
    storage = AggregatingStorage([Recorder()], 60.0, {"a": ["min", "max", "p50"]})
    for second in (0, 1, 2, 60):
        storage.store(columns(START + second, a=1, b=1))
    assert storage.merged == 4


class TestACounterThatBeginsAnew:
    """Within a window its last value would say nothing of what it had counted before."""

    def through(self, *values, **options):
        """What is handed on of a counter with these values, one a second, and of a gauge of 1."""
        recorder = Recorder()
        storage = AggregatingStorage([recorder], 60.0, **options)
        for second, value in enumerate(values):
            batch = Batch(START + second)
            batch.add(self.BLOCK, [value, 1])
            storage.store(batch)
        storage.close()
        assert balanced(storage.ledger).waiting == 0
        return recorder

    BLOCK = (Series("c", {}, "counter"), Series("g", {}, "gauge"))

    def test_ends_the_window_before_it_and_is_alone_in_the_next(self):
        recorder = self.through(100, 500, 0, 20, 600)
        assert [window["c"] for window in recorder.values] == [500, 0, 600]
        assert [batch.timestamp - START for batch in recorder.batches] == [1, 2, 4]
        assert {window["g"] for window in recorder.values} == {1}

    def test_every_time(self):
        recorder = self.through(5, 9, 3, 8, 1, 0, 2)
        assert [window["c"] for window in recorder.values] == [9, 3, 8, 1, 0, 2]

    def test_whatever_else_is_made_of_it(self):
        recorder = self.through(5, 9, 3, aggregate={"c": ["last", "p50"]})
        assert [window["c_last"] for window in recorder.values] == [9, 3]

    def test_between_two_windows_as_well(self):
        recorder = Recorder()
        storage = AggregatingStorage([recorder], 10.0)
        for second, value in [(0, 5), (9, 8), (10, 2), (19, 14), (20, 15)]:
            storage.store([Metric("c", value, {}, "counter", timestamp=START + second)])
        storage.close()
        assert recorder.values == [{"c": 8}, {"c": 2}, {"c": 14}, {"c": 15}]

    @pytest.mark.parametrize(("minutes", "windows"), [(5, [8, 2, 14]), (70, [8, 14])])
    def test_although_it_was_missing_for_a_while(self, minutes, windows):
        recorder = Recorder()
        storage = AggregatingStorage([recorder], 60.0)
        storage.store([Metric("c", 8, {}, "counter", timestamp=START)])
        for minute in range(1, minutes):
            storage.store(columns(START + 60 * minute, g=1))
        for second, value in ((0, 2), (1, 14)):
            at = START + 60 * minutes + second
            storage.store([Metric("c", value, {}, "counter", timestamp=at)])
        storage.close()
        assert [window["c"] for window in recorder.values if "c" in window] == windows

    @pytest.mark.parametrize("aggregate", [{"c": "max"}, {"c": ["sum", "count"]}])
    def test_but_not_where_nobody_asks_for_its_last_value(self, aggregate):
        assert len(self.through(5, 9, 3, aggregate=aggregate).batches) == 1

    def test_a_gauge_may_fall(self):
        recorder = Recorder()
        storage = AggregatingStorage([recorder], 60.0, {"a": "last"})
        for value in (5, 3):
            storage.store(columns(START, a=value))
        storage.close()
        assert recorder.values == [{"a": 3}]

    @pytest.mark.parametrize("odd_value", [None, "0", float("nan"), float("-inf"), []])
    def test_is_not_one_without_a_value(self, odd_value):
        recorder = Recorder()
        storage = AggregatingStorage([recorder], 60.0)
        for value in (5, odd_value, 7):
            storage.store([Metric("c", value, {}, "counter", timestamp=START)])
        storage.close()
        assert recorder.values == [{"c": 7}]

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.sampled_from([3.0, 60.0]))
    def test_costs_no_count(self, values, window):
        recorder = Recorder()
        storage = AggregatingStorage([recorder], window)
        for second, value in enumerate(values):
            metric = Metric("c", value, {}, "counter", timestamp=START + second)
            storage.store([metric])
        storage.close()
        # A first window hands on its last value: what is counted from there on is all there is.
        handed = [window["c"] for window in recorder.values]
        assert total(handed) + handed[0] == total(values) + values[0]


def total(values):
    """What a counter has counted from the first of these values on, as a reader sees it."""
    return sum(now - last if now >= last else now for last, now in itertools.pairwise(values))


class TestBooks:
    """The first sample of each series waits for the end of its window, those after it are merged."""

    def test_a_window_waits_until_it_is_handed_on(self):
        storage = AggregatingStorage([Recorder()], 60.0, {"a": ["min", "max"]})
        for second in (0, 1, 2):
            storage.store(columns(START + second, a=1, b=1))
        assert balanced(storage.ledger).waiting == 2
        storage.store(columns(START + 60, a=1))
        account = balanced(storage.ledger)
        assert (account.collected, account.delivered, account.waiting) == (7, 2, 1)
        assert account.dropped == {"merged": 4}

    def test_an_odd_first_value_is_rejected_and_the_next_one_waits(self):
        storage = AggregatingStorage([Recorder()], 60.0)
        for value in (float("nan"), 1, 2):
            storage.store([gauge("a", value)])
        assert balanced(storage.ledger).waiting == 1
        assert storage.ledger.account.dropped == {"rejected": 1, "merged": 1}

    def test_what_the_storages_behind_it_leave_out_is_not_delivered(self):
        storage = AggregatingStorage([FilterStorage([Recorder()], filter=["a"])], 60.0)
        storage.store(columns(START, a=1, b=1, c=1))
        storage.close()
        account = balanced(storage.ledger)
        assert (account.delivered, account.dropped) == (1, {"filtered": 2})

    def test_a_window_that_a_storage_does_not_take_is_dropped_as_failed(self):
        storage = AggregatingStorage([Recorder(FailedDeliveryException("away")), Recorder()], 60.0)
        storage.store(columns(START, a=1))
        with pytest.raises(FailedDeliveryException):
            storage.store(columns(START + 60, a=2, b=1))
        account = balanced(storage.ledger)
        assert (account.delivered, account.dropped, account.waiting) == (0, {"failed": 1}, 2)

    def test_the_last_window_too(self):
        storage = AggregatingStorage([Recorder(FailedDeliveryException("away"))], 60.0)
        storage.store(columns(START, a=1, b=1))
        storage.close()
        assert balanced(storage.ledger).dropped == {"failed": 2}

    def test_a_last_window_that_is_not_taken_in_time_is_lost_once(self):
        release, ended = threading.Event(), threading.Event()

        class Stuck(RecordingStorage):
            def store(self, metrics):
                release.wait(60)
                ended.set()

        storage = AggregatingStorage([Stuck()], 60.0)
        storage.store(columns(START, a=1, b=1))
        storage.close(0.2)
        assert balanced(storage.ledger).dropped == {"closed": 2}
        release.set()
        assert ended.wait(60)
        time.sleep(0.1)
        account = balanced(storage.ledger)
        assert (account.delivered, account.dropped) == (0, {"closed": 2})

    def test_a_window_under_way_when_the_end_comes_is_lost(self):
        """A storage hangs in the ``store`` of a thread that nobody waits for any more."""
        release, entered = threading.Event(), threading.Event()

        class Stuck(RecordingStorage):
            def store(self, metrics):
                entered.set()
                release.wait(60)

        storage = AggregatingStorage([Stuck()], 60.0)
        storage.store(columns(START, a=1, b=1))
        thread = threading.Thread(target=storage.store, args=(columns(START + 60, a=1),))
        thread.start()
        assert entered.wait(60)
        storage.close(0.2)
        assert balanced(storage.ledger).dropped == {"closed": 3}
        release.set()
        thread.join()
        assert balanced(storage.ledger).dropped == {"closed": 3}

    def test_where_no_thread_can_start_the_last_window_is_lost_and_said_to(
        self, monkeypatch, caplog
    ):
        def full(thread):
            raise RuntimeError("can't start new thread")

        storage = AggregatingStorage([Recorder()], 60.0)
        storage.store(columns(START, a=1))
        with monkeypatch.context() as machine:
            machine.setattr(threading.Thread, "start", full)
            storage.flush()
        assert balanced(storage.ledger).dropped == {"failed": 1}
        assert "the last window is lost: can't start new thread" in caplog.text

    def test_whatever_a_storage_raises_at_the_end_the_window_is_counted(self):
        storage = AggregatingStorage([Recorder(GeneratorExit())], 60.0)
        storage.store(columns(START, a=1))
        storage.close()
        assert balanced(storage.ledger).dropped == {"failed": 1}

    def test_what_comes_after_the_end_is_counted(self):
        storage = AggregatingStorage([Recorder()], 60.0)
        storage.close()
        storage.store(columns(START, a=1))
        assert balanced(storage.ledger).dropped == {"closed": 1}

    def test_the_agents_own_books_are_those(self):
        storage = AggregatingStorage([Recorder(FailedDeliveryException("away"))], 60.0)
        outlet = Outlet(storage, "metrics_storage", Telemetry())
        outlet.put(columns(START, a=1))
        outlet.put(columns(START + 1, a=1))
        outlet.close(10)
        storage.flush(5)
        storage.close(5)
        assert outlet.ledger is storage.ledger
        assert balanced(outlet.ledger).dropped == {"merged": 1, "failed": 1}


@pytest.mark.parametrize("value", [None, "1", float("nan"), float("inf"), 10**400, []])
def test_a_value_that_is_no_finite_number_is_left_out_and_the_others_count(value, caplog):
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store([gauge("a", value), gauge("b", True), gauge("a", 5)])
    storage.store([gauge("a", 7), gauge("b", value)])
    storage.close()
    assert recorder.values == [{"a": 6, "b": True}]
    assert storage.rejected == 2
    assert caplog.text.count("metric a is not stored") == 1


def test_finite_values_whose_sum_is_not_are_taken():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {".*": ["max", "mean"]})
    for _ in range(2):
        storage.store([gauge("a", 1.7e308), gauge("b", 1.7e308)])
    storage.close()
    assert recorder.values[0]["a_max"] == 1.7e308
    assert storage.rejected == 0


@pytest.mark.parametrize("labels", [None, 5, {"a": []}])
def test_labels_that_are_none_cost_their_sample_only(labels):
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0)
    storage.store([Metric("a", 1, labels), Metric("b", 2, {"x": "y"})])
    storage.close()
    assert recorder.values == [{"b": 2}]
    assert storage.rejected == 1


def test_the_number_of_series_in_a_window_is_bounded():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, max_series=2)
    for _ in range(2):
        storage.store([gauge("a", 1), gauge("b", 1), gauge("c", 1)])
        storage.store(columns(START, b=1, d=1))
    storage.store(columns(START + 60, c=1, d=1))
    storage.close()
    assert [list(window) for window in recorder.values] == [["a", "b"], ["c", "d"]]
    assert storage.rejected == 4


def test_kept_values_are_bounded_and_the_percentiles_stay_near():
    recorder = Recorder()
    storage = AggregatingStorage(
        [recorder], 3600.0, {"a": ["median", "p90", "count", "min", "max"]}, max_values=100
    )
    for second in range(3600):
        storage.store(columns(START - START % 3600 + second, a=second, b=second))
    storage.close()
    (values,) = recorder.values
    assert values["a_median"] == pytest.approx(1800, rel=0.05)
    assert values["a_p90"] == pytest.approx(3240, rel=0.05)
    assert [values[f"a_{name}"] for name in ("count", "min", "max")] == [3600, 0, 3599]
    assert values["b"] == 1799.5


def test_one_value_of_each_series_is_kept_whatever_the_bound():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {".*": "median"}, max_values=1)
    for second in range(5):
        storage.store(columns(START + second, a=second, b=2 * second))
    storage.close()
    assert recorder.values == [{"a": 0, "b": 0}]


def test_a_window_that_a_storage_does_not_take_is_a_failure_and_the_batch_was_taken():
    away, recorder = Recorder(FailedDeliveryException("away")), Recorder()
    storage = AggregatingStorage([away, recorder], 60.0)
    storage.store(columns(START, a=1))
    with pytest.raises(FailedDeliveryException, match=r"1 of 2 storages failed: Recorder: away"):
        storage.store(columns(START + 60, a=2))
    away.error = None
    storage.close()
    assert recorder.values == away.values == [{"a": 1}, {"a": 2}]


def test_a_last_window_that_is_lost_is_logged(caplog):
    storage = AggregatingStorage([Recorder(FailedDeliveryException("away"))], 60.0)
    storage.store(columns(START, a=1))
    storage.close()
    assert "the last window is lost: 1 of 1 storages failed: Recorder: away" in caplog.text


def test_a_storage_that_never_returns_does_not_keep_the_others_open(caplog):
    release, ended = threading.Event(), threading.Event()

    class Stuck(RecordingStorage):
        def store(self, metrics):
            release.wait(60)
            ended.set()

    other = RecordingStorage()
    storage = AggregatingStorage([other, Stuck()], 60.0)
    storage.store(columns(START, a=1))
    began = time.monotonic()
    storage.close(0.2)
    assert time.monotonic() - began < 10
    assert other.closed == 1
    assert "did not take the last window in time" in caplog.text
    release.set()
    assert ended.wait(60)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0.0}, "window is 0.0"),
        ({"aggregate": {"a": "medain"}}, "'medain' is no statistic: write last"),
        ({"aggregate": {"a": ["max", "p200"]}}, "'p200' is no statistic"),
        ({"aggregate": {"a": {"b": "avg"}}}, "'avg' is no statistic"),
        ({"aggregate": {"a(": "max"}}, r"aggregate: 'a\(' is no regular expression"),
        ({"aggregate": {"a": []}}, "aggregate.a is empty: write a statistic"),
        ({"aggregate": {"a": {}}}, "aggregate.a is empty: write a statistic"),
        ({"aggregate": {"a": ["max", "p99", "max"]}}, "aggregate.a: a statistic is listed twice"),
        ({"aggregate": {"a": {"b-c": "max"}}}, "aggregate.a: 'b-c' is not a metric name"),
        ({"storages": []}, "at least one"),
    ],
)
def test_what_cannot_be_aggregated_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        AggregatingStorage(**{"storages": [RecordingStorage()], **options})


def test_what_comes_out_is_text_that_prometheus_takes(tmp_path):
    path = tmp_path / "out"
    storage = AggregatingStorage(
        [LogStorage(str(path), overwrite=True)], 60.0, {"task_.*": ["median", "max", "p99.9"]}
    )
    for task in ("t1", "t2"):
        storage.store([Metric("task_mem", 5, {"task_id": task}, "gauge", "Memory.", "bytes")])
    storage.store([Metric("task_cpu", 5, {"task_id": "t1"}, "counter", "Time.", "seconds")])
    storage.close()
    assert check_exposition(path.read_text()) == []
    assert 'task_mem_p99_9{task_id="t2"} 5.0' in path.read_text()


def test_storages_that_aggregate_can_be_nested():
    recorder = Recorder()
    minutes = AggregatingStorage([recorder], 60.0, {"a": "max"})
    storage = AggregatingStorage([FilterStorage([minutes], filter=["a"])], 10.0)
    for second in range(120):
        storage.store(columns(START + second, a=second, b=second))
    storage.close()
    assert recorder.values == [{"a": 54.5}, {"a": 114.5}]


series_keys = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "1", "2"]))
batches = st.lists(
    st.tuples(st.floats(0, 40), st.dictionaries(series_keys, st.integers(-5, 5), max_size=5)),
    max_size=12,
)


@given(batches, st.booleans())
def test_every_window_has_what_its_samples_come_to(given_batches, as_columns):
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 10.0, {".*": ["sum", "count", "median"]})
    expected, number, newest = [], None, 0.0
    for offset, samples in given_batches:
        at = START + offset
        if as_columns:
            batch = Batch(at)
            for (name, label), value in samples.items():
                batch.add((Series(name, {"l": label}),), [value])
        else:
            batch = [gauge(n, value, {"l": label}, at) for (n, label), value in samples.items()]
            batch = batch or Batch(at)  # an empty list has no time
        if 0 < newest - at <= 10:
            at = newest  # it is in the window that is open
        newest = at
        if at // 10 != number:
            expected.append({})
            number = at // 10
        for key, value in samples.items():
            expected[-1].setdefault(key, []).append(value)
        storage.store(batch)
    storage.close()
    assert [
        {(metric.name, metric.labels["l"]): metric.value for metric in batch}
        for batch in recorder.batches
    ] == [
        {
            (f"{name}_{what}", label): value
            for (name, label), values in window.items()
            for what, value in [
                ("sum", sum(values)),
                ("count", len(values)),
                ("median", _median(values)),
            ]
        }
        for window in expected
        if window
    ]
    taken = sum(len(samples) for _, samples in given_batches)
    assert storage.merged == taken - sum(map(len, expected))


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


@given(st.lists(st.lists(odd, max_size=5), max_size=4), st.booleans())
def test_whatever_comes_nothing_but_a_failed_delivery_goes_up(groups, as_columns):
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, {"a": ["p90", "sum"], "b.*": "mean"})
    total = 0
    for group in groups:
        batch = Batch(START)
        block = tuple(Series(one.name, one.labels, one.type, one.help) for one in group)
        batch.add(block, [one.value for one in group])
        storage.store(batch if as_columns else group)
        total += len(group)
    storage.close()
    assert 0 <= storage.rejected + storage.merged <= total
    account = balanced(storage.ledger)
    assert (account.collected, account.waiting) == (total, 0)


def test_results_may_have_the_time_at_which_their_window_began():
    recorder = Recorder()
    storage = AggregatingStorage([recorder], 60.0, timestamp="start")
    for second in (45, 59, 61, 130.5):
        storage.store(columns(START + second, a=second))
    storage.close()
    assert [batch.timestamp - START for batch in recorder.batches] == [0, 60, 120]
