"""FilterStorage: several storages behind one face."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.encoding_strategies import odd
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage import FilterStorage, Storage
from wca.testing import FakeClock, RecordingStorage

BATCH = [Metric("a", 1), Metric("b", 2), Metric("a", 3, {"x": "y"})]


class Minimal(Storage):
    """A storage as a plugin writes it: without any optional ability."""

    def __init__(self):
        self.stored = 0

    def store(self, metrics):
        self.stored += 1


def test_every_storage_gets_every_metric_without_a_filter():
    storages = [RecordingStorage(), RecordingStorage()]
    FilterStorage(storages).store(BATCH)
    assert [storage.batches for storage in storages] == [[BATCH], [BATCH]]


def test_only_the_named_metrics_pass():
    storage = RecordingStorage()
    FilterStorage([storage], filter=["a", "unknown"]).store(BATCH)
    assert storage.batches == [[BATCH[0], BATCH[2]]]


def test_an_empty_filter_lets_nothing_pass():
    storage = RecordingStorage()
    FilterStorage([storage], filter=[]).store(BATCH)
    assert storage.batches == [[]]


def test_a_storage_that_fails_does_not_keep_the_batch_from_the_others():
    storages = [
        RecordingStorage(error=FailedDeliveryException("no broker")),
        RecordingStorage(),
        RecordingStorage(error=TypeError("a defect")),
        RecordingStorage(),
    ]
    with pytest.raises(FailedDeliveryException) as raised:
        FilterStorage(storages).store(BATCH)
    assert [len(storage.batches) for storage in storages] == [1, 1, 1, 1]
    assert str(raised.value) == (
        "2 of 4 storages failed: RecordingStorage: no broker; RecordingStorage: TypeError: a defect"
    )


def test_start_and_close_reach_every_storage():
    storages = [RecordingStorage(), Minimal(), RecordingStorage()]
    both = FilterStorage(storages)
    both.start()
    both.store(BATCH)
    both.close(1.0)
    assert [storages[0].started, storages[2].started] == [1, 1]
    assert [storages[0].closed, storages[2].closed] == [1, 1]
    assert storages[1].stored == 1


def test_storages_are_closed_in_reverse_within_one_timeout():
    clock = FakeClock()
    closed = []

    class Slow(RecordingStorage):
        def close(self, timeout):
            closed.append((self, timeout))
            clock.advance(2.0)

    storages = [Slow(), Slow(), Slow()]
    FilterStorage(storages, clock=clock).close(3.0)
    assert closed == list(zip(reversed(storages), [1.0, 0.5, 0.0], strict=True))


def test_time_that_a_storage_does_not_need_to_close_is_left_to_the_others():
    clock = FakeClock()
    timeouts = []

    class Quick(RecordingStorage):
        def close(self, timeout):
            timeouts.append(timeout)

    FilterStorage([Quick(), Quick()], clock=clock).close(3.0)
    assert timeouts == [1.5, 3.0]


def test_a_storage_that_does_not_close_keeps_no_other_open(caplog):
    class Broken(RecordingStorage):
        def close(self, timeout):
            raise ValueError("cannot")

    other = RecordingStorage()
    FilterStorage([other, Broken()]).close(1.0)
    assert other.closed == 1
    assert "Broken did not close" in caplog.text


def test_close_after_a_failed_start_reaches_all():
    class Broken(RecordingStorage):
        def start(self):
            raise StartError("write a broker's address")

    first, last = RecordingStorage(), RecordingStorage()
    storage = FilterStorage([first, Broken(), last])
    with pytest.raises(StartError, match="a broker's address"):
        storage.start()
    storage.close()
    assert (first.started, last.started) == (1, 0)
    assert (first.closed, last.closed) == (1, 1)


def test_a_child_that_exits_does_not_keep_the_batch_from_its_neighbours():
    class Exiting(RecordingStorage):
        def store(self, metrics):
            raise SystemExit(3)

    first, last = RecordingStorage(), RecordingStorage()
    with pytest.raises(FailedDeliveryException, match="Exiting: SystemExit: 3"):
        FilterStorage([first, Exiting(), last]).store([Metric("a", 1)])
    assert first.names == last.names == ["a"]


def test_an_attribute_that_happens_to_be_called_start_is_no_ability():
    class Odd(RecordingStorage):
        start = 5.0

    FilterStorage([Odd()]).start()


def test_there_must_be_a_storage():
    with pytest.raises(ValidationError, match="at least one"):
        FilterStorage([])


POD = {"pod": "web-1", "namespace": "shop"}
LABELLED = [Metric("a", 1, POD), Metric("a", 2, {"pod": "db-1"}), Metric("b", 3)]


def passed(metrics, **options):
    """The values that get through."""
    storage = RecordingStorage()
    FilterStorage([storage], **options).store(metrics)
    return [metric.value for metric in storage.batches[-1]]


def test_a_name_may_be_a_regular_expression_that_matches_all_of_it():
    metrics = [Metric("task_up", 1), Metric("task_mem_rss", 2), Metric("a_task_mem", 3)]
    assert passed(metrics, filter=["task_mem_.*"]) == [2]
    assert passed(metrics, filter=["task", "task_.p"]) == [1]


def test_excluded_names_are_left_out_of_the_named_ones():
    assert passed(LABELLED, exclude=["b"]) == [1, 2]
    assert passed(LABELLED, filter=["a", "b"], exclude=["[a]"]) == [3]


def test_every_label_must_match():
    assert passed(LABELLED, labels={"pod": "web-.*"}) == [1]
    assert passed(LABELLED, labels={"pod": ".*-1", "namespace": "shop"}) == [1]
    assert passed(LABELLED, labels={"pod": "web"}) == []


def test_a_label_that_is_not_there_is_empty():
    assert passed(LABELLED, labels={"namespace": ""}) == [2, 3]
    assert passed(LABELLED, labels={"namespace": ".+"}) == [1]


def test_one_label_is_enough_to_be_excluded():
    assert passed(LABELLED, exclude_labels={"pod": "db-.*", "namespace": "shop"}) == [3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": ["task_(up"]}, "filter: 'task_\\(up' is no regular expression"),
        ({"exclude": ["a{9999999999}"]}, "exclude: "),
        ({"labels": {"pod": "["}}, "labels.pod: "),
        ({"exclude_labels": {"pod": "*"}}, "exclude_labels.pod: "),
    ],
)
def test_what_is_no_expression_is_refused_with_its_field(options, message):
    with pytest.raises(ValidationError, match=message):
        FilterStorage([RecordingStorage()], **options)


class TakesColumns(RecordingStorage):
    """Keeps batches as they come."""

    takes_batches = True

    def store(self, metrics):
        self.batches.append(metrics)


def test_columns_stay_columns_and_their_blocks_the_same_objects():
    storage = TakesColumns()
    chosen = FilterStorage([storage], filter=["a"])
    both = (Series("a", POD), Series("b", POD))
    only_a, only_b = (Series("a", {}),), (Series("b", {}),)
    for time in (1.0, 2.0):
        batch = Batch(time)
        batch.add(both, [time, -1.0])
        batch.add(only_b, [-1.0])
        batch.add(only_a, [time + 0.5])
        chosen.store(batch)
        assert len(batch) == 4
    first, second = storage.batches
    assert (first.timestamp, first.values) == (1.0, [1.0, 1.5])
    assert (second.timestamp, second.values) == (2.0, [2.0, 2.5])
    assert [id(block) for block in first.blocks] == [id(block) for block in second.blocks]
    assert first.blocks[0] == (both[0],)
    assert first.blocks[1] is only_a  # nothing was left out of it


def test_without_a_filter_the_batch_itself_is_handed_on():
    storage = TakesColumns()
    batch = Batch(1.0)
    FilterStorage([storage]).store(batch)
    assert storage.batches[0] is batch


def test_a_storage_that_does_not_take_columns_gets_a_list():
    storage = RecordingStorage()
    batch = Batch(1.0)
    batch.add((Series("a", {}), Series("b", {})), [1.0, 2.0])
    FilterStorage([storage], filter=["b"]).store(batch)
    assert storage.batches == [[Metric("b", 2.0, {}, timestamp=1.0)]]


rows = odd.filter(lambda metric: isinstance(metric.name, str))


@given(
    st.lists(st.lists(rows, max_size=5), max_size=4),
    st.lists(st.integers(0, 3), max_size=8),
    st.sampled_from([None, [], ["a"], ["b.*"]]),
    st.sampled_from([None, {"a": ".+"}]),
)
def test_columns_are_filtered_as_lists_are(groups, order, names, labels):
    blocks = [
        tuple(Series(one.name, one.labels, one.type, one.help) for one in group) for group in groups
    ]
    columns, lists = TakesColumns(), TakesColumns()
    kept = FilterStorage([columns], filter=names, labels=labels)
    for time in (1.0, 2.0, 3.0):
        batch = Batch(time)
        for place in order:
            if place < len(blocks):
                batch.add(blocks[place], [one.value for one in groups[place]])
        order = order[1:]
        kept.store(batch)
        FilterStorage([lists], filter=names, labels=labels).store(list(batch))
        # the same objects or equal text: a value may be NaN, which equals nothing
        assert list(map(repr, columns.batches[-1])) == list(map(repr, lists.batches[-1]))


def test_what_is_left_out_is_counted_and_with_it_what_the_only_storage_behind_leaves_out():
    inner = FilterStorage([RecordingStorage()], filter=["a"])
    outer = FilterStorage([inner], exclude=["b"])
    outer.store(LABELLED)
    outer.store([Metric("c", 1)])
    assert (inner.filtered, outer.filtered) == (1, 2)


def test_what_one_of_two_leaves_out_the_other_may_have_taken():
    filters = [FilterStorage([RecordingStorage()], filter=[name]) for name in "ab"]
    both = FilterStorage(filters, exclude=["c"])
    both.store([*LABELLED, Metric("c", 1)])
    assert [one.filtered for one in filters] == [1, 2]
    assert both.filtered == 1


def test_numbers_that_a_storage_does_not_keep_as_numbers_count_as_none():
    class Odd(RecordingStorage):
        rejected = "many"
        filtered = None

    storage = FilterStorage([Odd()])
    assert (storage.rejected, storage.filtered, storage.merged) == (0, 0, 0)


def test_it_says_which_storages_fail():
    class Failing(RecordingStorage):
        failing = "no broker at kafka:9092"

    assert FilterStorage([RecordingStorage()]).failing is None
    storage = FilterStorage([Failing(), FilterStorage([Failing()]), RecordingStorage()])
    assert storage.failing == (
        "Failing: no broker at kafka:9092; FilterStorage: Failing: no broker at kafka:9092"
    )
