"""Events to those who look: of each topic the newest, and nothing piles up."""

import json
import threading

import pytest

from wca.testing.clock import FakeClock
from wca.web.channel import Channel


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def channel(clock):
    made = Channel("news", clock.monotonic)
    yield made
    made.close()


def told(stream, count):
    """What so many events hold."""
    found = []
    while len(found) < count:
        text = next(stream).decode()
        if "event: news" in text:
            assert text.endswith("\n\n")
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
            found.append(json.loads(fields["data"]))
    return found


def test_who_comes_is_told_of_every_topic_and_then_of_those_that_change(channel):
    channel.publish("a", lambda: {"a": 1})
    channel.publish("b", lambda: {"b": 1})
    stream = channel.follow()
    assert told(stream, 2) == [{"a": 1}, {"b": 1}]
    channel.publish("a", lambda: {"a": 2})
    assert told(stream, 1) == [{"a": 2}]
    assert next(stream) == b""


def test_a_slow_follower_gets_the_newest_and_nothing_piles_up(channel):
    stream = channel.follow()
    for number in range(100):
        channel.publish("a", lambda number=number: number)
    assert told(stream, 1) == [99]
    assert next(stream) == b""


def test_nothing_is_made_while_nobody_follows_and_once_for_all_who_do(channel):
    made = []

    def make():
        made.append(1)
        return "text"

    channel.publish("a", make)
    assert made == []
    assert [told(channel.follow(), 1) for _ in range(3)] == [["text"]] * 3
    assert made == [1]


def test_a_line_in_a_text_makes_no_second_event(channel):
    channel.publish("a", lambda: "a\n\nevent: news\ndata: {}")
    stream = channel.follow()
    assert told(stream, 1) == ["a\n\nevent: news\ndata: {}"]
    assert next(stream) == b""


def test_a_quiet_connection_gets_a_sign_of_life(channel, clock):
    stream = channel.follow()
    next(stream)
    assert next(stream) == b""
    clock.advance(15.0)
    assert next(stream) == b":\n\n"
    assert next(stream) == b""


def test_closing_ends_those_who_wait(channel):
    stream = channel.follow()
    next(stream)
    thread = threading.Thread(target=lambda: list(stream))
    thread.start()
    channel.close()
    thread.join(5)
    assert not thread.is_alive()
