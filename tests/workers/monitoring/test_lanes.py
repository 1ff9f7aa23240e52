"""Calls that wait, on threads that hold nobody."""

import asyncio
import threading
import time

import pytest

from wca.workers.monitoring.lanes import Lane


@pytest.fixture
def lane():
    made = Lane("calls", 2, most=4)
    yield made
    made.close(5)


def call(lane, function, *args, patience=5.0):
    return asyncio.run(lane.call(function, *args, patience=patience))


def test_the_answer_and_the_error_of_a_call_come_back(lane):
    assert call(lane, max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        call(lane, lambda: 1 / 0)


@pytest.mark.parametrize("error", [StopIteration("x"), SystemExit("x"), KeyboardInterrupt("x")])
def test_what_would_end_a_loop_ends_the_call_alone(lane, error):
    def raises():
        raise error

    with pytest.raises(RuntimeError, match=f"{type(error).__name__}: x"):
        call(lane, raises)


def test_so_many_run_at_once_and_no_more(lane):
    running, most, lock = set(), [], threading.Lock()

    def work(number):
        with lock:
            running.add(number)
            most.append(len(running))
        time.sleep(0.02)
        with lock:
            running.discard(number)

    async def several():
        await asyncio.gather(*(lane.call(work, number, patience=5.0) for number in range(4)))

    asyncio.run(several())
    assert max(most) == 2


def test_patience_ends_and_the_loop_goes_on(lane):
    over = threading.Event()
    with pytest.raises(TimeoutError, match=r"calls has not answered for 0\.05 s"):
        call(lane, over.wait, patience=0.05)
    over.set()


def test_a_timeout_of_the_function_is_its_own(lane):
    def late():
        raise TimeoutError("the server is slow")

    with pytest.raises(TimeoutError, match="the server is slow"):
        call(lane, late)


def test_a_backlog_is_refused(lane):
    over = threading.Event()
    for _ in range(4):
        lane.submit(over.wait)
    with pytest.raises(OSError, match="4 calls of calls wait already"):
        lane.submit(over.wait)
    over.set()


def test_a_closed_lane_takes_nothing_and_has_finished(lane):
    done = lane.submit(time.sleep, 0.05)
    lane.close(5)
    assert done.done()
    with pytest.raises(OSError, match="calls is closed"):
        lane.submit(print)
    lane.close(5)


def test_a_call_that_never_returns_does_not_hold_the_end(lane):
    over = threading.Event()
    lane.submit(over.wait)
    begin = time.monotonic()
    lane.close(0.05)
    assert time.monotonic() - begin < 2
    over.set()
