"""The text that one batch becomes: facts of the format, one per test."""

import math

import pytest

from wca.metrics import Metric, MetricName, MetricType
from wca.storage.encoding import Encoder
from wca.testing import check_exposition


def text_of(*metrics, **options):
    encoded = Encoder(**options).encode(metrics)
    assert encoded.rejected == []
    assert check_exposition(encoded.text) == []
    return encoded.text


def reasons(*metrics, **options):
    encoded = Encoder(**options).encode(metrics)
    assert check_exposition(encoded.text) == []
    return [rejected.reason for rejected in encoded.rejected]


def test_an_empty_batch_is_an_empty_text():
    assert text_of() == ""


def test_help_and_type_stand_once_before_the_series_of_a_family():
    batch = [Metric("a", i, {"task": str(i)}, "gauge", "Help of a.") for i in (1, 2)]
    assert text_of(*batch) == (
        '# HELP a Help of a.\n# TYPE a gauge\na{task="1"} 1\na{task="2"} 2\n'
    )


def test_families_are_sorted_and_never_split():
    batch = [Metric("b", 1, {"x": "1"}), Metric("a", 2), Metric("b", 3, {"x": "2"})]
    assert text_of(*batch) == 'a 2\nb{x="1"} 1\nb{x="2"} 3\n'


def test_an_empty_line_stands_before_a_family_with_help_but_the_first():
    batch = [Metric("a", 1, help="A."), Metric("b", 2, help="B."), Metric("c", 3, type="gauge")]
    assert text_of(*batch) == ("# HELP a A.\na 1\n\n# HELP b B.\nb 2\n# TYPE c gauge\nc 3\n")


def test_labels_are_sorted_by_name():
    assert text_of(Metric("a", 1, {"z": "1", "b": "2"})) == 'a{b="2",z="1"} 1\n'


def test_numbers_in_labels_sort_as_numbers_before_other_text():
    values = ["10", "9", "abc", "²", "1", "٣"]
    lines = text_of(*(Metric("a", 0, {"cpu": value}) for value in values)).splitlines()
    assert [line.split('"')[1] for line in lines] == ["1", "9", "10", "abc", "²", "٣"]


def test_a_very_long_run_of_digits_sorts_as_text():
    longest = "9" * 5000  # int() would refuse it
    lines = text_of(*(Metric("a", 0, {"id": value}) for value in (longest, "5"))).splitlines()
    assert lines[0] == 'a{id="5"} 0'


def test_series_that_sort_alike_keep_their_order():
    batch = [Metric("a", 1, {"x": "01"}), Metric("a", 2, {"x": "1"}), Metric("a", 3, {"x": "001"})]
    assert text_of(*batch) == 'a{x="01"} 1\na{x="1"} 2\na{x="001"} 3\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-3, "-3"),
        (18446744073709551615, "18446744073709551615"),
        (8.223, "8.223"),
        (1e20, "1e+20"),
        (-0.0, "-0.0"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (True, "1"),
        (False, "0"),
    ],
)
def test_values_are_written_as_prometheus_reads_them(value, text):
    assert text_of(Metric("a", value)) == f"a {text}\n"


def test_a_float_of_another_library_is_written_as_a_number():
    class Float64(float):
        def __repr__(self):
            return f"np.float64({float(self)})"

    assert text_of(Metric("a", Float64(1.5))) == "a 1.5\n"


def test_label_values_are_escaped():
    assert text_of(Metric("a", 1, {"x": 'q" b\\ n\n'})) == 'a{x="q\\" b\\\\ n\\n"} 1\n'


def test_help_is_escaped_and_keeps_its_quotes():
    assert text_of(Metric("a", 1, help='q" b\\ n\n')) == '# HELP a q" b\\\\ n\\n\na 1\n'


def test_a_lone_surrogate_becomes_the_replacement_character():
    assert text_of(Metric("a", 1, {"x": "\ud800"}, help="\udfff")) == (
        '# HELP a \ufffd\na{x="\ufffd"} 1\n'
    )


def test_members_of_enums_are_written_as_their_values():
    metric = Metric(MetricName.TASK_UP, 1, type=MetricType.GAUGE)
    assert text_of(metric) == "# TYPE task_up gauge\ntask_up 1\n"


def test_timestamps_are_whole_milliseconds():
    metric = Metric("a", 1, timestamp=1560541957.1652732)
    assert text_of(metric, timestamps=True) == "a 1 1560541957165\n"


def test_timestamps_are_left_out_unless_asked_for():
    assert text_of(Metric("a", 1, timestamp=5.0)) == "a 1\n"


def test_the_time_of_the_batch_stands_for_a_missing_timestamp():
    batch = [Metric("a", 1, timestamp=2.0), Metric("b", 1)]
    assert Encoder(timestamps=True).encode(batch, now=7.5).text == "a 1 2000\nb 1 7500\n"


def test_without_any_time_no_timestamp_is_written():
    assert Encoder(timestamps=True).encode([Metric("a", 1)]).text == "a 1\n"


def test_only_chosen_labels_are_written():
    metric = Metric("a", 1, {"task": "t", "host": "h", "__reserved": "is not written anyway"})
    assert text_of(metric, only_labels=["task"]) == 'a{task="t"} 1\n'


def test_no_braces_are_left_without_labels():
    assert text_of(Metric("a", 1, {"host": "h"}), only_labels=[]) == "a 1\n"


GOOD = Metric("good", 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Metric("bad-name", 1), "'bad-name' is not a metric name"),
        (Metric("bad\n", 1), "is not a metric name"),
        (Metric("", 1), "'' is not a metric name"),
        (Metric("näme", 1), "is not a metric name"),
        (Metric(5, 1), "the metric name is int"),
        (Metric([], 1), "the metric name is list"),
        (Metric("bad", 1, {"a-b": "x"}), "'a-b' is not a label name"),
        (Metric("bad", 1, {"a:b": "x"}), "'a:b' is not a label name"),
        (Metric("bad", 1, {"a\n": "x"}), "is not a label name"),
        (Metric("bad", 1, {5: "x"}), "a label name is int"),
        (Metric("bad", 1, {"__a": "x"}), "reserved"),
        (Metric("bad", 1, {"a": 5}), "the value of label 'a' is int, expected text"),
        (Metric("bad", 1, {"a": None}), "the value of label 'a' is NoneType"),
        (Metric("bad", 1, None), "labels are NoneType"),
        (Metric("bad", 1, type="histogram"), "'histogram' is not a type"),
        (Metric("bad", 1, type=""), "'' is not a type"),
        (Metric("bad", 1, help=5), "the help is int"),
        (Metric("bad", "1"), "the value is str, expected int or float"),
        (Metric("bad", None), "the value is NoneType"),
        (Metric("bad", 10**400), "greater than a 64-bit float"),
        (Metric("bad", 10**5000), "greater than a 64-bit float"),
        (GOOD, "already"),
        (Metric("good", 2, {"empty": ""}), "already"),
        (Metric("typed", 2, {"x": "2"}, type="counter"), "the type is counter"),
    ],
)
def test_a_bad_series_is_left_out_and_costs_no_other(bad, reason):
    typed = Metric("typed", 1, type="gauge")
    encoded = Encoder().encode([GOOD, typed, bad])
    assert encoded.text == "good 1\n# TYPE typed gauge\ntyped 1\n"
    assert [rejected.metric for rejected in encoded.rejected] == [bad]
    assert reason in encoded.rejected[0].reason


@pytest.mark.parametrize(
    "timestamp", [math.nan, math.inf, 1e300, -1e300, 10**400, "1", True, 2**63 / 1000]
)
def test_a_bad_timestamp_costs_its_sample_only_where_timestamps_are_written(timestamp):
    batch = [Metric("a", 1, timestamp=timestamp), Metric("b", 1, timestamp=1.0)]
    encoded = Encoder(timestamps=True).encode(batch)
    assert encoded.text == "b 1 1000\n"
    assert "the timestamp is" in encoded.rejected[0].reason
    assert Encoder().encode(batch).rejected == []


def test_reasons_do_not_depend_on_label_values():
    batch = [Metric("a", 1, {"x": value}) for value in (1, 2)]
    assert len(set(reasons(*batch))) == 1


def test_a_series_with_a_bad_value_takes_no_name_from_a_good_one():
    batch = [Metric("a", "bad", type="gauge", help="Of the bad one."), Metric("a", 2)]
    assert Encoder().encode(batch).text == "a 2\n"


def test_a_rejected_series_gives_its_family_neither_type_nor_help():
    batch = [
        Metric("a", 1, {"-": ""}, type="counter", help="Of the bad one."),
        Metric("a", 2, type="gauge", help="Of the good one."),
    ]
    assert Encoder().encode(batch).text == "# HELP a Of the good one.\n# TYPE a gauge\na 2\n"


def test_the_first_help_of_a_family_is_the_familys():
    helps = [None, "First.", "Second."]
    batch = [Metric("a", 1, {"x": str(i)}, help=text) for i, text in enumerate(helps)]
    assert text_of(*batch).startswith("# HELP a First.\na{")


def test_series_without_a_type_belong_to_any_family():
    types = [None, "gauge", None]
    batch = [Metric("a", 1, {"x": str(i)}, type=type_) for i, type_ in enumerate(types)]
    assert text_of(*batch).startswith("# TYPE a gauge\na{")


def test_of_series_that_a_label_told_apart_the_first_is_written():
    batch = [Metric("a", i, {"cpu": str(i)}) for i in range(3)]
    encoded = Encoder(only_labels=["task"]).encode(batch)
    assert encoded.text == "a 0\n"
    assert [rejected.metric for rejected in encoded.rejected] == batch[1:]


def test_metrics_and_their_labels_are_left_as_they_were():
    labels = {"b": "2", "a": "1"}
    Encoder().encode([Metric("a", 1, labels)])
    assert list(labels.items()) == [("b", "2"), ("a", "1")]


def test_numbers_that_no_float_can_hold_are_refused_even_where_they_cancel_out():
    batch = [Metric("a", 10**400), Metric("b", -(10**400)), Metric("c", 1)]
    encoded = Encoder().encode(batch)
    assert encoded.text == "c 1\n"
    assert len(encoded.rejected) == 2
