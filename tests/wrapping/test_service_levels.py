"""Service levels: the worked example of the reference, and what cannot be divided."""

import pytest

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.wrapping import ServiceLevels


def levels(metrics, prefix="", **options):
    metrics = [Metric(prefix + name, value) for name, value in metrics.items()]
    found = ServiceLevels(**options).of(metrics, prefix)
    assert [metric.name for metric in metrics] == [prefix + one for one in ("a", "b")][
        : len(metrics)
    ]
    return {metric.name: metric.value for metric in found}


def test_indicator_objective_and_load():
    found = levels({"a": 4.5, "b": 2}, sli="a", slo=10, load="b", peak_load=100)
    assert found == {
        "sli": 4.5,
        "sli_normalized": 0.45,
        "slo": 10.0,
        "load": 2.0,
        "load_normalized": 0.02,
        "peak_load": 100.0,
    }


def test_without_an_objective_there_is_the_indicator_alone():
    assert levels({"a": 4.5}, sli="a") == {"sli": 4.5}


def test_more_may_be_better():
    assert levels({"a": 4}, sli="a", slo=0.5, inverse=True) == {
        "sli": 0.25,
        "sli_normalized": 0.5,
        "slo": 0.5,
    }


def test_nothing_achieved_has_no_inverse():
    assert levels({"a": 0}, sli="a", slo=0.5, inverse=True) == {"slo": 0.5}


def test_a_constant_load_is_at_its_peak():
    found = levels({"a": 1}, load="const", peak_load=7)
    assert found == {"load": 7, "load_normalized": 1.0, "peak_load": 7}
    assert levels({}, load="const", peak_load=7) == {}


def test_names_are_given_with_the_prefix_or_without():
    for name in ("a", "app_a"):
        assert levels({"a": 4.5}, prefix="app_", sli=name) == {"sli": 4.5}


def test_what_is_not_there_has_no_levels():
    assert levels({"a": 4.5}, sli="c", load="d", peak_load=1) == {}


def test_each_series_has_its_own_labels_and_time():
    metrics = [Metric("a", n, {"n": str(n)}, timestamp=float(n)) for n in (1, 2)]
    found = ServiceLevels(sli="a").of(metrics)
    assert [(one.labels, one.timestamp) for one in found] == [({"n": "1"}, 1.0), ({"n": "2"}, 2.0)]


def test_a_metric_that_is_called_like_a_level_ends():
    metrics = [Metric("sli", 3.0)]
    assert [one.name for one in ServiceLevels(sli="sli").of(metrics)] == ["sli"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"load": "a"}, "load and peak-load belong together"),
        ({"peak_load": 5}, "load and peak-load belong together"),
        ({"slo": 5}, "slo and inverse-sli belong to sli"),
        ({"inverse": True}, "slo and inverse-sli belong to sli"),
        ({"sli": "a", "slo": 0}, "slo is 0, give a number above zero"),
        ({"sli": "a", "slo": float("nan")}, "slo is nan"),
        ({"load": "a", "peak_load": float("inf")}, "peak-load is inf"),
    ],
)
def test_what_does_not_fit_together_is_refused(options, words):
    with pytest.raises(ValidationError) as refused:
        ServiceLevels(**options)
    assert words in str(refused.value)
