"""Labels of orchestrators under names that can be exported, no two the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.types import LabelName
from wca.nodes.label_names import safe_labels, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("app", "app"),
        ("app.kubernetes.io/name", "app_kubernetes_io__name"),
        ("pod-template-hash", "pod_template_hash"),
        ("2nd", "_2nd"),
        ("__name__", "label__name__"),
        ("", "_"),
        ("größe", "gr__e"),
    ],
)
def test_a_name(name, safe):
    assert safe_name(name) == safe


def test_of_two_with_one_name_the_second_is_told_apart_by_its_own():
    labels = safe_labels({"a-b": "dash", "a.b": "dot", "a_b": "line"})
    assert labels.pop("a_b") == "dash"
    assert sorted(labels.values()) == ["dot", "line"]
    assert "a_b_" in next(iter(labels))


def test_labels_are_taken_by_name_or_pattern():
    labels = {"app": "a", "app.kubernetes.io/name": "b", "app.kubernetes.io/part-of": "c", "x": "d"}
    assert safe_labels(labels, ["app", "app.kubernetes.io/*"]).keys() == {
        "app",
        "app_kubernetes_io__name",
        "app_kubernetes_io__part_of",
    }
    assert safe_labels(labels, []) == {}


def test_a_name_that_is_taken_is_left_to_what_has_it():
    (name,) = safe_labels({"pod": "mine"}, taken={"pod"})
    assert name.startswith("pod_")


@given(st.dictionaries(st.text(alphabet="ab.-/_9é", max_size=4), st.text(max_size=2), max_size=12))
def test_nothing_is_lost_and_every_name_can_be_exported(labels):
    safe = safe_labels(labels)
    assert sorted(safe.values()) == sorted(labels.values())
    for name in safe:
        LabelName().check(name)
