"""Data classes as JSON and back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.testing.worker_stores import a_state, an_alert
from wca.workers.model import ActionRecord, Alert, Worker, WorkerState
from wca.workers.stores.codec import decoded, decoded_all, encoded

KINDS = [WorkerState, Alert, ActionRecord, Worker]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read(kind):
    @settings(max_examples=50, deadline=None)
    @given(st.from_type(kind))
    def check(value):
        read = decoded(kind, encoded(value))
        assert type(read) is kind
        assert encoded(read) == encoded(value)  # NaN is not equal to itself

    check()


@pytest.mark.parametrize("value", [a_state(), an_alert(), a_state().worker])
def test_it_is_read_as_the_same_types(value):
    assert decoded(type(value), encoded(value)) == value
    assert repr(decoded(type(value), encoded(value))) == repr(value)


def test_a_field_of_a_later_version_is_left_out_and_a_missing_one_has_its_default():
    data = json.loads(encoded(a_state()))
    data["of the future"] = {"a": [1]}
    del data["monitored"], data["worker"]["name"]
    expected = replace(a_state(), monitored=True, worker=replace(a_state().worker, name=""))
    assert decoded(WorkerState, json.dumps(data)) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worker", None),
        ("worker", []),
        ("state", "no state"),
        ("readings", []),
        ("readings", {"cpu": 1}),
        ("polled_at", "soon"),
        ("polled_at", True),
        ("monitored", 1),
    ],
)
def test_what_does_not_fit_is_refused(field, value):
    data = json.loads(encoded(a_state())) | {field: value}
    with pytest.raises(ValueError, match=r"expected|valid"):
        decoded(WorkerState, json.dumps(data))


def test_what_lacks_a_field_without_default_is_refused():
    with pytest.raises(ValueError, match="missing"):
        decoded(Alert, "{}")


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_any_other_json_costs_itself_alone(data):
    texts = [encoded(an_alert()), json.dumps(data), json.dumps({"key": data}), "[" * 99_999, "{"]
    assert decoded_all(Alert, texts, "here") == [an_alert()]
