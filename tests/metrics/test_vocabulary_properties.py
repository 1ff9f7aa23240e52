"""What holds for the translation of any metrics, of ours or of a plugin."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.storage.encoding_strategies import odd
from wca.metrics import CATALOGUE, Metric, MetricGranularity, MetricType, MetricUnit
from wca.metrics.batch import Batch, Series
from wca.metrics.cadvisor_names import CADVISOR_NAMES
from wca.metrics.prometheus_names import PROMETHEUS_EXCEPTIONS
from wca.metrics.vocabulary import Names, Vocabulary

label_maps = st.dictionaries(
    st.sampled_from(
        ["task_id", "task_name", "host", "pod_name", "container", "cpus", "device", "x"]
    ),
    st.text(max_size=4),
    max_size=5,
)
own_names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
suffixes = st.sampled_from(
    ["", "_total", "_seconds", "_bytes", "_ticks", "_percent", "_seconds_avg"]
)
metric_names = st.sampled_from(sorted(CATALOGUE)) | st.builds("{}{}".format, own_names, suffixes)
types = st.none() | st.sampled_from(MetricType)
units = st.none() | st.sampled_from([*MetricUnit, "percent", "furlongs"])
granularities = st.none() | st.sampled_from(MetricGranularity)
values = st.integers(-(10**20), 10**20) | st.floats()
others = st.sampled_from([Names.PROMETHEUS, Names.CADVISOR])
kept = st.none() | st.lists(st.sampled_from(["x", "pod_name", "app"]), max_size=2)
metrics = st.builds(
    Metric,
    metric_names,
    values,
    label_maps,
    types,
    st.none() | st.text(max_size=5),
    units,
    granularities,
    timestamp=st.none() | st.floats(0, 4e9),
    start_time=st.none() | st.floats(0, 4e9),
)
series = st.builds(Series, metric_names, label_maps, types, st.none(), units, granularities)
blocks = st.lists(series, max_size=4).map(tuple)


def is_converted(metric):
    """Whether the value is another one under other names: of another unit, or a time."""
    exception = PROMETHEUS_EXCEPTIONS.get((metric.name, metric.type, metric.unit))
    theirs = CADVISOR_NAMES.get(metric.name)
    return (
        metric.unit in ("ticks", "percent")
        or (exception is not None and exception.from_age)
        or (theirs is not None and theirs.parts != 1 and metric.unit == "seconds")
    )


@given(st.lists(metrics, max_size=8), others, kept)
def test_number_and_order_and_all_but_names_units_and_labels_stay(given_metrics, names, labels):
    translated = Vocabulary(names, labels).translate(given_metrics)
    assert len(translated) == len(given_metrics)
    for before, after in zip(given_metrics, translated, strict=True):
        assert (after.timestamp, after.start_time) == (before.timestamp, before.start_time)
        assert after.granularity == before.granularity
        if not is_converted(before):
            assert after.value is before.value
        if names is Names.PROMETHEUS:
            assert after.type == before.type
            assert after.labels.items() <= before.labels.items()


@given(st.lists(metrics, max_size=8), others)
def test_every_name_is_valid_and_counters_end_in_total(given_metrics, names):
    for metric in Vocabulary(names).translate(given_metrics):
        assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", metric.name)
        if metric.type == "counter":
            assert metric.name.endswith("_total")


@given(st.lists(metrics, max_size=8), others, kept)
def test_twice_is_the_same_as_once_each(given_metrics, names, labels):
    vocabulary = Vocabulary(names, labels)
    first = vocabulary.translate(given_metrics)
    assert repr(vocabulary.translate(given_metrics)) == repr(first)
    assert repr(Vocabulary(names, labels).translate(given_metrics)) == repr(first)


@given(st.lists(metrics, max_size=8))
def test_what_has_prometheus_names_already_keeps_them(given_metrics):
    vocabulary = Vocabulary(Names.PROMETHEUS)
    once = vocabulary.translate(given_metrics)
    twice = vocabulary.translate(once)
    assert [(one.name, one.unit) for one in twice] == [(one.name, one.unit) for one in once]
    assert repr([one.value for one in twice]) == repr([one.value for one in once])


@given(st.lists(st.lists(blocks, max_size=4), min_size=1, max_size=3), others)
def test_a_batch_after_others_is_translated_as_if_it_were_the_first(batches, names):
    """Every batch has the agent's labels, so that nothing has to be remembered."""
    agent = (Series("wca_tasks", {"host": "h"}, granularity="internal"),)
    vocabulary = Vocabulary(names)
    for chosen in batches:
        filled = Batch(1.0)
        for block in [agent, *chosen]:
            filled.add(block, list(range(len(block))))
        translated = vocabulary.translate(filled)
        assert isinstance(translated, Batch)
        assert list(translated) == list(Vocabulary(names).translate(filled))
        assert [len(block) for block in translated.blocks] == [len(b) for b in filled.blocks]


@given(st.lists(odd, max_size=5), others)
def test_nothing_is_too_odd(given_metrics, names):
    assert len(Vocabulary(names).translate(given_metrics)) == len(given_metrics)
