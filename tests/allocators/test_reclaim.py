"""MemoryReclaimAllocator: a little less of what is not used, and hands off as soon as it is felt."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocators import AllocationType, MemoryReclaimAllocator, Tiers
from wca.errors import ValidationError
from wca.testing.detectors import a_platform, a_task

HIGH, MAX, RECLAIM = (
    AllocationType.MEMORY_HIGH,
    AllocationType.MEMORY_MAX,
    AllocationType.MEMORY_RECLAIM,
)
MIB = 1 << 20
BATCH = Tiers(best_effort={"task_name": "batch.*"})


class Node:
    """Tasks with memory, and an allocator that is asked every second."""

    def __init__(self, **options):
        self.allocator = MemoryReclaimAllocator(**{"tiers": BATCH, **options})
        self.time = 0.0
        self.usage = {"batch": 1000 * MIB, "web": 1000 * MIB}
        self.stalled = {"batch": 5.0, "web": 1.0}
        self.high = dict.fromkeys(self.usage, "max")
        self.most = "max"
        self.obey = True

    def tasks(self):
        tasks = {}
        for name, usage in self.usage.items():
            numbers = {"task_mem_usage_bytes": usage}
            if name in self.stalled:
                numbers["task_psi_memory_some_seconds"] = self.stalled[name]
            tasks[name] = a_task(name, numbers)
            tasks[name].allocations = {HIGH: self.high[name], MAX: self.most}
        return tasks

    def ask(self, stalled=0.0):
        """One interval; what is asked for the batch task."""
        self.time += 1.0
        if "batch" in self.stalled:
            self.stalled["batch"] += stalled
        answer, _, self.metrics = self.allocator.allocate(a_platform(self.time), self.tasks())
        assert answer.keys() <= {"batch"}
        asked = answer.get("batch", {})
        if HIGH in asked and self.obey:
            self.high["batch"] = asked[HIGH]
        return asked

    def asks(self, seconds, stalled=0.0):
        return [self.ask(stalled) for _ in range(seconds)]


def test_a_small_share_is_taken_in_each_round():
    node = Node()
    asked = node.asks(14)
    taken = 10 * MIB
    assert [one for one in asked if one] == [{RECLAIM: taken}] * 2
    assert [place for place, one in enumerate(asked) if one] == [6, 12]
    assert [metric.value for metric in node.metrics] == [1, 2 * taken]


def test_less_is_taken_the_more_the_task_has_waited():
    calm, tense = ([one for one in Node().asks(8, stalled) if one] for stalled in (0.0, 0.0005))
    assert 0 < tense[0][RECLAIM] < 0.6 * calm[0][RECLAIM]


def test_a_task_that_has_waited_too_long_is_left_alone_for_a_while():
    node = Node()
    node.asks(3)
    assert node.ask(stalled=0.1) == {}
    assert node.asks(60) == [{}] * 60
    assert any(node.asks(7))


def test_tasks_that_are_not_best_effort_are_not_touched():
    assert Node(tiers=Tiers()).asks(20) == [{}] * 20
    both = Tiers(best_effort={"task_name": ".*"}, latency_critical={"task_name": "batch"})
    node = Node(tiers=both)
    del node.usage["web"]
    assert node.asks(20) == [{}] * 20


def test_every_task_keeps_the_least():
    node = Node(least=995 * MIB)
    assert [one for one in node.asks(8) if one] == [{RECLAIM: 5 * MIB}]
    node.usage["batch"] = 995 * MIB
    assert node.asks(20) == [{}] * 20


def test_as_a_limit_it_stays_and_goes_down_with_what_is_used():
    node = Node(by="memory_high")
    asked = node.asks(8)
    assert asked[6:] == [{HIGH: 990 * MIB}] * 2
    node.usage["batch"] = 990 * MIB
    asked = node.asks(6)[-1][HIGH]
    assert asked == int(990 * MIB * 0.99) // 4096 * 4096


def test_a_limit_that_is_felt_is_given_back_at_once():
    node = Node(by="memory_high")
    node.high["batch"] = 2000 * MIB
    node.asks(8)
    assert node.high["batch"] == 990 * MIB
    assert node.ask(stalled=0.1) == {HIGH: 2000 * MIB}
    why = node.allocator.reasons()["batch", "memory_high"]
    assert why.startswith("it waited 0.1 s for memory in ")
    assert node.asks(30) == [{}] * 30


def test_a_limit_that_could_not_be_given_back_is_asked_to_be_again():
    node = Node(by="memory_high")
    node.asks(8)
    node.obey = False
    assert node.asks(3, stalled=0.1) == [{HIGH: "max"}] * 3
    node.obey = True
    assert node.asks(2) == [{HIGH: "max"}, {}]


@pytest.mark.parametrize("by", ["memory_high", "memory_reclaim"])
def test_a_limit_that_somebody_else_changes_is_theirs(by):
    node = Node(by=by)
    node.asks(8)
    node.high["batch"] = 700 * MIB
    assert node.asks(60) == [{}] * 60
    if by == "memory_high":
        node.usage["batch"] = 700 * MIB
        assert node.asks(7)[-1] == {HIGH: int(700 * MIB * 0.99) // 4096 * 4096}
        assert node.ask(stalled=1.0) == {HIGH: 700 * MIB}, "theirs comes back, and not ours"


def test_another_limit_of_memory_counts_too():
    node = Node()
    node.asks(5)
    node.most = 1200 * MIB
    assert node.asks(60) == [{}] * 60


def test_a_limit_of_somebody_else_below_the_least_is_not_raised():
    node = Node(by="memory_high")
    node.high["batch"] = 50 * MIB
    assert node.asks(20) == [{}] * 20


def test_a_request_that_is_refused_changes_nothing_of_the_next():
    node = Node(by="memory_high")
    node.obey = False
    assert {one[HIGH] for one in node.asks(40) if one} == {990 * MIB}


def test_without_pressure_it_says_once_that_it_takes_cgroup_v2(caplog):
    node = Node()
    del node.stalled["batch"]
    with caplog.at_level(logging.WARNING):
        assert node.asks(20) == [{}] * 20
    (message,) = caplog.messages
    assert message == (
        "task batch is left alone: its memory, or how long it waits for it, is not measured, "
        "which takes cgroup v2 with memory.pressure"
    )


def test_a_rest_is_a_round_at_least():
    with pytest.raises(ValidationError, match="rest: 3 s is shorter than a round of 6 s"):
        MemoryReclaimAllocator(rest=3.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.001, 0.02, -3.0]),
        st.sampled_from([0, 64, 99, 101, 150, 1000, 5000]),
        st.sampled_from(["max", "max", "ours", "ours", "ours", 300 * MIB]),
    ),
    min_size=10,
    max_size=80,
)


@given(STEPS, st.sampled_from(["memory_high", "memory_reclaim"]))
def test_whatever_happens_the_bounds_are_kept(steps, by):
    """Never below the least, never more than a share, nothing after it was felt until it has rested."""
    node = Node(by=by, every=2.0, rest=5.0)
    node.obey, rested = False, 0.0
    for place, (stalled, usage, high) in enumerate(steps):
        node.usage["batch"] = usage * MIB
        before = node.high["batch"]
        asked = node.ask(stalled)
        if place and stalled > 0.001 * 2.0:  # a first total says nothing of what it was before
            rested = node.time + 5.0
        if RECLAIM in asked:
            assert 0 < asked[RECLAIM] <= min(usage * MIB * 0.01, (usage - 100) * MIB)
        if asked.get(HIGH, "max") != "max" and asked[HIGH] != 300 * MIB:
            assert asked[HIGH] >= 100 * MIB
        if RECLAIM in asked:
            assert node.time >= rested
        node.high["batch"] = asked.get(HIGH, before) if high == "ours" else high
