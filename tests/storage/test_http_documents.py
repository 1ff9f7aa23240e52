"""Metrics as JSON documents."""

import json
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage import encoding_strategies as strategies
from wca.metrics import Batch, Metric, Series
from wca.storage.encoding.documents import SeriesDocuments, ValueDocuments

NOW = 1560541957.165
LARGE = 2**20


def parsed(encoding):
    """The documents of an encoding; only what RFC 8259 allows is one."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    assert all(parcel.body.isascii() for parcel in encoding.parcels)
    return [json.loads(parcel.body, parse_constant=refuse) for parcel in encoding.parcels]


def series(metrics, now=NOW, max_size=LARGE):
    """The objects of all messages."""
    documents = parsed(SeriesDocuments(max_size).encode(metrics, now))
    return [one for document in documents for one in document]


def values(metrics, max_size=LARGE):
    return parsed(ValueDocuments(max_size).encode(metrics, NOW))


# Values


def test_a_document_of_values_is_what_the_seed_posts():
    metrics = [Metric("wca_up", NOW), Metric("wca_tasks", 0), Metric("load", 1e-05)]
    assert values(metrics) == [{"wca_up": NOW, "wca_tasks": 0, "load": 1e-05}]


def test_the_last_series_of_a_name_wins_and_the_others_are_said_to_be_left_out():
    metrics = [Metric("a", 1, {"cpu": "0"}), Metric("b", 2), Metric("a", 3, {"cpu": "1"})]
    encoding = ValueDocuments(LARGE).encode(metrics, NOW)
    assert parsed(encoding) == [{"b": 2, "a": 3}]
    assert [rejected.metric for rejected in encoding.rejected] == [metrics[0]]
    assert "holds one series of a name" in encoding.rejected[0].reason
    assert encoding.parcels[0].samples == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_absent(value):
    encoding = ValueDocuments(LARGE).encode([Metric("a", 1), Metric("b", value)], NOW)
    assert parsed(encoding) == [{"a": 1}]
    assert encoding.rejected[0].reason.startswith("JSON has no number ")


def test_a_nan_does_not_hide_a_number_of_the_same_name():
    assert values([Metric("a", 1), Metric("a", math.nan)]) == [{"a": 1}]


def test_a_later_document_replaces_an_earlier_one_part_by_part():
    metrics = [Metric(f"metric_{number:03}", number) for number in range(100)]
    parcels = ValueDocuments(1024).encode(metrics, NOW).parcels
    assert len(parcels) == 2
    assert [parcel.supersedes for parcel in parcels] == ["values 0", "values 1"]


def test_documents_of_series_replace_nothing():
    assert SeriesDocuments(LARGE).encode([Metric("a", 1)], NOW).parcels[0].supersedes == ""


@given(st.lists(strategies.odd, max_size=12), st.integers(20, 200))
def test_every_sample_is_in_a_document_of_values_or_rejected(metrics, size):
    encoding = ValueDocuments(size).encode(metrics, NOW)
    documents = parsed(encoding)
    assert all(len(parcel.body) <= size for parcel in encoding.parcels)
    assert [len(one) for one in documents] == [parcel.samples for parcel in encoding.parcels]
    assert sum(map(len, documents)) + len(encoding.rejected) == len(metrics)


# Series


def test_an_object_has_all_that_is_known():
    metric = Metric(
        "task_cpu_seconds",
        1.5,
        {"task_id": "t", "host": "h"},
        "counter",
        "CPU time.",
        "seconds",
        "task",
        NOW,
        NOW - 60,
    )
    assert series([metric], now=1.0) == [
        {
            "name": "task_cpu_seconds",
            "labels": {"task_id": "t", "host": "h"},
            "type": "counter",
            "unit": "seconds",
            "help": "CPU time.",
            "granularity": "task",
            "value": 1.5,
            "timestamp": NOW,
            "start_time": NOW - 60,
        }
    ]


def test_what_is_not_known_is_absent_and_the_time_is_that_of_the_batch():
    assert series([Metric("a", 1)]) == [{"name": "a", "labels": {}, "value": 1, "timestamp": NOW}]


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (True, 1), (2**63, 2**63)],
)
def test_values_that_are_no_ordinary_numbers(value, written):
    assert series([Metric("a", value)])[0]["value"] == written


@pytest.mark.parametrize(
    "metric",
    [
        Metric("a", None),
        Metric("a", "1"),
        Metric("a", 10**400),
        Metric(5, 1),
        Metric("a", 1, None),
        Metric("a", 1, {"x": 5}),
        Metric("a", 1, {5: "x"}),
        Metric("a", 1, dict.fromkeys(("\ud800", "\ufffd"), "x")),
        Metric("a", 1, help=5),
        Metric("a", 1, unit=["bytes"]),
        Metric("a", 1, timestamp="now"),
        Metric("a", 1, timestamp=math.nan),
        Metric("a", 1, start_time=math.inf),
        Metric("a", 1, {"x": "y" * 2000}),
    ],
)
def test_a_sample_that_cannot_be_written_costs_itself_only(metric):
    documents = SeriesDocuments(1024)
    for _ in range(2):
        encoding = documents.encode([Metric("b", 1), metric, Metric("c", 2)], NOW)
        assert [one["name"] for one in parsed(encoding)[0]] == ["b", "c"]
        assert [rejected.metric for rejected in encoding.rejected] == [metric]
        assert encoding.rejected[0].reason


def rows(metrics):
    """What must come back of samples."""
    return Counter(
        (
            metric.name,
            frozenset((key, clean(value)) for key, value in metric.labels.items()),
            metric.type,
            None if metric.help is None else clean(metric.help),
            written(metric.value),
            float(NOW if metric.timestamp is None else metric.timestamp),
        )
        for metric in metrics
    )


def clean(text):
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def written(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return value


good = st.builds(
    Metric,
    strategies.names,
    st.integers(-(2**64), 2**64) | st.floats(),
    st.dictionaries(strategies.label_names, st.text(max_size=12), max_size=4),
    st.sampled_from([None, "gauge", "counter"]),
    st.none() | st.text(max_size=12),
    timestamp=strategies.times,
)


@given(st.lists(good, max_size=12), st.integers(1500, 4000))
def test_what_is_written_can_be_read_back(metrics, size):
    encoding = SeriesDocuments(size).encode(metrics, NOW)
    assert encoding.rejected == []
    objects = [one for document in parsed(encoding) for one in document]
    read = Counter(
        (
            one["name"],
            frozenset(one["labels"].items()),
            one.get("type"),
            one.get("help"),
            one["value"],
            one["timestamp"],
        )
        for one in objects
    )
    assert read == rows(metrics)
    assert all(len(parcel.body) <= size for parcel in encoding.parcels)


@given(st.lists(strategies.odd, max_size=12), st.integers(60, 400))
def test_every_sample_is_in_a_document_of_series_or_rejected(metrics, size):
    encoding = SeriesDocuments(size).encode(metrics, NOW)
    documents = parsed(encoding)
    assert all(len(parcel.body) <= size for parcel in encoding.parcels)
    assert [len(one) for one in documents] == [parcel.samples for parcel in encoding.parcels]
    assert sum(map(len, documents)) + len(encoding.rejected) == len(metrics)


@given(
    st.lists(st.lists(st.tuples(strategies.names, strategies.labels), max_size=4), max_size=4),
    st.lists(st.floats(), min_size=16, max_size=16),
    st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=4),
)
def test_a_batch_in_columns_is_written_like_the_list_of_its_metrics(blocks, numbers, choices):
    made = [tuple(Series(name, labels, "gauge", "h") for name, labels in one) for one in blocks]
    documents = SeriesDocuments(300)
    for choice in choices:
        batch = Batch(NOW)
        for number in choice:
            if number < len(made):
                batch.add(made[number], numbers[: len(made[number])])
        in_columns = documents.encode(batch, 0.0)
        as_list = SeriesDocuments(300).encode(list(batch), 0.0)
        assert in_columns.parcels == [
            type(one)(one.body, one.samples, NOW, one.supersedes) for one in as_list.parcels
        ]
        assert len(in_columns.rejected) == len(as_list.rejected)
        flat = ValueDocuments(300).encode(batch, 0.0)
        assert parsed(flat) == parsed(ValueDocuments(300).encode(list(batch), 0.0))


@given(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=2, max_size=5))
def test_what_is_kept_from_batch_to_batch_changes_nothing(choices):
    """The same mappings come again, in another order, among others, under other names."""
    mappings = [{"task_id": str(number)} for number in range(6)]
    documents = SeriesDocuments(LARGE)
    for round_, choice in enumerate(choices):
        metrics = [Metric(f"m{n % 2 + round_ % 2}", n, mappings[n], help=f"h{n}") for n in choice]
        assert (
            documents.encode(metrics, NOW).parcels
            == SeriesDocuments(LARGE).encode(metrics, NOW).parcels
        )


def test_a_batch_that_grows_after_it_was_written_is_written_as_it_is():
    documents, batch = SeriesDocuments(LARGE), Batch(NOW)
    for name in "ab":
        batch.add((Series(name, {}, "gauge", "h"),), [1.0])
        last = parsed(documents.encode(batch, NOW))[0]
    assert [one["name"] for one in last] == ["a", "b"]


def test_an_empty_batch_makes_no_message():
    assert SeriesDocuments(LARGE).encode([], NOW).parcels == []
    assert SeriesDocuments(LARGE).encode(Batch(NOW), NOW).parcels == []
    assert ValueDocuments(LARGE).encode([], NOW).parcels == []


@pytest.mark.parametrize("kind", [ValueDocuments, SeriesDocuments])
def test_many_short_texts_fill_a_message_and_no_more(kind):
    parcels = kind(300).encode([Metric(f"m{n}", n) for n in range(1000)], 0.0).parcels
    lengths = [len(one.body) for one in parcels]
    assert max(lengths) <= 300
    assert min(lengths[:-1]) > 300 - 120
    assert sum(one.samples for one in parcels) == 1000
