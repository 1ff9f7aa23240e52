"""From what is heard to batches."""

import threading
import time

import pytest

from wca.clock import SystemClock
from wca.metrics import Metric
from wca.wrapping import Parser, RegexpParser, ServiceLevels
from wca.wrapping.listening import MOST_WAITING, Listener


class Batches:
    def __init__(self):
        self.found = []
        self.came = threading.Event()

    def put(self, metrics):
        self.found.append({(one.name, *one.labels.items()): one.value for one in metrics})
        self.came.set()


@pytest.fixture
def listen():
    """listen(parsers, **options): a listener and its batches."""
    made = []

    def listen(parsers=None, interval=60.0, levels=None, labels=None, prefix=""):
        batches = Batches()
        listener = Listener(
            parsers or {"stdout": RegexpParser()},
            batches.put,
            interval,
            levels or ServiceLevels(),
            labels or {},
            prefix,
            SystemClock(),
        )
        made.append(listener)
        listener.start()
        return listener, batches

    yield listen
    for listener in made:
        listener.finish(10.0)


def test_all_of_a_while_is_one_batch_with_the_last_value_of_each(listen):
    listener, batches = listen()
    for text in (b"a=1 b=2\n", b"a=3\n", b"c=4"):
        listener.hear("stdout", text)
    listener.finish(10.0)
    assert batches.found == [{("a",): 3.0, ("b",): 2.0, ("c",): 4.0}]


def test_a_batch_ends_by_itself(listen):
    listener, batches = listen(interval=0.05)
    listener.hear("stdout", b"a=1\n")
    assert batches.came.wait(60)
    batches.came.clear()
    listener.hear("stdout", b"a=2\n")
    assert batches.came.wait(60)
    listener.finish(10.0)
    assert batches.found == [{("a",): 1.0}, {("a",): 2.0}]


def test_nothing_found_is_no_batch(listen):
    listener, batches = listen(interval=0.01)
    listener.hear("stdout", b"nothing\n")
    time.sleep(0.1)
    listener.finish(10.0)
    assert (batches.found, listener.found) == ([], 0)


def test_prefix_labels_time_and_levels_are_added(listen):
    metrics = []
    listener = Listener(
        {"stdout": RegexpParser()},
        metrics.extend,
        60.0,
        ServiceLevels(sli="a"),
        {"app": "shop"},
        "app_",
        SystemClock(),
    )
    listener.start()
    start = time.time()
    listener.hear("stdout", b"a=1\n")
    listener.finish(10.0)
    assert [(one.name, one.labels) for one in metrics] == [
        ("app_a", {"app": "shop"}),
        ("sli", {"app": "shop"}),
    ]
    assert all(start <= one.timestamp <= time.time() for one in metrics)


def test_two_streams_have_a_parser_each(listen):
    listener, batches = listen({"stdout": RegexpParser(), "stderr": RegexpParser()})
    listener.hear("stdout", b"a=")
    listener.hear("stderr", b"b=2\n")
    listener.hear("stdout", b"1\n")
    listener.finish(10.0)
    assert batches.found == [{("a",): 1.0, ("b",): 2.0}]


class Broken(Parser):
    def feed(self, line):
        if "bad" in line:
            raise ValueError("bad line")
        return [Metric("good", 1)]

    def end(self):
        raise SystemExit


def test_a_parser_that_fails_costs_its_line_and_is_said_once(listen, caplog):
    listener, batches = listen({"stdout": Broken()})
    listener.hear("stdout", b"bad\nbad\ngood\n")
    listener.finish(10.0)
    assert batches.found == [{("good",): 1}]
    assert [one.message for one in caplog.records] == [
        "the parser fails: ValueError: bad line",
        "the parser fails: SystemExit: ",
    ]


class Waits(Parser):
    def __init__(self):
        self.asked, self.go = threading.Event(), threading.Event()

    def feed(self, line):
        self.asked.set()
        assert self.go.wait(60)
        return [Metric(line.partition("=")[0], 1)] if "=" in line else []


def test_what_comes_too_fast_is_left_out_by_whole_lines_and_the_end_is_kept(listen, caplog):
    parser = Waits()
    listener, batches = listen({"stdout": parser})
    listener.hear("stdout", b"first=1\n")
    assert parser.asked.wait(60)
    chunk = b"x" * ((1 << 20) - 9) + b"\nlost=1\nlo"
    for _ in range(2 * MOST_WAITING // len(chunk)):
        listener.hear("stdout", chunk)
    listener.hear("stdout", b"st=1\nlast=1\n")
    parser.go.set()
    listener.finish(30.0)
    (found,) = batches.found
    assert found.keys() == {("first",), ("lost",), ("last",)}
    assert listener.missed >= MOST_WAITING - 2 * len(chunk)
    assert "came too fast to be parsed; they were passed on" in caplog.text


def test_the_line_in_which_something_was_lost_is_not_parsed(listen):
    parser = Waits()
    listener, batches = listen({"stdout": parser})
    listener.hear("stdout", b"first=1\nthe beginning of a line ")
    assert parser.asked.wait(60)
    listener.hear("stdout", b"x" * 100)
    listener.hear("stdout", b" its=1 end\n" + b"x" * (MOST_WAITING - 100) + b"\nlast=1")
    parser.go.set()
    listener.finish(60.0)
    assert batches.found == [{("first",): 1, ("last",): 1}]


def test_lines_that_are_too_long_are_told_at_the_end(listen, caplog):
    listener, batches = listen()
    listener.hear("stdout", b"a=1 " + b"x" * 100_000 + b" b=2\nc=3\n")
    listener.finish(10.0)
    assert batches.found == [{("a",): 1.0, ("c",): 3.0}]
    assert "1 lines were too long: of those only the beginning was parsed" in caplog.text
