"""A few series out of a page, whatever else is on it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from wca.collectors.work.text import find_series
from wca.linux.parse import Malformed


def found(text, *names):
    return [
        (one.name, dict(one.labels), one.value)
        for one in find_series(text.encode(), names or ("work",))
    ]


@pytest.mark.parametrize(
    ("line", "series"),
    [
        ("work 5", ("work", {}, 5)),
        ("work 5.5e3", ("work", {}, 5500)),
        ("work\t+Inf", ("work", {}, math.inf)),
        ("work 5 1395066363000", ("work", {}, 5)),
        ("work{} 5", ("work", {}, 5)),
        ('work{a="b"} 5', ("work", {"a": "b"}, 5)),
        ('work {a="b" , c = "d",} 5', ("work", {"a": "b", "c": "d"}, 5)),
        ('work{a="{}, \\"x\\" \\\\ \\n"} 5', ("work", {"a": '{}, "x" \\ \n'}, 5)),
        ('work{a="ü"} 5', ("work", {"a": "ü"}, 5)),
        ('work{a="b"} 5 # {trace_id="x"} 0.67 1520879607.7', ("work", {"a": "b"}, 5)),
        ("work 5 1.5 # {} 1", ("work", {}, 5)),
        ('{"work",a="b"} 5', ("work", {"a": "b"}, 5)),
        ('{"work","a.b"="c"} 5', ("work", {"a.b": "c"}, 5)),
        ("  work 5  ", ("work", {}, 5)),
        ("work 5\r", ("work", {}, 5)),
    ],
)
def test_a_sample_is_read_in_both_formats(line, series):
    assert found(f"# TYPE work counter\n{line}\n# EOF\n") == [series]


@pytest.mark.parametrize(
    "line", ["workers 5", "work_total 5", "# HELP work 5", 'other{a="work 5"} 1', '{"other"} 5']
)
def test_what_only_looks_like_the_metric_is_not_it(line):
    assert found(f"# a comment\n{line}\n") == []


@pytest.mark.parametrize(
    "line",
    ["work", "work five", "work 1_0", "work 0x1", "work 1.2.3", 'work{a="b" 5', 'work{a="b} 5'],
)
def test_a_broken_line_of_the_metric_is_said_and_not_left_out_of_a_sum(line):
    with pytest.raises(Malformed, match="a line of work is broken"):
        found(f"work{{n='1'}} 4\nwork 3\n{line}\n".replace("'", '"'))


def test_broken_lines_of_others_do_not_matter():
    assert found('other{ 5\n\x00\xff\nwork 4\nsome{a="b} 6\n') == [("work", {}, 4)]


@pytest.mark.parametrize("page", ["<html>work 5</html>", '{"status": "ok"}', "\x00\x01\x02"])
def test_a_page_of_another_kind_is_said(page):
    with pytest.raises(Malformed, match="no text of Prometheus"):
        found(page)


@pytest.mark.parametrize("page", ["", "\n\n", "# EOF\n", "up 1\n"])
def test_a_page_without_the_metric_is_fine(page):
    assert found(page) == []


LABELS = st.dictionaries(st.sampled_from(["a", "code", "x_1"]), st.text(max_size=8), min_size=1)


@given(
    st.lists(LABELS, max_size=5, unique_by=lambda one: tuple(sorted(one.items()))),
    st.floats(0, 1e12),
    st.sampled_from([generate_latest, openmetrics.generate_latest]),
)
def test_what_the_client_library_writes_is_read_back(series, value, write):
    names = sorted({name for labels in series for name in labels})
    registry = CollectorRegistry()
    counter = Counter("work", "Has {braces} and\nlines.", names, registry=registry)
    Gauge("another", "Other.", registry=registry).set(3)
    Histogram("work_seconds", "More.", registry=registry).observe(0.3)
    expected = {}
    for labels in series:
        full = {name: labels.get(name, "") for name in names}
        counter.labels(**full).inc(value)
        key = tuple(sorted(full.items()))
        expected[key] = expected.get(key, 0) + value
    page = write(registry)
    read = find_series(page, ["work_total", "work_seconds_count"])
    told = {tuple(sorted(one.labels.items())): one.value for one in read if one.labels}
    if names:
        assert told == pytest.approx(expected)
    assert [one.value for one in read if one.name == "work_seconds_count"] == [1]
