"""A node that asks a source on a thread of its own, and keeps its last list."""

import contextlib
import logging
import queue
import threading

import pytest

from wca.errors import TaskSynchronizationException
from wca.nodes import Task
from wca.nodes.kept_list import KeptList
from wca.nodes.polling import PollingNode
from wca.testing import FakeClock, NodeContract


def task(name, **more):
    return Task(name, name, f"/{name}", **more)


class Source:
    """What is listed, or an error; tells when it was asked."""

    def __init__(self, *tasks):
        self.tasks, self.error = list(tasks), None
        self.asked = threading.Semaphore(0)
        self.questions = 0

    @contextlib.contextmanager
    def away(self):
        self.error = TaskSynchronizationException("it is away")
        try:
            yield
        finally:
            self.error = None


class Asking(PollingNode):
    def __init__(self, source, keep=60.0, clock=None):
        super().__init__(keep, clock)
        self.source = source

    def poll(self):
        self.source.questions += 1
        self.source.asked.release()
        if self.source.error is not None:
            raise self.source.error
        return list(self.source.tasks)


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def source(self):
        self.asked = Source(task("one"), task("two"))

    def node(self):
        return Asking(self.asked)

    def away(self):
        return self.asked.away()


class TestKeptList:
    @pytest.fixture
    def clock(self):
        return FakeClock()

    @pytest.fixture
    def kept(self, clock):
        return KeptList("Source", 30.0, clock)

    def test_before_the_first_there_is_none(self, kept):
        with pytest.raises(TaskSynchronizationException, match="has not answered yet"):
            kept.get()
        assert kept.age is None
        kept.fail("it refuses")
        with pytest.raises(TaskSynchronizationException, match="it refuses"):
            kept.get()

    def test_the_last_one_is_given_as_long_as_it_may_be_used(self, kept, clock, caplog):
        kept.put([task("one")])
        clock.advance(10)
        kept.fail("it is away")
        clock.advance(20)
        assert kept.get() == [task("one")]
        assert kept.age == 30
        clock.advance(1)
        with pytest.raises(TaskSynchronizationException, match="it is away; its last list is 31 s"):
            kept.get()
        assert [one.levelname for one in caplog.records] == ["WARNING"]

    def test_a_failure_is_said_once_and_its_end_too(self, kept, caplog):
        caplog.set_level(logging.INFO)
        kept.put([])
        for _ in range(3):
            kept.fail("it is away")
        kept.put([])
        assert [one.message for one in caplog.records] == [
            "Source: it is away; its last list is used for 30 s more",
            "Source gives its tasks again",
        ]

    def test_what_is_old_but_not_doubted_is_given(self, kept, clock):
        kept.put([task("one")])
        clock.advance(1000)
        assert kept.get() == [task("one")]

    def test_a_list_that_says_the_same_is_no_change(self, kept):
        changes = []
        kept.on_change(lambda: changes.append(kept.get()))
        kept.put([task("one")])
        kept.put([task("one")])
        kept.confirm()
        assert len(changes) == 1
        kept.put([task("one", labels={"zone": "a"})])
        kept.put([])
        assert len(changes) == 3

    def test_the_list_that_was_given_cannot_be_changed_from_outside(self, kept):
        given = [task("one")]
        kept.put(given)
        given.append(task("two"))
        kept.get().append(task("three"))
        assert kept.get() == [task("one")]


class TestPollingNode:
    @pytest.fixture
    def source(self):
        return Source(task("one"))

    @pytest.fixture
    def node(self, source):
        node = Asking(source)
        yield node
        node.close()

    def test_start_asks_once_and_has_the_list(self, node, source):
        node.start()
        assert (node.get_tasks(), source.questions) == ([task("one")], 1)

    def test_a_question_is_answered_at_once_and_another_list_wakes_discovery(self, node, source):
        changed = threading.Event()
        node.on_change(changed.set)
        node.start()
        changed.clear()
        source.tasks.append(task("two"))
        assert node.get_tasks() == [task("one")]
        assert changed.wait(20)
        assert node.get_tasks() == [task("one"), task("two")]

    def test_nobody_is_asked_while_nobody_wants_to_know(self, node, source):
        node.start()
        source.asked.acquire(timeout=20)
        assert not source.asked.acquire(timeout=1.2)

    def test_without_start_each_question_is_asked(self, node, source):
        for count in (1, 2):
            assert node.get_tasks() == [task("one")]
            assert source.questions == count

    def test_an_error_that_nobody_expects_is_a_failure_like_any_other(self, node, source):
        source.error = KeyError("status")
        with pytest.raises(TaskSynchronizationException, match="KeyError: 'status'"):
            node.get_tasks()

    def test_pauses_grow_after_failures_and_end_with_the_first_success(self, node, source):
        assert node._pause() == 0.5
        source.error = TaskSynchronizationException("it is away")
        pauses = []
        for _ in range(12):
            with contextlib.suppress(TaskSynchronizationException):
                node.get_tasks()
            pauses.append(node._pause())
        longest = [min(60.0, 2.0**number) for number in range(12)]
        assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
        source.error = None
        node.get_tasks()
        assert node._pause() == 0.5

    def test_a_failure_at_start_does_not_keep_it_from_working_later(self, node, source):
        changed = threading.Event()
        node.on_change(changed.set)
        with source.away():
            node.start()
            with pytest.raises(TaskSynchronizationException, match="it is away"):
                node.get_tasks()
        assert changed.wait(20)
        assert node.get_tasks() == [task("one")]
        assert node.list_ages().keys() == {"Asking"}


class Telling(Asking):
    """A source that tells what changes, until it stops."""

    def __init__(self, source):
        super().__init__(source)
        self.told = queue.SimpleQueue()
        self.followed = threading.Semaphore(0)

    def follow(self):
        self.followed.release()
        while (told := self.told.get()) != "ask":
            if told == "fail":
                raise TaskSynchronizationException("it hung up")
            self.heard(told)
        return True

    def interrupt(self):
        self.told.put("ask")


class TestTellingNode:
    @pytest.fixture
    def source(self):
        return Source(task("one"))

    @pytest.fixture
    def node(self, source):
        node = Telling(source)
        yield node
        node.close(20)

    def test_what_is_heard_is_the_list_without_another_question(self, node, source):
        changed = threading.Semaphore(0)
        node.on_change(changed.release)
        node.start()
        assert changed.acquire(timeout=20)
        node.told.put([task("two")])
        assert changed.acquire(timeout=20)
        assert (node.get_tasks(), source.questions) == ([task("two")], 1)

    def test_nothing_new_confirms_the_list(self, node):
        changed = threading.Semaphore(0)
        node.on_change(changed.release)
        node.start()
        assert changed.acquire(timeout=20)
        old = node.list_ages()["Telling"]
        node.told.put(None)
        node.told.put([task("two")])
        assert changed.acquire(timeout=20)
        assert node.list_ages()["Telling"] <= old + 20
        assert node.get_tasks() == [task("two")]

    def test_when_it_stops_telling_it_is_asked_though_nobody_wants_to_know(self, node, source):
        node.start()
        assert source.asked.acquire(timeout=20)
        node.told.put("ask")
        assert source.asked.acquire(timeout=20)

    def test_when_it_hangs_up_that_is_said_and_it_is_asked(self, node, source, caplog):
        node.start()
        assert source.asked.acquire(timeout=20)
        node.told.put("fail")
        assert source.asked.acquire(timeout=20)
        assert "Telling: it hung up; its last list is used for 60 s more" in caplog.messages

    def test_it_is_not_followed_after_the_end(self, node):
        node.start()
        assert node.followed.acquire(timeout=20)
        node.close(20)
        assert not node.followed.acquire(blocking=False)
        assert node.get_tasks() == [task("one")]
