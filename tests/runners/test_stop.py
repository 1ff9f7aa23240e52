"""SIGTERM and SIGINT end a run; a second signal changes nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from wca.runners.stop import StopSignals


@pytest.fixture(autouse=True)
def restore_handlers():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


#: A program of its own: one that exits after the signal ends the whole process.
PROGRAM = """
import os, signal, sys, threading, time
from wca.runners.stop import StopSignals

number = signal.Signals[sys.argv[1]]
stop = threading.Event()
with StopSignals(stop, exits=True) as signals:
    with signals.interruptible(30):
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)  # while closing
os.kill(os.getpid(), number)  # on the way out
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
print("ended", flush=True)
time.sleep(float(sys.argv[2]))
"""


def run_program(number, seconds):
    arguments = [sys.executable, "-c", PROGRAM, number, str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_sets_the_event_and_further_ones_change_nothing(number):
    result = run_program(number, 0)
    assert (result.stdout, result.returncode) == ("ended\n", 0), result.stderr


def test_a_program_that_does_not_end_after_the_signal_is_ended():
    result = run_program("SIGTERM", 3600)
    assert (result.stdout, result.returncode) == ("ended\n", 1), result.stderr


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


def test_a_signal_in_the_middle_of_a_wait_for_the_event_never_hangs():
    """A handler that set the event itself would wait for the lock that the wait holds."""
    for _ in range(50):
        stop = threading.Event()
        with StopSignals(stop) as signals, signals.interruptible(30):
            killer = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM))
            killer.start()
            while not stop.wait(0.00001):
                pass
            killer.join()


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
