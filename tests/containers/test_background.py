"""A collector that may block works on a thread of its own; the loop takes its last values."""

import threading
import time
import weakref
from queue import SimpleQueue

import pytest

from wca.collectors import Collector, NotAvailable, TargetGone
from wca.containers import background as background_module
from wca.containers.background import Background
from wca.containers.costs import Costs
from wca.errors import StartError
from wca.linux.parse import Malformed
from wca.telemetry import Telemetry

WAIT = 10.0


class Slow(Collector):
    """Reads when the test lets it; remembers the thread of every call."""

    blocking = True

    def __init__(self):
        super().__init__()
        self.threads = set()
        self.readings = 0
        self.let = threading.Event()
        self.let.set()
        self.error = None
        self.attach_error = None
        self.open = 0
        self.events = []

    def start(self):
        self.events.append("start")

    def attach(self, target):
        self.threads.add(threading.get_ident())
        if self.attach_error:
            raise self.attach_error
        self.open += 1
        return self

    def read(self, out):
        self.let.wait(WAIT)
        self.threads.add(threading.get_ident())
        if self.error:
            raise self.error
        self.readings += 1
        out["number"] = self.readings

    def close(self, timeout=None):
        if timeout is None:
            self.threads.add(threading.get_ident())
            self.open -= 1
        else:
            self.events.append("close")


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def make():
    made = []

    def make(collector, seconds=0.01):
        telemetry, costs = Telemetry(), Costs()
        background = Background(collector, "Slow", telemetry, costs, lambda: seconds)
        made.append((background, collector))
        background.start()
        return background, telemetry, costs

    yield make
    for background, collector in made:
        collector.let.set()
        background.close(WAIT)


def values(probe):
    out = {}
    probe.read(out)
    return out


def test_the_loop_never_waits_and_gets_the_last_values(make):
    slow = Slow()
    slow.let.clear()
    background, _, _ = make(slow)
    probe = background.attach("task")
    assert values(probe) == {}  # not read yet
    slow.let.set()
    until(lambda: values(probe).get("number", 0) > 2)


def test_all_that_may_block_runs_on_the_one_thread(make):
    slow = Slow()
    background, _, _ = make(slow)
    probe = background.attach("task")
    until(lambda: slow.readings)
    probe.close()
    until(lambda: slow.open == 0)
    assert len(slow.threads) == 1
    assert threading.get_ident() not in slow.threads


def test_a_new_target_is_read_at_once_and_not_with_the_next_interval(make):
    background, _, _ = make(Slow(), seconds=3600.0)
    first = background.attach("a")
    until(lambda: values(first))
    second = background.attach("b")
    until(lambda: values(second))


@pytest.mark.parametrize("end", [NotAvailable("no such thing"), TargetGone("it is gone")])
def test_the_end_of_a_source_reaches_the_loop_as_it_was_said(make, end):
    slow = Slow()
    background, telemetry, _ = make(slow)
    probe = background.attach("task")
    until(lambda: slow.readings)
    slow.error = end
    until(lambda: probe.ended)
    with pytest.raises(type(end), match=str(end)):
        probe.read({})
    until(lambda: slow.open == 0)
    assert telemetry.failures("Slow") == 0


def test_what_has_ended_holds_on_to_nothing(make):
    class Task:
        pass

    slow, target = Slow(), Task()
    background, _, _ = make(slow)
    probe, known = background.attach(target), weakref.ref(target)
    until(lambda: slow.readings)
    slow.error = NotAvailable("no such thing")
    until(lambda: slow.open == 0)
    with pytest.raises(NotAvailable):
        probe.read({})
    probe.close()
    slow.error = None  # its traceback
    del probe, target
    until(lambda: known() is None)


@pytest.mark.parametrize("error", [ValueError("odd"), Malformed("expected a number")])
def test_a_failure_is_counted_and_costs_what_could_not_be_read(make, caplog, error):
    slow = Slow()
    background, telemetry, _ = make(slow)
    probe = background.attach("task")
    until(lambda: slow.readings)
    slow.error = error
    until(lambda: telemetry.failures("Slow") > 1)
    assert values(probe) == {}
    assert caplog.text.count("Slow fails") == 1
    slow.error = None
    before = slow.readings
    until(lambda: slow.readings > before)


def test_a_target_that_could_not_be_attached_is_tried_again(make):
    slow = Slow()
    slow.attach_error = OSError("busy")
    background, telemetry, _ = make(slow)
    probe = background.attach("task")
    until(lambda: telemetry.failures("Slow"))
    slow.attach_error = None
    until(lambda: values(probe))


def test_closing_closes_every_probe_then_the_collector():
    slow = Slow()
    background = Background(slow, "Slow", Telemetry(), Costs(), lambda: 0.01)
    background.start()
    background.attach("a"), background.attach("b")
    until(lambda: slow.open == 2)
    background.close(WAIT)
    assert slow.open == 0
    assert slow.events == ["start", "close"]


def test_a_thread_that_hangs_is_left_behind_within_the_time(caplog):
    slow = Slow()
    slow.let.clear()
    background = Background(slow, "Slow", Telemetry(), Costs(), lambda: 0.01)
    background.start()
    background.attach("a")
    until(lambda: slow.open == 1)
    start = time.monotonic()
    background.close(0.05)
    assert time.monotonic() - start < WAIT / 2
    assert "Slow is still busy: it is left behind" in caplog.text
    slow.let.set()


def test_what_the_collectors_start_raises_reaches_the_caller():
    class Refusing(Slow):
        def start(self):
            raise StartError("no such program")

    background = Background(Refusing(), "Slow", Telemetry(), Costs(), lambda: 1.0)
    with pytest.raises(StartError, match="no such program"):
        background.start()
    background.close(1.0)


def test_the_collector_is_closed_on_the_thread_on_which_it_works():
    class Closing(Slow):
        def close(self, timeout=None):
            super().close(timeout)
            self.closed_on = threading.get_ident()

    slow = Closing()
    background = Background(slow, "Slow", Telemetry(), Costs(), lambda: 0.01)
    background.start()
    background.attach("a")
    until(lambda: slow.readings)
    background.close(WAIT)
    assert slow.threads == {slow.closed_on}


class Ordered(Slow):
    """Remembers of which targets it read, in order; each reading waits for the test."""

    def __init__(self):
        super().__init__()
        self.read_of, self.turns = [], threading.Semaphore(0)

    def attach(self, target):
        self.open += 1
        return OrderedProbe(self, target)


class OrderedProbe:
    def __init__(self, collector, target):
        self.collector, self.target = collector, target

    def read(self, out):
        self.collector.read_of.append(self.target)
        assert self.collector.turns.acquire(timeout=WAIT)
        out["number"] = len(self.collector.read_of)

    def close(self):
        self.collector.open -= 1


def test_what_is_asked_for_is_read_before_all_others_that_wait(make):
    ordered, done = Ordered(), SimpleQueue()
    background, _, _ = make(ordered, seconds=3600.0)
    probes = [background.attach(name) for name in "abcde"]
    until(lambda: ordered.read_of)
    first = "abcde".index(ordered.read_of[0])
    asked = probes[first - 1]  # the last one in its turn, or next to it
    assert asked.ask(done)
    ordered.turns.release(2)
    done.get(timeout=WAIT)
    assert ordered.read_of[1] == asked.target
    assert values(asked) == {"number": 2}
    ordered.turns.release(100)
    until(lambda: {*ordered.read_of} == {*"abcde"})


def test_a_target_that_has_ended_is_not_read_again_and_nobody_waits_for_it(make):
    slow, done = Slow(), SimpleQueue()
    background, _, _ = make(slow, seconds=3600.0)
    gone, closed = background.attach("gone"), background.attach("closed")
    until(lambda: slow.readings >= 2)
    slow.error = TargetGone("it has ended")
    assert gone.ask(done)
    done.get(timeout=WAIT)
    until(lambda: gone.ended)
    closed.close()
    assert not gone.ask(done)
    assert not closed.ask(done)


def test_values_have_an_age_from_the_first_reading_on(make):
    background, _, costs = make(Slow(), seconds=3600.0)
    probe = background.attach("task")
    until(lambda: values(probe))
    until(lambda: "wca_collector_age_seconds" in costs.measurements(time.monotonic()))


def test_a_collector_that_does_not_answer_fails_with_one_line(make, caplog, monkeypatch):
    monkeypatch.setattr(background_module, "_HANGING_SECONDS", 0.05)
    slow = Slow()
    slow.let.clear()
    background, telemetry, _ = make(slow)
    background.attach("task")
    until(lambda: background.look() or telemetry.failures("Slow"))
    background.look()
    assert telemetry.healthy("Slow") is False
    assert caplog.text.count("Slow fails: it has not answered for") == 1


def test_for_the_machine_the_word_that_it_is_gone_is_a_failure(make):
    class OfTheMachine(Slow):
        scope = "node"

    slow = OfTheMachine()
    slow.error = TargetGone("what?")
    background, telemetry, _ = make(slow)
    probe = background.attach("machine")
    until(lambda: telemetry.failures("Slow") > 1)
    slow.error = None
    until(lambda: values(probe))


def test_a_new_target_does_not_hide_that_another_one_fails(make):
    slow = Slow()
    slow.error = ValueError("odd")
    background, telemetry, _ = make(slow, seconds=3600.0)
    background.attach("bad")
    until(lambda: telemetry.failures("Slow"))
    slow.error = None
    good = background.attach("good")
    until(lambda: values(good))
    telemetry.begin_round()
    telemetry.begin_round()
    assert telemetry.healthy("Slow") is False


def test_its_cpu_time_duration_and_age_are_measured(make):
    slow = Slow()
    background, _, costs = make(slow)
    background.attach("task")
    until(lambda: "wca_collector_age_seconds" in costs.measurements(time.monotonic()))
    measured = costs.measurements(time.monotonic())
    assert measured["wca_collector_cpu_seconds"]["Slow"] > 0
    assert measured["wca_collector_duration_seconds"]["Slow"] > 0
    assert 0 <= measured["wca_collector_age_seconds"]["Slow"] < WAIT


def test_while_it_rests_nothing_is_read_and_nothing_old_is_told_and_what_is_open_stays(make):
    slow = Slow()
    background, _, _ = make(slow)
    probe = background.attach("task")
    until(lambda: values(probe))
    background.pause(paused=True)
    assert values(probe) == {}
    until(lambda: resting(slow))
    background.pause(paused=True)  # again changes nothing
    resting_at = slow.readings
    background.pause(paused=False)
    until(lambda: slow.readings > resting_at and values(probe))
    assert slow.open == 1


def resting(slow):
    before = slow.readings
    time.sleep(0.1)
    return slow.readings == before


def test_a_task_that_ends_while_it_rests_is_closed(make):
    slow = Slow()
    background, _, _ = make(slow)
    probe = background.attach("task")
    until(lambda: values(probe))
    background.pause(paused=True)
    probe.close()
    until(lambda: slow.open == 0)


def test_a_source_that_containers_share_stays_one_that_they_share(make):
    class Shared(Slow):
        per_container = False

    background, _, _ = make(Shared())
    assert not background.per_container
    assert make(Slow())[0].per_container
