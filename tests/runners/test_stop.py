"""SIGTERM and SIGINT end a run; a second signal changes nothing."""

import os
import signal
import threading
import time

import pytest

from wca.runners.stop import StopSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_a_second_one_changes_nothing(number):
    stop, before = threading.Event(), signal.getsignal(number)
    with StopSignals(stop, 30), StopSignals(threading.Event(), 30):
        pass
    with StopSignals(stop, 30) as signals:
        with signals.interruptible():
            os.kill(os.getpid(), number)
            assert stop.wait(10)
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # while closing
    assert signal.getsignal(number) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_call_that_waits_for_ever_is_left_when_the_grace_is_over():
    reached = []
    with StopSignals(threading.Event(), 0.1) as signals:
        with signals.interruptible():
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
        with StopSignals(threading.Event(), 1) as signals, signals.interruptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
