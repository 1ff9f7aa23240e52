"""A dry run of the benchmark's allocator over recorded episodes."""

import functools
from pathlib import Path

import pytest

from benchmarks.collocation.__main__ import main
from benchmarks.collocation.decisions import Asked, Decided, decide, decisions_report
from benchmarks.detection.corpus import Corpus

TUNING = Path(__file__).parents[2] / "benchmarks/detection/corpus/tuning"


@functools.cache
def decided():
    """By kind; not in a fixture of the module: it sets levels, which each test sets back."""
    return {one.kind: one for one in decide(Corpus(TUNING))}


def test_nothing_is_asked_for_where_nothing_is_wrong():
    controls = ("nothing", "idle-class neighbour", "load step", "request size")
    assert [decided()[kind].asked for kind in controls] == [[]] * 4
    assert not any(one.wrong for one in decided().values())


@pytest.mark.parametrize(
    ("kind", "type_"), [("page cache thrash", "memory_max"), ("own quota", "cpu_burst")]
)
def test_what_is_asked_for_is_what_helps_within_seconds(kind, type_):
    first = decided()[kind].asked[0]
    assert first.task_id in decided()[kind].culprits
    assert first.type == type_
    assert 0 < first.seconds <= 8


def an_episode(kind="memory stream", asked=(), culprits=("n1",)):
    return Decided("0001", kind, frozenset(culprits), asked, 10.0)


def test_right_is_what_helps_of_those_who_did_it():
    one = an_episode(
        asked=[
            Asked(-3.0, "n1", "cpu_quota"),
            Asked(4.0, "n2", "cpu_quota"),
            Asked(5.0, "n1", "cpu_idle"),
            Asked(6.0, "n1", "cpu_quota"),
        ]
    )
    assert one.wrong == one.asked[:2]
    assert one.right == one.asked[3:]


def test_the_report_counts_and_bounds_what_was_asked_for_when_nothing_was_wrong():
    episodes = [
        an_episode(asked=[Asked(5.0, "n1", "cpu_quota")]),
        an_episode(asked=[Asked(5.0, "n2", "cpu_quota")]),
        an_episode("nothing", [Asked(2.0, "n2", "cpu_quota")], ()),
        an_episode("nothing", (), ()),
    ]
    text = decisions_report(episodes)
    assert "| memory stream | 2 | 1 | 0 | 1 | 5.0 |" in text
    assert "| nothing | 2 |  | 1 | 1 |  |" in text
    assert "something was asked for 1 times: less than 4.3e+02 times in an hour" in text
    assert "- 0001 nothing: cpu_quota of n2 at +2 s" in text


def test_the_command_line(capsys):
    assert main(["decisions", "--corpus", str(TUNING)]) == 0
    assert "| own quota | 1 | 1 | 0 | 0 |" in capsys.readouterr().out
