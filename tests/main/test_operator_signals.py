"""SIGHUP and SIGUSR1 in this process: what is done, for how long, and what is left afterwards."""

import logging
import os
import signal
import threading
import time

import pytest

from wca.commands.operator_signals import OperatorSignals
from wca.logger import LogLevels

SECONDS = 10


@pytest.fixture
def levels():
    """Levels of the log, which are what they were at the end."""
    known = {name: logging.getLogger(name).level for name in ("", "wca", "wca.part", "other")}
    handlers = list(logging.getLogger().handlers)
    yield LogLevels({"other": "ERROR"})
    for name, level in known.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers


def tell(number):
    os.kill(os.getpid(), number)


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_asked_for_before_somebody_obeys_is_done_then(levels):
    asked = []
    with OperatorSignals(levels) as signals:
        tell(signal.SIGHUP)
        time.sleep(0.05)
        assert not asked
        signals.obey(lambda: asked.append(threading.current_thread().name))
        wait_for(lambda: asked)
    assert asked == ["operator"]


def test_a_reload_that_breaks_keeps_nobody_from_the_next_one(levels, caplog):
    asked = []

    def reload():
        asked.append(None)
        raise RuntimeError("broken")

    with OperatorSignals(levels) as signals:
        signals.obey(reload)
        for count in (1, 2):
            tell(signal.SIGHUP)
            wait_for(lambda count=count: len(asked) == count)
    assert "the reload failed" in caplog.text


def test_more_is_logged_for_as_long_as_was_said_and_not_longer(levels):
    with OperatorSignals(levels, seconds=0.2) as signals:
        signals.obey(lambda: None)
        tell(signal.SIGUSR1)
        wait_for(lambda: logging.getLogger("wca").level == logging.DEBUG)
        wait_for(lambda: logging.getLogger("wca").level == logging.INFO)


def test_more_is_logged_of_every_module_of_ours_and_of_no_other(levels):
    levels.use({"wca.part": "WARNING"})
    assert logging.getLogger("wca.part").level == logging.WARNING
    levels.show_more(more=True)
    assert logging.getLogger("wca.part").getEffectiveLevel() == logging.DEBUG
    assert logging.getLogger("other").level == logging.ERROR
    levels.show_more(more=False)
    assert logging.getLogger("wca.part").level == logging.WARNING
    levels.use({})
    assert logging.getLogger("wca.part").level == logging.NOTSET
    assert logging.getLogger("wca").level == logging.INFO


def test_both_signals_mean_afterwards_what_they_meant_before(levels):
    before = [signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)]
    with OperatorSignals(levels) as signals:
        signals.obey(lambda: None)
        assert signal.getsignal(signal.SIGHUP) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)] == before
    assert "operator" not in [one.name for one in threading.enumerate()]


def test_outside_the_main_thread_nothing_is_taken(levels):
    def run():
        with OperatorSignals(levels) as signals:
            signals.obey(lambda: None)

    thread = threading.Thread(target=run)
    before = signal.getsignal(signal.SIGHUP)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert signal.getsignal(signal.SIGHUP) == before
