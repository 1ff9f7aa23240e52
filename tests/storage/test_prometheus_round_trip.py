"""What is written is read back the same by parsers of others."""

import math
import re
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from tests.services import program
from tests.storage.encoding_strategies import good, odd
from wca.metrics import Metric
from wca.storage.encoding import Encoder
from wca.testing import check_exposition

batches = st.lists(good, max_size=8)


def expected(metrics):
    """What a reader must find, for a batch without rejected samples."""
    samples = {}
    for metric in metrics:
        labels = {
            key: re.sub("[\ud800-\udfff]", "\ufffd", value) for key, value in metric.labels.items()
        }
        samples[metric.name, frozenset(labels.items())] = float(metric.value)
    return samples


def read(families):
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in families
        for sample in family.samples
    }


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == value or (math.isnan(value) and math.isnan(found[key]))


def written(metrics):
    """The text and the metrics that are in it."""
    encoded = Encoder().encode(metrics)
    rejected = {id(one.metric) for one in encoded.rejected}
    return encoded.text, [metric for metric in metrics if id(metric) not in rejected]


@given(batches)
def test_the_text_parser_reads_what_was_written(metrics):
    text, kept = written(metrics)
    assert_same(read(parser.text_string_to_metric_families(text)), expected(kept))


@given(batches)
def test_the_openmetrics_parser_reads_what_was_written(metrics):
    text, kept = written([Metric(m.name, m.value, m.labels, m.type) for m in metrics])
    families = openmetrics.text_string_to_metric_families(text + "# EOF\n")
    assert_same(read(families), expected(kept))


@given(st.lists(odd, max_size=8), st.booleans())
def test_whatever_the_batch_the_text_is_valid_and_the_count_is_right(metrics, timestamps):
    encoded = Encoder(timestamps=timestamps).encode(metrics, now=1.0)
    assert check_exposition(encoded.text) == []
    samples = [line for line in encoded.text.split("\n") if line and not line.startswith("#")]
    assert len(samples) + len(encoded.rejected) == len(metrics)
    encoded.text.encode()  # no surrogate is left


@pytest.fixture(scope="module")
def promtool():
    return program("promtool", package="prometheus")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(metrics=st.lists(good | odd, min_size=5, max_size=40), timestamps=st.booleans())
def test_promtool_parses_what_was_written(promtool, metrics, timestamps):
    text = Encoder(timestamps=timestamps).encode(metrics, now=1.0).text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    # 3: style only, such as a missing help text; 1: not to be parsed.
    assert done.returncode in (0, 3), done.stderr.decode()
