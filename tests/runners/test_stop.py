"""SIGTERM and SIGINT end a run; a second signal changes nothing."""

import os
import signal
import threading
import time

import pytest

from wca.runners.stop import StopSignals


@pytest.fixture(autouse=True)
def restore_handlers():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_further_ones_change_nothing(number):
    stop = threading.Event()
    with StopSignals(stop, exits=True) as signals:
        with signals.interruptible(30):
            os.kill(os.getpid(), number)
            assert stop.wait(10)
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # while closing
    os.kill(os.getpid(), number)  # on the way out
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_program_that_goes_on_gets_its_handlers_back():
    received = []
    signal.signal(signal.SIGTERM, lambda *_: received.append("own"))
    with StopSignals(threading.Event()) as signals, signals.interruptible(30):
        os.kill(os.getpid(), signal.SIGTERM)
    assert received == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert received == ["own"]


def test_a_run_that_no_signal_ended_leaves_everything_as_it_was():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with StopSignals(threading.Event()) as signals, signals.interruptible(30):
        pass
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_call_that_waits_for_ever_is_left_when_the_grace_is_over():
    reached = []
    with StopSignals(threading.Event()) as signals:
        with signals.interruptible(0.1):
            os.kill(os.getpid(), signal.SIGTERM)
            try:
                time.sleep(60)
            except Exception:  # noqa: BLE001 - as a plugin may do
                reached.append("swallowed")
        reached.append("closing")
    assert reached == ["closing"]


def test_outside_the_main_thread_it_does_nothing():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run():
        with StopSignals(threading.Event()) as signals, signals.interruptible(1):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_block_after_the_signal_has_its_time_from_its_beginning():
    reached = []
    with StopSignals(threading.Event()) as signals:
        with signals.interruptible(30):
            os.kill(os.getpid(), signal.SIGTERM)
        with signals.interruptible(0.1):
            time.sleep(60)
        reached.append("closed")
    assert signals.received
    assert reached == ["closed"]


def test_what_swallows_an_interruption_gets_another():
    caught = []
    with StopSignals(threading.Event()) as signals, signals.interruptible(0.05):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            time.sleep(60)
        except BaseException as error:  # noqa: BLE001 - as a plugin may do
            caught.append(error)
        time.sleep(60)
    assert len(caught) == 1
