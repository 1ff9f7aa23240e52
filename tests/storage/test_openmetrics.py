"""OpenMetrics text: facts of the format, and what is written is read back by others."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser

from tests.storage.encoding_strategies import labels, numbers, odd
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding import Encoder
from wca.storage.encoding.openmetrics import OpenMetricsEncoder, openmetrics_chunks
from wca.testing import check_openmetrics


def text_of(*metrics, encoder=None):
    encoded = (encoder or OpenMetricsEncoder()).encode(metrics)
    text = b"".join(openmetrics_chunks(encoded)).decode()
    assert check_openmetrics(text) == []
    return text


def test_an_empty_batch_is_the_end_alone():
    assert text_of() == "# EOF\n"


def test_type_unit_and_help_stand_in_this_order_and_the_end_is_marked():
    metric = Metric("a_bytes", 1, {"x": "y"}, "gauge", "Help.", "bytes")
    assert text_of(metric, Metric("b", 2)) == (
        "# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n# HELP a_bytes Help.\n"
        'a_bytes{x="y"} 1\n# TYPE b unknown\nb 2\n# EOF\n'
    )


def test_the_family_of_a_counter_has_no_total_and_its_samples_have():
    metric = Metric("a_seconds_total", 1, {}, "counter", None, "seconds")
    assert text_of(metric) == (
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n"
    )


def test_a_counter_without_total_keeps_its_name_and_is_unknown():
    assert text_of(Metric("a", 1, {}, "counter")) == "# TYPE a unknown\na 1\n# EOF\n"


def test_an_info_is_told_by_its_name():
    assert text_of(Metric("a_info", 1, {"v": "2"}, "gauge")) == (
        '# TYPE a info\na_info{v="2"} 1\n# EOF\n'
    )


@pytest.mark.parametrize("value", [0, 2, 1.5, math.nan])
def test_an_info_that_is_not_one_is_unknown(value):
    assert "# TYPE a_info gauge\n" in text_of(Metric("a_info", value, {}, "gauge"))


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, -math.inf])
def test_a_counter_that_does_not_count_is_unknown_from_then_on(value):
    encoder = OpenMetricsEncoder()
    counter = Metric("a_total", 1, {}, "counter")
    assert "# TYPE a counter\n" in text_of(counter, encoder=encoder)
    assert "# TYPE a_total unknown\n" in text_of(replace(counter, value=value), encoder=encoder)
    assert "# TYPE a_total unknown\n" in text_of(counter, encoder=encoder)


@pytest.mark.parametrize(
    ("names", "types"),
    [
        (["a:gauge", "a_total:counter"], ["a gauge", "a_total unknown"]),
        (["a_created:gauge", "a_total:counter"], ["a_created gauge", "a_total unknown"]),
        (["a_info:gauge", "a_total:counter"], ["a info", "a_total unknown"]),
        (["a:None", "a_info:gauge"], ["a unknown", "a_info gauge"]),
        (["a_total_total:counter", "a_total:gauge"], ["a_total gauge", "a_total_total unknown"]),
        (["_total:counter", "_info:gauge"], ["_info gauge", "_total unknown"]),
    ],
)
def test_no_name_stands_for_two_things(names, types):
    pairs = [name.split(":") for name in names]
    metrics = [Metric(name, 1, {}, None if type_ == "None" else type_) for name, type_ in pairs]
    assert [line[7:] for line in text_of(*metrics).split("\n") if "TYPE" in line] == types


@pytest.mark.parametrize(
    ("name", "unit", "line"),
    [
        ("a_seconds", "seconds", "# UNIT a_seconds seconds"),
        ("a_timestamp_seconds", "timestamp", "# UNIT a_timestamp_seconds seconds"),
        ("a", "seconds", ""),
        ("aseconds", "seconds", ""),
        ("a_numeric", None, ""),
    ],
)
def test_a_unit_is_told_where_it_is_the_end_of_the_name(name, unit, line):
    text = text_of(Metric(name, 1, {}, "gauge", None, unit))
    assert [one for one in text.split("\n") if "UNIT" in one] == ([line] if line else [])


def test_an_info_has_no_unit():
    assert "UNIT" not in text_of(Metric("a_seconds_info", 1, {}, "gauge", None, "info"))


def test_help_escapes_backslash_line_end_and_quotation_mark():
    assert '# HELP a \\"\\\\\\n\n' in text_of(Metric("a", 1, help='"\\\n'))


def test_when_a_counter_began_follows_its_value():
    metrics = [
        Metric("a_total", value, {"x": str(value)}, "counter", start_time=start)
        for value, start in [(1, 1e9), (2, None), (3, 1.5e9)]
    ]
    assert text_of(*metrics, Metric("b", 1, {}, "gauge", start_time=5)) == (
        '# TYPE a counter\na_total{x="1"} 1\na_created{x="1"} 1000000000.0\na_total{x="2"} 2\n'
        'a_total{x="3"} 3\na_created{x="3"} 1500000000.0\n# TYPE b gauge\nb 1\n# EOF\n'
    )


def test_a_batch_in_columns_is_written_as_the_list_of_its_metrics():
    batch = Batch(1.0)
    block = (Series("b_total", {}, "counter", "B.", "bytes"), Series("a", {"x": "y"}, "gauge"))
    encoder = OpenMetricsEncoder()
    for value in range(3):
        batch = Batch(1.0)
        batch.add(block, [value, value])
        text = b"".join(openmetrics_chunks(encoder.encode(batch))).decode()
        assert text == text_of(*list(batch))


names = st.sampled_from(
    [
        "a",
        "a_total",
        "a_info",
        "a_created",
        "a_created_total",
        "a_total_total",
        "b_seconds",
        "b_seconds_total",
        "b_info_total",
        "b_info",
        "_total",
        "c_total_info",
        "c_total",
        "c",
    ]
)
units = st.sampled_from([None, "seconds", "bytes", "timestamp", "numeric"])
types = st.sampled_from([None, "gauge", "counter"])
helps = st.none() | st.text(st.characters(exclude_categories=()), max_size=8)
starts = st.none() | st.floats(0, 4e9)
good = st.builds(Metric, names, numbers, labels, types, helps, units, st.none(), st.none(), starts)


def written(encoder, metrics):
    encoded = encoder.encode(metrics)
    rejected = {id(one.metric) for one in encoded.rejected}
    kept = [metric for metric in metrics if id(metric) not in rejected]
    return b"".join(openmetrics_chunks(encoded)).decode(), kept


@given(st.lists(st.lists(good, max_size=8), min_size=1, max_size=3))
def test_the_strict_parser_reads_what_was_written(batches):
    encoder = OpenMetricsEncoder()
    for metrics in batches:
        text, kept = written(encoder, metrics)
        assert check_openmetrics(text) == []
        found = {
            (sample.name, frozenset(sample.labels.items())): float(sample.value)
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
            if not (family.type == "counter" and sample.name == family.name + "_created")
        }
        # The same samples as in the other format.
        assert len(found) == len(kept) == len(Encoder().encode(kept).heads)
        assert {name for name, _ in found} == {metric.name for metric in kept}


@given(st.lists(odd, max_size=8))
def test_whatever_the_batch_the_text_is_valid(metrics):
    text, _ = written(OpenMetricsEncoder(), metrics)
    assert check_openmetrics(text) == []
    text.encode()


@given(st.lists(st.lists(good, max_size=6), min_size=1, max_size=4))
def test_both_formats_leave_out_the_same_samples(batches):
    encoder, other = OpenMetricsEncoder(), Encoder()
    for metrics in batches:
        ours = [(id(one.metric), one.reason) for one in encoder.encode(metrics).rejected]
        assert ours == [(id(one.metric), one.reason) for one in other.encode(metrics).rejected]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a 1\n", "does not end with # EOF"),
        ("# TYPE a gauge\na 1\n\n# EOF\n", "neither a header nor a sample"),
        ("# HELP a x\n# TYPE a gauge\n# EOF\n", "not in the order"),
        ("# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "not in the order"),
        ("# TYPE a gauge\na 1\n# HELP a x\n# EOF\n", "follows its first sample"),
        ("# TYPE a gauge\na 1\n# TYPE b gauge\n# TYPE a gauge\n# EOF\n", "is split"),
        ("# TYPE a untyped\n# EOF\n", "is no type"),
        ("# TYPE a gauge\n# UNIT a seconds\n# EOF\n", "does not end in its unit"),
        ("# TYPE a_s info\n# UNIT a_s s\n# EOF\n", "has a unit"),
        ("# TYPE a counter\na 1\n# EOF\n", "is no sample of the counter"),
        ("# TYPE a counter\na_total -1\n# EOF\n", "not a number from 0"),
        ("# TYPE a info\na_info 2\n# EOF\n", "the info is not 1"),
        ('# TYPE a gauge\na{x=""} 1\na 1\n# EOF\n', "occurs twice"),
        ('# TYPE a gauge\na{x="1",x="2"} 1\n# EOF\n', "a label name occurs twice"),
        ('# TYPE a gauge\na{__x="1"} 1\n# EOF\n', "reserved"),
        ('# TYPE a gauge\n# HELP a "\n# EOF\n', "not escaped"),
        ("# TYPE a counter\n# TYPE a_created gauge\n# EOF\n", "belongs to a and to a_created"),
        (
            '# TYPE a counter\na_total{x="1"} 1\na_total 1\na_created{x="1"} 1\n# EOF\n',
            "do not follow each other",
        ),
    ],
)
def test_the_checker_finds(text, problem):
    assert any(problem in found for found in check_openmetrics(text))
