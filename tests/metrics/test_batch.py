"""The metrics of one sample as columns, and as the sequence that storages see."""

import pytest

from wca.metrics import Metric
from wca.metrics.batch import Batch, Series

LABELS = {"task_id": "t"}
CPU = Series("cpu", LABELS, "counter", "CPU time.", "seconds", "task")
MEMORY = Series("memory", LABELS)
METRICS = [
    Metric("cpu", 1.5, LABELS, "counter", "CPU time.", "seconds", "task", timestamp=9.0),
    Metric("memory", 7, LABELS, timestamp=9.0),
]


def batch():
    filled = Batch(9.0)
    filled.add((CPU, MEMORY), [1.5, 7])
    return filled


def test_a_batch_is_the_sequence_of_its_metrics():
    filled = batch()
    assert list(filled) == METRICS
    assert len(filled) == 2
    assert filled[1] == filled[-1] == METRICS[1]
    assert filled[:1] == METRICS[:1]
    assert METRICS[0] in filled
    assert repr(filled) == repr(METRICS)
    assert not Batch(1.0)


def test_whoever_asks_again_gets_the_same_metrics_with_the_labels_of_the_series():
    filled = batch()
    assert [id(metric) for metric in filled] == [id(metric) for metric in filled]
    assert all(metric.labels is LABELS for metric in filled)


def test_what_is_added_later_is_there():
    filled = batch()
    list(filled)
    filled.add((CPU,), [2.5])
    assert [metric.value for metric in filled] == [1.5, 7, 2.5]


def test_series_without_values_are_refused_and_leave_the_batch_as_it_was():
    filled = batch()
    with pytest.raises(ValueError, match="2 series and 1 values"):
        filled.add((CPU, MEMORY), [1])
    assert list(filled) == METRICS


def test_two_series_are_never_equal():
    assert Series("a", LABELS) != Series("a", LABELS)
