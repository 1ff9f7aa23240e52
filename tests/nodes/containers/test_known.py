"""What is remembered of containers, and whom is asked when."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wca.errors import NotAvailable, TargetGone, TaskSynchronizationException
from wca.nodes.container_client.api import ContainerClient, Details, Listed
from wca.nodes.container_client.known import KnownContainers
from wca.testing import FakeClock


class Client(ContainerClient):
    """Answers for containers by their ids, and takes its time."""

    def __init__(self, clock):
        self.clock = clock
        self.takes = 0.0
        self.errors = {}
        self.asked = []

    def containers(self, timeout):
        raise NotImplementedError

    def details(self, container, timeout):
        assert timeout > 0
        self.asked.append(container.container_id)
        self.clock.advance(self.takes)
        if container.container_id in self.errors:
            raise self.errors[container.container_id]
        return Details(1, (), f"image {len(self.asked)}", {})

    def close(self):
        pass

    def asked_now(self):
        asked, self.asked = self.asked, []
        return asked


def listed(names):
    return [Listed(name, name, "", {}) for name in names]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(clock):
    return Client(clock)


@pytest.fixture
def learn(clock, client):
    known = KnownContainers(lambda container_id, _: f"/{container_id}", clock)

    def learn(names, timeout=5.0):
        return [path for _, _, path in known.learn(client, listed(names), timeout)]

    learn.known = known
    return learn


def test_what_is_known_is_not_asked_for(learn, client):
    for _ in range(3):
        assert learn("ab") == ["/a", "/b"]
    assert client.asked == ["a", "b"]


def test_what_is_not_listed_is_forgotten(learn, client):
    learn("ab")
    learn("b")
    assert client.asked_now() == ["a", "b"]
    learn("ab")
    assert client.asked_now() == ["a"]


def test_who_is_not_asked_in_time_is_asked_the_next_time(learn, client):
    client.takes = 2.0
    assert learn("abcd") == ["/a", "/b", "/c"]
    assert learn("abcd") == ["/a", "/b", "/c", "/d"]
    assert client.asked == ["a", "b", "c", "d"]


def test_a_runtime_that_goes_away_costs_nothing_that_is_known(learn, client):
    client.errors["b"] = TaskSynchronizationException("it is away")
    with pytest.raises(TaskSynchronizationException, match="it is away"):
        learn("abc")
    client.errors.clear()
    client.asked_now()
    assert learn("abc") == ["/a", "/b", "/c"]
    assert client.asked == ["b", "c"]


def test_one_that_is_left_out_is_asked_for_again_after_ten_seconds(learn, client, clock):
    client.errors["a"] = NotAvailable("no spec")
    assert learn("ab") == ["/b"]
    assert learn.known.left_out() == {"a": "no spec"}
    client.errors.clear()
    clock.advance(9)
    assert learn("ab") == ["/b"]
    clock.advance(1)
    assert learn("ab") == ["/a", "/b"]
    assert learn.known.left_out() == {}


def test_new_ones_come_before_those_that_are_left_out(learn, client, clock):
    client.errors["a"] = NotAvailable("no spec")
    learn("a")
    clock.advance(10)
    client.asked_now()
    learn("ab")
    assert client.asked == ["b", "a"]


def test_one_that_seems_to_have_ended_is_told_of_the_second_time(learn, client, clock):
    client.errors["a"] = TargetGone("no process")
    learn("a")
    assert learn.known.left_out() == {}
    clock.advance(10)
    learn("a")
    assert learn.known.left_out() == {"a": "no process"}


def test_one_at_a_time_is_asked_for_again_after_five_minutes(learn, client, clock):
    learn("ab")
    clock.advance(299)
    learn("ab")
    client.asked_now()
    clock.advance(1)
    for name in "ab":
        assert learn("ab") == ["/a", "/b"]
        assert client.asked_now() == [name]
    learn("ab")
    assert client.asked_now() == []


@pytest.mark.parametrize("error", [NotAvailable("no spec"), TargetGone("no process")])
def test_one_that_cannot_be_asked_for_again_stays_what_it_was(learn, client, clock, error):
    learn("a")
    client.errors["a"] = error
    clock.advance(300)
    assert learn("a") == ["/a"]
    assert learn.known.left_out() == {}


class Runtime(RuleBasedStateMachine):
    """Whatever happens, nobody is a task who is not listed, and nobody is both task and left out."""

    @initialize()
    def begin(self):
        self.clock = FakeClock()
        self.client = Client(self.clock)
        self.known = KnownContainers(lambda container_id, _: f"/{container_id}", self.clock)
        self.names, self.tasks = set(), []

    @rule(names=st.sets(st.sampled_from("abcdef")))
    def list(self, names):
        self.names = names

    @rule(name=st.sampled_from("abcdef"), kind=st.sampled_from([None, NotAvailable, TargetGone]))
    def fail(self, name, kind):
        self.client.errors.pop(name, None)
        if kind is not None:
            self.client.errors[name] = kind("reason")

    @rule(seconds=st.floats(0, 400), takes=st.floats(0, 3))
    def wait(self, seconds, takes):
        self.clock.advance(seconds)
        self.client.takes = takes

    @rule()
    def learn(self):
        self.client.asked_now()
        found = self.known.learn(self.client, listed(sorted(self.names)), 5.0)
        self.tasks = [container.container_id for container, _, _ in found]
        assert set(self.tasks) <= self.names
        assert not set(self.tasks) & self.known.left_out().keys()
        asked = self.client.asked
        assert len(set(asked)) == len(asked)

    @precondition(lambda self: self.names)
    @rule()
    def settle(self):
        """In the end everybody is a task for whom the runtime has an answer."""
        self.client.takes = 0.0
        for _ in range(2):
            self.clock.advance(10)
            self.learn()
        assert self.names - self.client.errors.keys() <= set(self.tasks)

    @invariant()
    def nobody_is_told_of_who_is_not_listed(self):
        assert all(reason for reason in self.known.left_out().values())


TestRuntime = Runtime.TestCase
