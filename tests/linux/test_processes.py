"""What /proc says of one process: the moment of its start."""

import os
import threading
import time
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from wca.linux.files import Kernel
from wca.linux.processes import START_TICK, seconds_at_start


def since_boot():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_start_of_a_thread_is_told_by_the_clock_since_boot():
    ended, started = threading.Event(), []

    def work():
        started.append(threading.get_native_id())
        ended.wait()

    before = since_boot()
    thread = threading.Thread(target=work)
    thread.start()
    while not started:
        time.sleep(0.001)
    after = since_boot()
    at = seconds_at_start(Kernel(), f"/proc/{os.getpid()}/task/{started[0]}")
    ended.set()
    thread.join()
    assert before - START_TICK <= at <= after


def test_of_a_process_that_has_ended_it_is_not_known():
    assert seconds_at_start(Kernel(), "/proc/999999999") is None


@given(st.one_of(st.binary(max_size=400), st.text("0 )(SR9", max_size=200).map(str.encode)))
def test_whatever_the_file_holds_the_answer_is_a_time_or_none(data):
    at = seconds_at_start(SimpleNamespace(read=lambda path: data), "/proc/1")
    assert at is None or at >= 0
