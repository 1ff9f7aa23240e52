"""SuppressAllocator: when best-effort tasks are held back, how far, and how they come back."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.allocators.node import BATCH, CPUS, IN_FORCE, Node, T, idle, spinner, victim
from wca.allocators import SuppressAllocator, Tiers
from wca.allocators.suppressing import Stage, Stages
from wca.errors import ValidationError

CRITICAL = {"tier": "critical"}
TIERS = Tiers(latency_critical=CRITICAL, best_effort=BATCH)


def web(**changes):
    return victim(labels=dict(CRITICAL), **changes)


def running(tasks, refuses=(), act=True, **options):
    node = Node(SuppressAllocator(**{"tiers": TIERS, **options}), tasks, act, refuses)
    node.run(10)
    return node


def types(node):
    return [type_ for _, _, type_, _ in node.done]


def stage(node):
    (found,) = [one.value for one in node.metrics[-1] if one.name == "allocation_suppress_stage"]
    return found


def test_the_lowest_weight_comes_first_and_is_enough_where_it_helps():
    node = running({"web": web(), "batch": idle()})
    node.tasks["batch"] = spinner(2.0)
    node.run(20)
    assert [one[1:] for one in node.done] == [("batch", T.SHARES, 0.002)]
    assert node.done[0][0] - 10 <= 4
    effect = {one.name: one for one in node.metrics[-1]}["allocation_effect_ratio"]
    assert effect.value < 0.6
    assert effect.labels["contended_task_id"] == "web"
    assert node.allocator.reasons() == {
        ("batch", "cpu_shares"): "latency-critical tasks wait for CPUs: weight"
    }


def test_the_idle_class_is_an_option():
    node = running({"web": web(), "batch": spinner(2.0)}, idle=True)
    node.run(10)
    assert [one[1:] for one in node.done] == [("batch", T.CPU_IDLE, 1)]


def test_then_come_cpus_and_then_a_quota_of_what_the_others_leave():
    node = running({"web": web(), "batch": spinner(2.0)}, refuses=[T.SHARES], pressure=0.001)
    node.run(12)
    assert types(node)[:2] == [T.CPUSET_CPUS, T.QUOTA]
    quota = node.done[1][3]
    assert quota == pytest.approx((0.85 * CPUS - 0.16) / CPUS, rel=0.1)
    assert node.tasks["batch"].allocations[T.CPUSET_CPUS] == "1"


def test_what_the_others_leave_shrinks_at_once_and_grows_in_steps():
    tasks = {"web": web(), "batch": spinner(2.0)}
    node = running(tasks, pressure=0.001)
    node.run(15)
    assert stage(node) == Stage.QUOTA
    before = node.tasks["batch"].allocations[T.QUOTA]
    node.tasks["web"] = web(cpu=1.0, work=1200.0)
    node.run(3)
    low = node.tasks["batch"].allocations[T.QUOTA]
    assert low < before - 0.3
    node.tasks["web"] = web()
    node.run(3)
    assert node.tasks["batch"].allocations[T.QUOTA] <= low + 0.1001
    node.done.clear()
    node.run(25)
    grown = [value for _, _, type_, value in node.done if type_ is T.QUOTA]
    assert all(later <= earlier + 0.1001 for earlier, later in pairwise([low, *grown]))


def test_it_is_given_back_in_stages_when_it_was_quiet():
    node = running({"web": web(), "batch": spinner(2.0)}, keep=10)
    node.tasks["batch"] = replace(idle(), allocations=node.tasks["batch"].allocations)
    node.run(40)
    assert node.tasks["batch"].allocations == IN_FORCE
    assert node.asked[-1] == {}
    assert stage(node) == Stage.NOTHING


def test_when_nothing_helps_it_was_not_them_and_all_is_given_back():
    node = running({"web": web(psi=0.2, delay=1.0), "batch": spinner(0.1)})
    node.run(10)
    assert node.tasks["batch"].allocations == IN_FORCE
    node.done.clear()
    node.run(40)
    assert node.done == [], "and for a while nothing more is tried"


@pytest.mark.parametrize(
    "tasks",
    [
        {"web": web(), "batch": idle()},
        {"web": web(cpu=0.32, work=400.0), "batch": idle()},
        {"web": web(psi=0.3, delay=2.0), "batch": idle()},
        {"other": victim(psi=0.3, delay=2.0), "batch": spinner(2.0)},
        {"web": web(psi=0.3, delay=2.0), "other": spinner(2.0, {})},
        {"web": web(psi=0.3, delay=2.0, throttled=0.5), "batch": spinner(2.0)},
        {"batch": spinner(2.0)},
    ],
    ids=[
        "all is well",
        "more load",
        "best-effort tasks do nothing",
        "nobody is latency-critical",
        "nobody is best-effort",
        "it waits for its own quota",
        "nobody is there",
    ],
)
def test_nothing_is_done_when(tasks):
    node = running(tasks)
    node.run(40)
    assert node.done == []
    assert not any(node.asked)


def test_an_objective_that_is_met_wins_over_waits_and_one_that_is_missed_needs_fewer():
    node = running({"web": web(sli=0.7), "batch": spinner(2.0)})
    node.run(20)
    assert node.done == []
    node = running({"web": web(psi=0.006, sli=1.3), "batch": spinner(0.5)})
    node.run(5)
    assert types(node)[0] is T.SHARES


def test_a_task_that_comes_later_is_held_back_as_well_and_one_that_goes_is_not_asked_for():
    node = running({"web": web(), "batch": spinner(2.0)})
    node.tasks["more"] = spinner(1.0)
    node.run(3)
    assert node.tasks["more"].allocations[T.SHARES] == 0.002
    del node.tasks["batch"]
    node.run(3)
    assert "batch" not in node.asked[-1]


def test_when_nobody_is_left_to_protect_all_is_given_back():
    node = running({"web": web(), "batch": spinner(2.0)})
    del node.tasks["web"]
    node.run(3)
    assert node.tasks["batch"].allocations == IN_FORCE


def test_a_hold_that_can_never_be_is_refused():
    with pytest.raises(ValidationError, match="longest_keep: 5 s is less than keep: 60 s"):
        SuppressAllocator(longest_keep=5)


@given(
    st.lists(st.tuples(st.sampled_from([None, 0.0, 0.01, 0.03, 0.5]), st.booleans()), max_size=120)
)
def test_stages_are_entered_one_at_a_time_and_left_by_themselves(history):
    stages = Stages(3, 10.0, 40.0)
    before = stages.stage
    now = 0.0
    for pressure, able in history:
        now += 1.0
        stage_now = stages.step(now, pressure, 0.02, able=able)
        assert stage_now <= before + 1
        if stage_now > before:
            assert able
            assert pressure > 0.02
        before = stage_now
    for _ in range(4 * 40 + 1):
        now += 1.0
        stages.step(now, 0.0, 0.02, able=True)
    assert stages.stage is Stage.NOTHING


@settings(max_examples=40)
@given(
    steps=st.lists(
        st.tuples(st.floats(0.0, 2.0), st.floats(0.01, 1.5), st.floats(0, 0.5), st.integers(1, 9)),
        max_size=6,
    ),
    least=st.sampled_from([0.1, 0.2, 0.5]),
)
def test_best_effort_tasks_keep_what_they_are_promised_and_get_all_back(steps, least):
    node = running(
        {"web": web(), "b1": idle(), "b2": idle()}, least_cpus=least, keep=5, longest_keep=9
    )
    for spin, cpu, psi, seconds in steps:
        node.tasks["web"] = web(cpu=cpu, psi=psi)
        for name in ("b1", "b2"):
            allocations = node.tasks[name].allocations
            node.tasks[name] = replace(spinner(spin), allocations=allocations)
        node.run(seconds)
    for asked in node.asked:
        assert "web" not in asked
        quotas = [one[T.QUOTA] for one in asked.values() if one.get(T.QUOTA, 1.0) < 1]
        assert sum(quotas) == 0 or all(one >= least / 2 / CPUS - 1e-9 for one in quotas)
        assert all(one.get(T.CPUSET_CPUS, "1") for one in asked.values())
    node.tasks["web"] = web()
    for name in ("b1", "b2"):
        node.tasks[name] = replace(idle(), allocations=node.tasks[name].allocations)
    node.run(60)
    assert node.asked[-1] == {}
    assert all(node.tasks[name].allocations == IN_FORCE for name in ("b1", "b2"))
