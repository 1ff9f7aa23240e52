"""``Metric`` as plugins know it."""

import dataclasses

from wca.metrics import Metric


def test_the_fields_stand_in_the_order_of_the_contract():
    assert [field.name for field in dataclasses.fields(Metric)] == [
        "name",
        "value",
        "labels",
        "type",
        "help",
        "unit",
        "granularity",
        "timestamp",
        "start_time",
    ]


def test_all_but_name_and_value_may_be_left_out():
    metric = Metric("a", 1)
    assert dict(metric.labels) == {}
    rest = dataclasses.fields(Metric)[3:]
    assert [getattr(metric, field.name) for field in rest] == [None] * 6


def test_it_is_made_by_position_and_by_keyword():
    assert Metric("a", 1.5, {"x": "y"}, "gauge", "Help.") == Metric(
        name="a", value=1.5, labels={"x": "y"}, type="gauge", help="Help."
    )


def test_labels_that_were_left_out_are_not_shared():
    assert Metric("a", 1).labels is not Metric("b", 1).labels
