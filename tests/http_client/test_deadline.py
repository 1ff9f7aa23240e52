"""The end of several steps, which another thread may bring about."""

import socket
import threading

import pytest

from wca.http_client.deadline import Deadline
from wca.testing import FakeClock


def test_what_is_left_shrinks_until_nothing_is():
    clock = FakeClock()
    deadline = Deadline(clock)
    deadline.begin(10)
    clock.advance(4)
    assert deadline.left == 6
    clock.advance(6)
    with pytest.raises(TimeoutError):
        _ = deadline.left
    deadline.begin(1)
    assert deadline.left == 1


def test_a_cut_ends_a_wait_at_once_and_a_new_begin_forgets_it():
    deadline = Deadline(FakeClock())
    here, there = socket.socketpair()
    with here, there:
        deadline.begin(60)
        deadline.waits_for(here)
        read = []
        waiting = threading.Thread(target=lambda: read.append(here.recv(1)))
        waiting.start()
        deadline.cut()
        waiting.join(20)
        assert read == [b""]
    with pytest.raises(TimeoutError):
        _ = deadline.left
    deadline.cut()  # the connection is closed by now
    deadline.begin(3)
    assert deadline.left == 3
