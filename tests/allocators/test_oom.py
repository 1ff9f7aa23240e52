"""OOMAllocator: kills what is configured, when it is configured, one at a time, and nobody else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocators import AllocationType, OOMAllocator, Tiers
from wca.errors import ValidationError
from wca.testing.detectors import a_platform, a_task

KILL = AllocationType.KILL
MIB, GIB = 1 << 20, 1 << 30
HOGS = {"task_name": "hog.*"}
PRESSED = {"name": "thrashing", "pressure_above": 0.6, "lasting": 5, "victims": HOGS}


class Node:
    """A machine that is asked about every second."""

    def __init__(self, *rules, step=1.0, **options):
        self.allocator = OOMAllocator([*rules], **options)
        self.time, self.step = 0.0, step
        self.sizes = {"hog-1": 1000 * MIB, "hog-2": 2000 * MIB, "web": 4000 * MIB}
        self.growth = dict.fromkeys(self.sizes, 0.0)
        self.stalls = dict.fromkeys(self.sizes, 0.0)
        self.labels = {}
        self.pressure, self.available, self.swap = 0.0, 8 * GIB, (GIB, GIB)
        self.totals = dict.fromkeys([*self.sizes, ""], 0.0)

    def ask(self):
        """Who is to be killed now, and why."""
        self.time += self.step
        self.totals[""] += self.pressure * self.step
        tasks = {}
        for name in self.sizes:
            self.totals[name] += self.stalls[name] * self.step
            self.sizes[name] += self.growth[name] * self.step
            numbers = {
                "task_mem_usage_bytes": self.sizes[name],
                "task_psi_memory_full_seconds": self.totals[name],
            }
            tasks[name] = a_task(name, numbers, self.labels.get(name))
        machine = {
            "platform_psi_memory_full_seconds": self.totals[""],
            "platform_mem_total_bytes": 16 * GIB,
            "platform_mem_available_bytes": self.available,
            "platform_swap_total_bytes": self.swap[0],
            "platform_swap_free_bytes": self.swap[1],
        }
        platform = a_platform(self.time, machine)
        answer, _, self.metrics = self.allocator.allocate(platform, tasks)
        assert len(answer) <= 1
        return {name: asked[KILL] for name, asked in answer.items()}

    def kills(self, seconds):
        """Who, by second."""
        found = {}
        for second in range(seconds):
            for name in self.ask():
                found[second] = name
        return found


def test_without_rules_nothing_happens():
    node = Node()
    node.pressure, node.available, node.swap = 1.0, 0, (GIB, 0)
    assert node.kills(100) == {}


def test_pressure_has_to_last_and_the_reason_says_what_it_was():
    node = Node(PRESSED)
    node.kills(20)
    node.pressure = 0.95
    told = [one for one in (node.ask() for _ in range(15)) if one]
    assert [list(one) for one in told] == [["hog-2"]]
    assert told[0]["hog-2"].startswith("thrashing: memory pressure ")
    assert told[0]["hog-2"].endswith("(above 60.0%) for 5 s; it is the largest of 2, has 2000 MiB")


def test_what_does_not_last_is_nothing():
    node = Node(PRESSED)
    for _ in range(10):
        node.pressure = 1.0
        assert node.kills(7) == {}
        node.pressure = 0.0
        assert node.kills(12) == {}


def test_one_at_a_time_and_a_pause_after_each():
    node = Node(PRESSED, pause=30.0)
    node.pressure = 1.0
    kills = node.kills(100)
    assert set(kills.values()) == {"hog-2"}
    seconds = sorted(kills)
    assert all(b - a >= 30 for a, b in itertools.pairwise(seconds))
    del node.sizes["hog-2"]
    assert set(node.kills(40).values()) == {"hog-1"}


def test_nobody_is_killed_who_is_not_named_or_matters():
    node = Node({**PRESSED, "victims": {"task_name": "none"}})
    node.pressure = 1.0
    assert node.kills(60) == {}
    everybody = {**PRESSED, "victims": {"task_name": ".*"}}
    node = Node(everybody, tiers=Tiers(latency_critical={"task_name": "web|hog-2"}))
    node.pressure = 1.0
    assert set(node.kills(60).values()) == {"hog-1"}


def test_a_task_without_the_label_is_no_victim_whatever_the_expression():
    node = Node({**PRESSED, "victims": {"app": ".*"}})
    node.pressure = 1.0
    node.labels["hog-1"] = {"app": ""}
    assert set(node.kills(60).values()) == {"hog-1"}


def test_a_guaranteed_pod_is_never_killed():
    node = Node({**PRESSED, "victims": {"task_name": ".*"}})
    node.pressure = 1.0
    node.labels["web"] = {"app_kubernetes_io__qos_class": "guaranteed"}
    assert set(node.kills(60).values()) == {"hog-2"}


def test_all_conditions_of_a_rule_have_to_be_met():
    node = Node({**PRESSED, "available_below": 0.05, "swap_free_below": 0.1})
    node.pressure = 1.0
    assert node.kills(30) == {}
    node.available = 0.04 * 16 * GIB
    assert node.kills(30) == {}
    node.swap = (GIB, 0.05 * GIB)
    assert set(node.kills(30).values()) == {"hog-2"}


def test_without_swap_space_none_of_it_is_free_or_not():
    node = Node({"swap_free_below": 0.9, "lasting": 0, "victims": HOGS})
    node.swap = (0, 0)
    assert node.kills(30) == {}


def test_growth_of_the_machine_and_who_grows_fastest():
    rule = {"growth_above": 10 * MIB, "lasting": 3, "victims": HOGS, "by": "growth"}
    node = Node(rule)
    node.growth["hog-1"] = 50 * MIB
    assert node.kills(20) == {}, "the memory of the machine is what counts"
    node = Node({**rule, "of": {"task_name": "hog.*"}})
    node.growth["hog-1"] = 50 * MIB
    assert set(node.kills(20).values()) == {"hog-1"}


def test_pressure_of_tasks_and_who_waits_most():
    node = Node({**PRESSED, "of": {"task_name": "web"}, "by": "pressure"})
    node.stalls |= {"hog-1": 0.5, "hog-2": 0.1}
    assert node.kills(30) == {}
    node.stalls["web"] = 0.9
    assert set(node.kills(30).values()) == {"hog-1"}


def test_what_is_small_is_not_worth_it():
    node = Node({**PRESSED, "least": 3000 * MIB})
    node.pressure = 1.0
    assert node.kills(30) == {}


def test_a_gap_in_what_is_seen_begins_anew():
    node = Node(PRESSED)
    node.pressure = 1.0
    node.kills(8)
    node.time += 1000
    assert node.kills(8) == {}


def test_metrics_tell_which_rule_is_met():
    node = Node(PRESSED)
    node.pressure = 1.0
    node.kills(11)
    assert [(one.name, one.value, one.labels) for one in node.metrics] == [
        ("allocation_oom_rules_met", 1, {"rule": "thrashing"}),
        ("allocation_oom_kills_asked", 0, {"rule": "thrashing"}),
    ]


def test_rules_of_one_name_are_told_apart():
    node = Node(PRESSED, PRESSED)
    node.ask()
    assert {one.labels["rule"] for one in node.metrics} == {"thrashing", "thrashing (2)"}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"available_below": 0.1}], "nobody may be killed by this rule: write victims"),
        ([{"victims": HOGS}], "it would always kill: write one of pressure_above"),
        ([{"victims": {"a": "("}, "available_below": 0.1}], "victims: a: '\\(' is no regular"),
        ([{"victims": HOGS, "of": HOGS, "available_below": 0.1}], "of is about pressure_above"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rules, message):
    with pytest.raises(ValidationError, match=message):
        OOMAllocator(rules)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.0]),
        st.sampled_from([0.01, 0.5]),
        st.sampled_from([0.2, 1.0, 1.0, 40.0, -10.0]),
        st.sampled_from(["hog-1", "hog-2", "web", "", ""]),
    ),
    min_size=20,
    max_size=120,
)


@given(STEPS, st.sampled_from(["size", "pressure", "growth"]))
def test_whatever_happens_only_victims_are_killed_and_never_two_within_the_pause(steps, by):
    """The pressure has been above its bound for as long as the rule says, as the machine had it."""
    rule = {**PRESSED, "available_below": 0.1, "by": by}
    node = Node(rule, tiers=Tiers(latency_critical={"task_name": "web|hog-2"}), pause=10.0)
    node.stalls["hog-1"] = 0.1
    node.growth["hog-1"] = MIB
    last, low_since = -100.0, None
    for pressure, available, step, larger in steps:
        node.pressure, node.available, node.step = pressure, available * 16 * GIB, step
        if step < 0:
            last, low_since = -100.0, None
        gap = node.step > 10.0
        killed = node.ask()
        low = available < 0.1
        low_since = (node.time if low_since is None or gap else low_since) if low else None
        if killed:
            assert list(killed) == ["hog-1"]
            assert node.time - last >= 10.0
            assert low_since is not None
            assert node.time - low_since >= 5.0
            last, low_since = node.time, None
        if larger:
            node.sizes[larger] += 50 * MIB
