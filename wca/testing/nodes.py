"""For tests of nodes, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from wca.abilities import ability, ability_problems
from wca.config.types import LabelName
from wca.errors import TaskSynchronizationException
from wca.linux.cgroups import normal_cgroup_path
from wca.nodes.api import KeepsList, Node, Task
from wca.testing.leaks import open_things

__all__ = ["NodeContract"]

#: What a machine that is busy with other things may add to a time that was promised, in seconds.
_PATIENCE = 10.0
#: Starts after which what stays behind of each is more than what a source has yet to close.
_ROUNDS = 5
#: Seconds that a node may wait for its source: the longest timeout that ours can be given.
_LONGEST_TIMEOUT = 60.0


class NodeContract:
    """What every node must do.

    Make a subclass named ``Test...`` and override ``node``, and what else there is::

        class TestMyNode(NodeContract):
            @pytest.fixture(autouse=True)
            def server(self):
                with my_server() as self.server:
                    yield

            def node(self):
                return MyNode(self.server.url)

            @contextlib.contextmanager
            def away(self):
                with self.server.paused():
                    yield

            @contextlib.contextmanager
            def malformed(self):
                with self.server.adding({"id": 7}):
                    yield
    """

    def node(self) -> Node:
        """Make a node that has at least one task here, with a new source each time or the same."""
        raise NotImplementedError

    def away(self) -> contextlib.AbstractContextManager[Any] | None:
        """While it is entered the source does not answer; None: it cannot be away."""
        return None

    def malformed(self) -> contextlib.AbstractContextManager[Any] | None:
        """While it is entered the source lists an entry that makes no sense besides the others.

        None: it cannot list such a thing.
        """
        return None

    @contextlib.contextmanager
    def started(self) -> Iterator[Node]:
        """A node between ``start`` and ``close``, where it has these."""
        node = self.node()
        try:
            _call(node, "start")
            yield node
        finally:
            _call(node, "close", 5.0)

    def test_it_is_a_node(self) -> None:
        """The configuration gives a runner only what derives from Node."""
        assert isinstance(self.node(), Node)

    def test_its_abilities_can_be_called(self) -> None:
        """Optional methods have the parameters with which the loop calls them."""
        assert ability_problems(self.node()) == []

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine: the constructor only stores and validates."""
        self.node()  # what is imported on first use
        before = open_things()
        node = self.node()
        assert open_things() == before, f"{type(node).__name__}() opened something"

    def test_tasks_are_well_formed(self) -> None:
        """Text where text is due, unique ids, normal cgroup paths, labels that can be exported."""
        with self.started() as node:
            tasks = list(node.get_tasks())
        assert tasks, "the contract needs a node with a task"
        ids = [task.task_id for task in tasks]
        assert len(set(ids)) == len(ids), "two tasks have one id"
        for task in tasks:
            _check(task)

    def test_nothing_new_is_the_same_list(self) -> None:
        """Two questions in a row have one answer, in one order."""
        with self.started() as node:
            first, second = list(node.get_tasks()), list(node.get_tasks())
        assert [vars(one) for one in first] == [vars(one) for one in second]

    def test_it_can_be_started_again(self) -> None:
        """After ``close`` it works like a new one."""
        node = self.node()
        for _ in range(2):
            _call(node, "start")
            try:
                assert list(node.get_tasks())
            finally:
                _call(node, "close", 5.0)

    def test_close_is_safe_without_start_and_twice(self) -> None:
        """A start that failed half way is closed, too."""
        node = self.node()
        _call(node, "close", 1.0)
        with self.started() as node:
            _call(node, "close", 1.0)

    def test_nothing_stays_behind(self) -> None:
        """No descriptor, no thread."""
        with self.started() as node:  # what is opened once for all
            list(node.get_tasks())
        before = _count()
        for _ in range(_ROUNDS):
            with self.started() as node:
                list(node.get_tasks())
        end = time.monotonic() + _PATIENCE  # a source in this process may close its side later
        while _count() > before and time.monotonic() < end:
            time.sleep(0.05)
        assert _count() <= before, f"{type(node).__name__} leaves something open each time"

    def test_a_source_that_is_away_at_start_does_not_keep_the_agent_from_starting(self) -> None:
        """It says so when it is asked, in time, with the one error that means this."""
        away = self.away()
        if away is None:
            return
        with away:
            start = time.monotonic()
            with self.started() as node:
                assert _reason(node), "it does not say why it has no list"
                assert time.monotonic() - start < _LONGEST_TIMEOUT + _PATIENCE

    def test_the_last_list_is_kept_while_the_source_is_away(self) -> None:
        """And its age is told."""
        away = self.away()
        if away is None:
            return
        with self.started() as node:
            known = list(node.get_tasks())
            with away:
                for _ in range(3):
                    assert list(node.get_tasks()) == known
                    time.sleep(0.1)
                assert isinstance(node, KeepsList)
                assert all(age >= 0 for age in node.list_ages().values())

    def test_close_keeps_its_deadline_while_the_source_is_away(self) -> None:
        """The agent ends when it is told to."""
        away = self.away()
        if away is None:
            return
        with self.started() as node, away:
            list(node.get_tasks())
            start = time.monotonic()
            _call(node, "close", 0.5)
            assert time.monotonic() - start < 0.5 + _PATIENCE

    def test_a_malformed_entry_costs_itself(self) -> None:
        """The other tasks are listed as before."""
        malformed = self.malformed()
        if malformed is None:
            return
        with self.started() as node:
            known = list(node.get_tasks())
        with malformed, self.started() as node:
            listed = list(node.get_tasks())
            assert [task for task in listed if task in known] == known
            for task in listed:
                _check(task)


def _check(task: Task) -> None:
    assert isinstance(task, Task)
    for text in (task.name, task.task_id, task.cgroup_path, *task.subcgroups_paths):
        assert isinstance(text, str), task
        assert text, task
    for path in (task.cgroup_path, *task.subcgroups_paths):
        assert path == normal_cgroup_path(path), f"{path!r} is no normal cgroup path"
    for name, value in task.labels.items():
        LabelName().check(name)
        assert isinstance(value, str), f"label {name} is {type(value).__name__}"
    for name, amount in task.resources.items():
        assert isinstance(name, str)
        assert isinstance(amount, (int, float, str)), f"resource {name} is {type(amount).__name__}"
        assert not isinstance(amount, bool), f"resource {name} is a bool"


def _count() -> int:
    descriptors, threads = open_things()
    return len(descriptors) + threads


def _reason(node: Node) -> str:
    try:
        tasks = list(node.get_tasks())
    except TaskSynchronizationException as error:
        return str(error)
    raise AssertionError(f"it has a list that nobody can have given: {tasks}")


def _call(node: Node, name: str, *arguments: Any) -> None:
    method = ability(node, name)
    if method is not None:
        method(*arguments)
