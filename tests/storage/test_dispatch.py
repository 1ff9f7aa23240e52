"""The thread that sends: nobody waits for it, and the end comes in time."""

import threading
import time

import pytest

from tests.storage.delivery_parts import ScriptedTarget, balanced, parcel
from wca.clock import SystemClock
from wca.errors import StartError
from wca.storage.delivery import Unavailable
from wca.storage.delivery.dispatch import Dispatch
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.delivery.patience import Patience
from wca.storage.delivery.sender import Sender
from wca.storage.ledger import Ledger


class Parts:
    def __init__(self, target=None, first_retry=0.01, backlog=None):
        self.ledger, self.target = Ledger(), target or ScriptedTarget()
        self.sender = Sender(
            self.target,
            backlog or MemoryQueue(10_000, 1000),
            self.ledger,
            Patience(first_retry, 60.0, lambda: 1.0),
            timeout=5.0,
            name="a storage",
            clock=SystemClock(),
        )
        self.dispatch = Dispatch(self.sender, "a storage", SystemClock())

    def put(self, *names):
        self.ledger.collect(len(names))
        self.dispatch.put([parcel(name) for name in names])

    def wait_for(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, balanced(self.ledger)
            time.sleep(0.005)


@pytest.fixture
def parts():
    made = Parts()
    yield made
    made.dispatch.close(5.0)


class Hanging(ScriptedTarget):
    """Does not answer before the test lets it."""

    def __init__(self):
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()

    def send(self, parcels, timeout):
        self.entered.set()
        self.gate.wait(60)
        return super().send(parcels, timeout)


def test_what_is_put_is_sent_by_a_thread_named_after_the_storage(parts):
    threads = set()
    send = parts.target.send

    def noting(parcels, timeout):
        threads.add(threading.current_thread().name)
        return send(parcels, timeout)

    parts.target.send = noting
    for name in "abcdefgh":
        parts.put(name)
    parts.wait_for(lambda: len(parts.target.accepted) == 8)
    assert parts.target.accepted == list("abcdefgh")
    assert threads == {"a storage"}


def test_a_target_that_comes_back_gets_everything(parts):
    parts.target.absent = "away"
    for name in "abc":
        parts.put(name)
    parts.wait_for(lambda: parts.sender.failing == "away")
    parts.target.absent = None
    parts.wait_for(lambda: parts.target.accepted == list("abc"))


def test_while_a_target_is_away_new_parcels_are_no_reason_to_try_it():
    parts = Parts(first_retry=60.0)
    parts.target.absent = "away"
    for name in "abcdef":
        parts.put(name)
        time.sleep(0.01)
    assert len(parts.target.calls) == 1
    parts.dispatch.close(0.5)


def test_put_does_not_wait_for_a_target_that_hangs():
    parts = Parts(Hanging())
    parts.put("a")
    assert parts.target.entered.wait(10)
    parts.put("b")
    assert balanced(parts.ledger).waiting == 2
    parts.target.gate.set()
    parts.dispatch.close(5.0)
    assert parts.target.accepted == ["a", "b"]


def test_close_sends_what_waits(parts):
    parts.put(*"abcdefgh")
    parts.dispatch.close(10.0)
    assert parts.target.accepted == list("abcdefgh")
    assert parts.target.calls[-1][0] == "close"
    assert balanced(parts.ledger).waiting == 0


def test_close_tries_a_target_that_was_away_once_more():
    parts = Parts(first_retry=3600.0)
    parts.target.absent = "away"
    parts.put("a")
    parts.wait_for(lambda: parts.sender.failing == "away")
    parts.target.absent = None
    parts.dispatch.close(10.0)
    assert parts.target.accepted == ["a"]


def test_close_gives_up_in_time_on_a_target_that_stays_away_and_does_not_flood_it():
    parts = Parts(first_retry=0.05)
    parts.target.absent = "away"
    parts.put("a", "b")
    start = time.monotonic()
    parts.dispatch.close(1.0)
    assert time.monotonic() - start < 10
    assert balanced(parts.ledger).dropped == {"closed": 2}
    assert len(parts.target.calls) < 40


def test_close_gives_up_in_time_on_a_target_that_hangs():
    parts = Parts(Hanging())
    parts.put("a")
    assert parts.target.entered.wait(10)
    start = time.monotonic()
    parts.dispatch.close(0.3)
    assert time.monotonic() - start < 10
    assert balanced(parts.ledger).dropped == {"closed": 1}
    parts.target.gate.set()


def test_close_is_safe_without_start_and_twice(parts):
    parts.dispatch.close(1.0)
    parts.dispatch.close(1.0)
    assert [call for call, _ in parts.target.calls] == ["close"]
    parts.put("late")
    assert balanced(parts.ledger).dropped == {"closed": 1}


def test_start_twice_makes_one_thread(parts):
    before = set(threading.enumerate())
    parts.dispatch.start()
    parts.dispatch.start()
    assert len(set(threading.enumerate()) - before) == 1


def test_parcels_put_by_many_threads_all_arrive(parts):
    parts.target.answers = [Unavailable("busy")] * 3

    def put(number):
        for index in range(25):
            parts.put(f"{number}-{index}")

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    parts.wait_for(lambda: len(parts.target.accepted) == 100)
    assert len(set(parts.target.accepted)) == 100


def test_where_there_is_no_room_for_a_thread_the_next_parcels_try_again(parts, monkeypatch):
    def full(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "start", full)
        with pytest.raises(StartError, match="a storage needs a thread, and can't start"):
            parts.dispatch.start()
        parts.sender.open = None  # once is enough
    parts.put("a")
    parts.wait_for(lambda: parts.target.accepted == ["a"])


def test_close_lets_go_of_a_target_that_would_be_tried_much_later():
    parts = Parts(first_retry=3600.0)
    parts.target.absent = "away"
    parts.put("a")
    parts.wait_for(lambda: parts.sender.failing == "away")
    parts.dispatch.close(0.2)
    parts.wait_for(lambda: parts.target.calls[-1][0] == "close")
    assert [timeout for call, timeout in parts.target.calls if call == "open"][-1] <= 0.2


class Disk(MemoryQueue):
    """A backlog whose disk does not answer, in one of its methods, before the test lets it."""

    def __init__(self, method):
        super().__init__(10_000, 1000)
        self.entered, self.gate = threading.Event(), threading.Event()
        self.method, whole = method, getattr(super(), method)

        def hang(*arguments):
            self.entered.set()
            self.gate.wait(60)
            return whole(*arguments)

        setattr(self, method, hang)


@pytest.mark.parametrize("method", ["open", "put", "take", "settle", "close"])
def test_close_gives_up_in_time_on_a_disk_that_does_not_answer(method, caplog):
    disk = Disk(method)
    parts = Parts(backlog=disk)
    storing = threading.Thread(target=parts.put, args=("a",))
    storing.start()
    if method != "close":
        assert disk.entered.wait(60)
    start = time.monotonic()
    parts.dispatch.close(0.3)
    assert time.monotonic() - start < 10
    assert "a storage did not end in time: its disk, or its target, hangs" in caplog.text
    balanced(parts.ledger)
    disk.gate.set()
    storing.join(60)
    assert not storing.is_alive()


def test_nothing_is_sent_any_more_after_that():
    disk = Disk("put")
    parts = Parts(backlog=disk)
    storing = threading.Thread(target=parts.put, args=("a",))
    storing.start()
    assert disk.entered.wait(60)
    parts.dispatch.close(0.1)
    disk.gate.set()
    storing.join(60)
    assert parts.sender.attempt() is None
    assert parts.target.accepted == []


def test_where_there_is_no_room_for_a_thread_close_ends_by_itself(parts, monkeypatch):
    def full(thread):
        raise RuntimeError("can't start new thread")

    parts.put("a")
    parts.wait_for(lambda: parts.target.accepted == ["a"])
    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "start", full)
        parts.dispatch.close(5.0)
    assert parts.target.calls[-1][0] == "close"


@pytest.mark.parametrize("error", [MemoryError(), KeyError("odd"), SystemExit(1)])
@pytest.mark.parametrize("method", ["take", "settle", "release"])
def test_whatever_a_backlog_raises_the_thread_goes_on(error, method):
    queue, left = MemoryQueue(10_000, 1000), [error] * 3
    whole = getattr(queue, method)

    def breaks(*arguments):
        if left:
            raise left.pop()
        return whole(*arguments)

    setattr(queue, method, breaks)
    parts = Parts(backlog=queue)
    parts.target.answers = [Unavailable("busy")] * (3 if method == "release" else 0)
    for name in "abcdef":
        parts.put(name)
        time.sleep(0.02)
    parts.wait_for(lambda: not left and "f" in parts.target.accepted)
    assert [thread.name for thread in threading.enumerate()].count("a storage") == 1
    parts.dispatch.close(5.0)
