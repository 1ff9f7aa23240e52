"""RelabelStorage: the same numbers under other names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.encoding_strategies import odd
from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage import LogStorage, RelabelStorage
from wca.testing import RecordingStorage

LABELS = {"task_id": "t1", "pod": "web-7f9c-abcde", "host": "h", "cores": "4"}


class TakesColumns(RecordingStorage):
    """Keeps batches as they come."""

    takes_batches = True

    def store(self, metrics):
        self.batches.append(metrics)


def changed(metrics, **rules):
    """Names and labels as they come out."""
    storage = RecordingStorage()
    RelabelStorage([storage], **rules).store(metrics)
    return [(metric.name, dict(metric.labels)) for metric in storage.batches[-1]]


def labels_of(labels=LABELS, **rules):
    return changed([Metric("a", 1, labels)], **rules)[0][1]


def test_without_rules_the_same_metrics_come_out():
    storage = RecordingStorage()
    metric = Metric("a", 1, LABELS)
    RelabelStorage([storage]).store([metric])
    assert storage.batches[0][0] is metric


def test_metrics_are_dropped_and_counted():
    storage = RelabelStorage([RecordingStorage()], drop_metrics=["b", "c.*"])
    storage.store([Metric(name, 1) for name in ("a", "b", "c1", "bb")])
    assert storage.storages[0].names == ["a", "bb"]
    assert storage.filtered == 2


def test_metrics_are_renamed_by_the_first_rule_that_matches_all_of_the_name():
    rules = {"memory_usage": "machine_memory", "task_(.*)": r"container_\1", "task_up": "never"}
    names = ["memory_usage", "memory_usage_per_task", "task_up", "a_task_up"]
    assert [name for name, _ in changed([Metric(n, 1) for n in names], rename_metrics=rules)] == [
        "machine_memory",
        "memory_usage_per_task",
        "container_up",
        "a_task_up",
    ]


def test_labels_are_added_and_take_the_place_of_others():
    assert labels_of({"a": "1", "b": "2"}, add_labels={"b": "x", "c": "y"}) == {
        "a": "1",
        "b": "x",
        "c": "y",
    }


def test_labels_are_dropped_by_name_and_by_expression():
    assert labels_of(drop_labels=["cores", "h.*"]).keys() == {"task_id", "pod"}


def test_only_some_labels_are_kept():
    assert labels_of(keep_labels=["task_.*", "unknown"]) == {"task_id": "t1"}
    assert labels_of(keep_labels=[]) == {}


def test_labels_are_renamed_and_may_change_places():
    assert labels_of({"a": "1", "b": "2"}, rename_labels={"a": "b", "b": "a"}) == {
        "a": "2",
        "b": "1",
    }
    assert labels_of({"a": "1", "b": "2"}, rename_labels={"a": "b"}) == {"b": "1"}
    assert labels_of({"b": "2"}, rename_labels={"a": "b"}) == {"b": "2"}


def replacing(**rule):
    return {"replace_values": [rule]}


def test_a_value_is_replaced_where_all_of_it_matches():
    rule = replacing(label="pod", regexp=r"(.+)-[^-]+-[^-]+", value=r"\1")
    assert labels_of(**rule)["pod"] == "web"
    assert labels_of({"pod": "web"}, **rule) == {"pod": "web"}


def test_a_value_may_be_written_to_another_label():
    rule = replacing(label="pod", regexp=r"(\w+)-.*", value=r"app \1", into="app")
    assert labels_of(**rule) == {**LABELS, "app": "app web"}


def test_an_empty_value_takes_the_label_away():
    assert labels_of({"a": "1", "b": ""}, **replacing(label="a", regexp=".*", value="")) == {
        "b": ""
    }


def test_a_label_that_is_not_there_is_empty():
    rule = replacing(label="zone", regexp="", value="none")
    assert labels_of({"a": "1"}, **rule) == {"a": "1", "zone": "none"}


def test_values_are_replaced_one_rule_after_the_other():
    rules = [
        {"label": "a", "regexp": "1", "value": "2"},
        {"label": "a", "regexp": "2", "value": "3"},
    ]
    assert labels_of({"a": "1"}, replace_values=rules) == {"a": "3"}


def test_the_kinds_of_rules_are_applied_in_the_order_of_the_constructor():
    rules = {
        "drop_metrics": ["renamed"],
        "rename_metrics": {"a": "renamed"},
        "replace_values": [{"label": "pod", "regexp": r"(\w+).*", "value": r"\1", "into": "app"}],
        "keep_labels": ["app", "task_id", "host"],
        "drop_labels": ["host"],
        "rename_labels": {"app": "service"},
        "add_labels": {"host": "other"},
    }
    assert changed([Metric("a", 1, LABELS)], **rules) == [
        ("renamed", {"task_id": "t1", "service": "web", "host": "other"})
    ]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"drop_metrics": ["("]}, "drop_metrics: '\\(' is no regular expression"),
        ({"rename_metrics": {"a(": "b"}}, r"rename_metrics.a\("),
        ({"rename_metrics": {"a": r"\1"}}, r"rename_metrics.a: .* cannot replace a match"),
        ({"keep_labels": ["*"]}, "keep_labels: "),
        ({"drop_labels": ["["]}, "drop_labels: "),
        (replacing(label="a", regexp="(", value=""), r"replace_values\[0\]: "),
        (replacing(label="a", regexp="x", value=r"\g<no>"), r"replace_values\[0\]: .* cannot"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_field(rules, message):
    with pytest.raises(ValidationError, match=message):
        RelabelStorage([RecordingStorage()], **rules)


def test_everything_but_name_and_labels_stays():
    storage = RecordingStorage()
    metric = Metric("a", 5, {}, "counter", "Help.", "bytes", "task", 7.0, 3.0)
    RelabelStorage([storage], rename_metrics={"a": "b"}, add_labels={"c": "d"}).store([metric])
    assert storage.batches == [
        [Metric("b", 5, {"c": "d"}, "counter", "Help.", "bytes", "task", 7.0, 3.0)]
    ]
    assert metric == Metric("a", 5, {}, "counter", "Help.", "bytes", "task", 7.0, 3.0)


def test_columns_stay_columns_with_shared_labels_and_blocks_of_the_same_objects():
    storage = TakesColumns()
    relabel = RelabelStorage([storage], drop_metrics=["c"], add_labels={"env": "test"})
    block = tuple(Series(name, LABELS) for name in "abc")
    for time in (1.0, 2.0):
        batch = Batch(time)
        batch.add(block, [time, time + 1, -1.0])
        relabel.store(batch)
    first, second = storage.batches
    assert (second.timestamp, second.values) == (2.0, [2.0, 3.0])
    assert first.blocks[0] is second.blocks[0]
    assert [one.name for one in first.blocks[0]] == ["a", "b"]
    assert first.blocks[0][0].labels is first.blocks[0][1].labels
    assert first.blocks[0][0].labels == {**LABELS, "env": "test"}
    assert "env" not in LABELS


RULES = {
    "drop_metrics": ["c"],
    "rename_metrics": {"b": "x"},
    "replace_values": [{"label": "a", "regexp": "(.)", "value": r"\1\1"}],
    "drop_labels": ["b"],
    "add_labels": {"env": "test"},
}


@given(st.lists(odd, max_size=8))
def test_columns_are_changed_as_lists_are_whatever_is_in_them(metrics):
    columns, lists = TakesColumns(), TakesColumns()
    batch = Batch(1.0)
    block = tuple(Series(one.name, one.labels, one.type, one.help) for one in metrics)
    batch.add(block, [one.value for one in metrics])
    RelabelStorage([columns], **RULES).store(batch)
    RelabelStorage([lists], **RULES).store(list(batch))
    assert list(map(repr, columns.batches[0])) == list(map(repr, lists.batches[0]))


def test_labels_of_a_batch_that_is_gone_are_never_taken_for_others():
    recorder = RecordingStorage()
    storage = RelabelStorage([recorder], add_labels={"env": "test"})
    for number in range(100):  # soon a mapping lies where an earlier one was
        storage.store([Metric("a", 1, {"number": str(number)})])
    assert [metric.labels for (metric,) in recorder.batches] == [
        {"number": str(number), "env": "test"} for number in range(100)
    ]


def test_series_that_become_equal_are_refused_by_the_storage_behind(tmp_path):
    log = LogStorage(str(tmp_path / "out"))
    storage = RelabelStorage([log], drop_labels=["task_id"])
    storage.store([Metric("a", 1, {"task_id": task}) for task in "xyz"])
    storage.close()
    assert storage.rejected == 2


def test_a_storage_that_fails_does_not_keep_the_batch_from_the_others():
    storages = [RecordingStorage(FailedDeliveryException("away")), RecordingStorage()]
    with pytest.raises(FailedDeliveryException, match=r"1 of 2 storages failed: .*away"):
        RelabelStorage(storages, rename_metrics={"a": "b"}).store([Metric("a", 1)])
    assert storages[1].names == ["b"]
