"""NUMAAllocator: which task is placed where, and what never happens."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocators import AllocationType, NUMAAllocator
from wca.allocators.numa_placing import NUMAAlgorithm, common
from wca.allocators.numa_view import PAGE, look
from wca.metrics import MetricType
from wca.testing.detectors import a_platform, a_task

T = AllocationType
GIB = 1 << 30
NODE = 96 * GIB
CPUS = 10
ALL = ",".join(map(str, range(2 * CPUS)))
FIRST, SECOND = (",".join(map(str, range(n * CPUS, (n + 1) * CPUS))) for n in (0, 1))
BIGGEST, MIGRATION = NUMAAlgorithm


def machine(free=(NODE, NODE), *, seconds=0.0, used=None, **more):
    used = [NODE - one for one in free] if used is None else used
    platform = a_platform(
        seconds,
        {
            "platform_mem_numa_free_bytes": {str(n): int(one) for n, one in enumerate(free)},
            "platform_mem_numa_used_bytes": {str(n): int(one) for n, one in enumerate(used)},
        },
    )
    cpus = {n: set(range(n * CPUS, (n + 1) * CPUS)) for n in range(len(free))}
    return replace(platform, numa_nodes=len(free), node_cpus=cpus, cpus=CPUS * len(free), **more)


def task(name, pages, cpus=ALL, mem=None, **allocations):
    """A task with this share of a node's memory on each node; it has asked for as much."""
    one = a_task(
        name,
        {"task_mem_numa_pages": {str(n): int(p * NODE / PAGE) for n, p in enumerate(pages)}},
    )
    one.resources = {"mem": int(sum(pages) * NODE) if mem is None else mem}
    one.allocations = {T.CPUSET_CPUS: cpus, T.CPUSET_MEMS: "0,1", **allocations}
    return one


def asked(tasks, platform=None, **options):
    allocator = NUMAAllocator(**options)
    found, anomalies, _ = allocator.allocate(
        platform or machine(), {one.task_id: one for one in tasks}
    )
    assert anomalies == []
    return found


def placed(tasks, platform=None, **options):
    """Where the task that is placed is placed: task and node, by its CPUs."""
    found = asked(tasks, platform, **options)
    return {
        name: {FIRST: 0, SECOND: 1}[one[T.CPUSET_CPUS]]
        for name, one in found.items()
        if T.CPUSET_CPUS in one
    }


BOTH = pytest.mark.parametrize("algorithm", list(NUMAAlgorithm))


@BOTH
def test_a_task_without_a_node_gets_the_one_on_which_less_is_placed(algorithm):
    tasks = [task("t1", (0.3, 0), FIRST), task("t2", (0.1, 0.1))]
    assert placed(tasks, algorithm=algorithm) == {"t2": 1}


@BOTH
def test_the_biggest_task_comes_first_and_one_in_an_interval(algorithm):
    tasks = [task("t1", (0.1, 0.2)), task("t2", (0.4, 0.0)), task("t3", (0, 0.5), SECOND)]
    assert placed(tasks, algorithm=algorithm) == {"t2": 0}


@BOTH
def test_without_room_nothing_is_placed(algorithm):
    full = machine((0.2 * NODE, 0.2 * NODE))
    tasks = [task("t1", (0.25, 0.25))]
    assert asked(tasks, full, algorithm=algorithm) == {}
    assert placed(tasks, full, free_space_check=False) == {"t1": 0}


def test_a_task_that_does_not_fit_costs_no_other():
    tasks = [task("large", (0.4, 0.4)), task("small", (0.05, 0.05))]
    assert placed(tasks, machine((0.1 * NODE, 0.2 * NODE))) == {"small": 0}


def test_what_others_on_the_node_still_need_is_no_room():
    waiting = task("t1", (0, 0.3), FIRST)
    tasks = [waiting, task("t2", (0.2, 0.05)), task("t3", (0, 0.2), SECOND)]
    assert placed(tasks, machine((0.31 * NODE, 0.1 * NODE))) == {}
    assert placed(tasks, machine((0.36 * NODE, 0.1 * NODE))) == {"t2": 0}


@pytest.mark.parametrize(
    ("sets", "node"),
    [
        (({1, 2, 3}, {1, 2}, {3}), 1),
        (({1}, {2}, {1}), 1),
        (({1}, {2}, {2}), 2),
        (({1}, {2}, {3}), None),
    ],
)
def test_two_of_three_have_to_agree_on_a_node(sets, node):
    assert common(*sets, order=int) == node


def test_a_task_stays_where_its_memory_is_if_that_node_has_not_more_than_the_other():
    even = [task("a", (0.2, 0), FIRST), task("b", (0, 0.2), SECOND), task("t", (0.02, 0.15))]
    assert placed(even, algorithm=MIGRATION) == {"t": 1}
    assert placed(even, algorithm=BIGGEST) == {"t": 0}


def test_a_task_that_is_spread_too_evenly_is_left_alone():
    tasks = [task("t1", (0.1, 0.12))]
    assert placed(tasks, algorithm=MIGRATION, loop_min_task_balance=0.5) == {"t1": 1}
    assert placed(tasks, algorithm=MIGRATION, loop_min_task_balance=0.6) == {}


def test_what_is_asked_for_is_as_the_options_say():
    tasks = [task("t", (0.1, 0.2), cpuset_memory_migrate=0)]
    plain = {T.CPUSET_CPUS: FIRST}
    assert asked(tasks) == {"t": {**plain, T.MIGRATE_PAGES: 0}}
    assert asked(tasks, migrate_pages=False) == {"t": plain}
    bound = {T.CPUSET_MEMS: "0"}
    options = {"migrate_pages": False, "cgroups_memory_binding": True}
    assert asked(tasks, **options) == {"t": {**plain, **bound}}
    assert asked(tasks, cgroups_memory_migrate=True, **options) == {
        "t": {**plain, T.CPUSET_MEMORY_MIGRATE: 1, **bound}
    }
    on_v2 = [task("t", (0.1, 0.2))]
    assert asked(on_v2, cgroups_memory_migrate=True, **options) == {"t": {**plain, **bound}}
    assert asked(tasks, dryrun=True) == {}


def test_pages_do_not_move_while_there_is_swap_space():
    with_swap = machine(swap_enabled=True)
    assert asked([task("t", (0.1, 0.2))], with_swap) == {"t": {T.CPUSET_CPUS: FIRST}}
    assert asked([task("t", (0.1, 0.2), FIRST)], with_swap) == {}


def test_a_part_of_the_cpus_of_a_node_is_enough_to_be_bound_to_it():
    """In the first releases it had to be all of them, which isolated CPUs made impossible."""
    assert asked([task("t", (0.2, 0), "0,1,2")]) == {}
    reserved = ",".join(str(cpu) for cpu in range(1, 2 * CPUS) if cpu != CPUS)
    found = asked([task("t", (0.2, 0.1), reserved)])
    assert found["t"][T.CPUSET_CPUS] == ",".join(map(str, range(1, CPUS)))


def test_a_node_on_which_a_task_may_not_run_is_none_for_it():
    cpus = ",".join(map(str, range(CPUS, 3 * CPUS)))
    tasks = [task("t", (0.1, 0.1, 0), cpus)]
    found = asked(tasks, machine((NODE, NODE, NODE)))
    assert found["t"][T.CPUSET_CPUS] == SECOND


def test_an_empty_cpuset_of_cgroup_v2_has_all_cpus():
    assert placed([task("t", (0.1, 0.2), "")]) == {"t": 0}


def test_tasks_of_which_something_is_not_known_are_left_alone():
    bare = task("t", (0.1, 0.1))
    bare.allocations = {}
    ghost = task("g", (0.1, 0.1), mem=0)
    odd = task("o", (0.1, 0.1), "some")
    assert asked([bare, ghost, odd]) == {}


@pytest.mark.parametrize(
    ("resources", "measurements", "memory"),
    [
        ({"mem": 5}, {"task_mem_limit_bytes": 7}, 5),
        ({}, {"task_mem_limit_bytes": 7, "task_mem_soft_limit_bytes": 6}, 7),
        ({}, {"task_mem_limit_bytes": 10 * NODE, "task_mem_soft_limit_bytes": 6}, 6),
        ({}, {"task_mem_max_usage_bytes": 4, "task_mem_usage_bytes": 3}, 4),
        ({"mem": math.nan}, {"task_mem_usage_bytes": 3}, 3),
        ({"mem": "much"}, {}, 0),
    ],
)
def test_what_a_task_may_need_is_what_it_has_asked_for_or_the_first_that_makes_sense(
    resources, measurements, memory
):
    one = a_task("t", measurements)
    one.resources = resources
    assert look(machine(), {"t": one}).tasks[0].memory == memory


def test_a_node_without_cpus_or_numbers_is_none_to_place_tasks_on():
    platform = machine()
    platform.node_cpus[2] = set()
    platform.measurements["platform_mem_numa_free_bytes"] = {"0": NODE, "2": 4 * NODE, "x": 1}
    assert list(look(platform, {}).nodes) == [0]


# -- pages that were left behind


def test_pages_of_a_placed_task_that_are_elsewhere_are_moved_if_there_is_room():
    tasks = [task("t", (0.3, 0.1), FIRST)]
    assert asked(tasks) == {"t": {T.MIGRATE_PAGES: 0}}
    assert asked(tasks, machine((0.05 * NODE, NODE))) == {}
    assert asked(tasks, migrate_pages_min_task_balance=0.7) == {}
    assert asked(tasks, migrate_pages_min_task_balance=None) == {}
    assert asked(tasks, migrate_pages=False) == {}


def test_one_task_at_a_time_has_its_pages_moved_and_after_longer_and_longer_pauses():
    tasks = {t.task_id: t for t in (task("a", (0.3, 0.1), FIRST), task("b", (0.3, 0.2), FIRST))}
    allocator = NUMAAllocator(pause=10.0)
    times = {"a": [], "b": []}
    for second in range(100):
        found, _, _ = allocator.allocate(machine(seconds=float(second)), tasks)
        assert len(found) <= 1
        for name in found:
            times[name].append(second)
    assert times == {"a": [1, 21, 61], "b": [0, 20, 60]}


# -- what holds


def run(allocator, tasks, intervals, *, obeys, free=(NODE, NODE), step=1.0, start=0.0):
    """The decisions about CPUs, as (second, task, cpus); a kernel that obeys, or not."""
    decisions = []
    for interval in range(intervals):
        now = start + interval * step
        found, _, _ = allocator.allocate(machine(free, seconds=now), tasks)
        for name, one in found.items():
            if T.CPUSET_CPUS in one:
                decisions.append((now, name, one[T.CPUSET_CPUS]))
                if obeys:
                    tasks[name].allocations[T.CPUSET_CPUS] = one[T.CPUSET_CPUS]
    return decisions


SHARES = st.tuples(st.floats(0, 0.3), st.floats(0, 0.3))
TASKS = st.lists(
    st.tuples(SHARES, st.sampled_from([ALL, FIRST, SECOND, "", "0-3,12"])), max_size=6
).map(lambda given: {f"t{n}": task(f"t{n}", *one) for n, one in enumerate(given)})
FREE = st.tuples(st.floats(0, NODE), st.floats(0, NODE))
OPTIONS = st.fixed_dictionaries(
    {"algorithm": st.sampled_from(list(NUMAAlgorithm))},
    optional={"loop_min_task_balance": st.floats(0, 1), "cgroups_memory_binding": st.booleans()},
)


@given(TASKS, FREE, OPTIONS)
def test_a_node_without_room_is_never_proposed(tasks, free, options):
    """Room for all that the task may need, and for what others placed there still need."""
    allocator = NUMAAllocator(**options)
    needed = {0: 0.0, 1: 0.0}
    view = look(machine(free), tasks)
    for one in view.tasks:
        if one.node is not None:
            needed[one.node] += one.missing(one.node)
    for second in range(len(tasks) + 1):
        found, _, _ = allocator.allocate(machine(free, seconds=float(second)), tasks)
        for name, granted in found.items():
            if T.CPUSET_CPUS not in granted:
                continue
            (one,) = [one for one in view.tasks if one.task_id == name]
            node = int(granted[T.CPUSET_CPUS].split(",")[0]) // CPUS
            assert one.missing(node) + needed[node] < view.nodes[node].free
            needed[node] += one.missing(node)


@given(TASKS, FREE, OPTIONS)
def test_where_the_kernel_obeys_each_task_is_placed_once_and_stays(tasks, free, options):
    decisions = run(NUMAAllocator(pause=3.0, **options), tasks, 20, obeys=True, free=free)
    names = [name for _, name, _ in decisions]
    assert len(names) == len(set(names))


@given(TASKS, st.lists(FREE, min_size=1, max_size=6), OPTIONS)
def test_where_it_does_not_a_decision_holds_for_the_pause_however_memory_changes(
    tasks, frees, options
):
    allocator, decisions = NUMAAllocator(pause=10.0, **options), []
    for round_, free in enumerate(frees):
        start = 4.0 * round_
        decisions += run(allocator, tasks, 4, obeys=False, free=free, start=start)
    for name in tasks:
        times = [time for time, one, _ in decisions if one == name]
        assert all(later - time >= 10 for time, later in itertools.pairwise(times))


@given(TASKS, FREE, OPTIONS)
def test_the_same_is_answered_to_the_same_in_any_order_of_tasks(tasks, free, options):
    first, second = NUMAAllocator(**options), NUMAAllocator(**options)
    turned = dict(reversed(tasks.items()))
    for second_ in range(4):
        platform = machine(free, seconds=second_ * 200.0)
        assert first.allocate(platform, tasks)[0] == second.allocate(platform, turned)[0]


def test_a_task_that_cannot_be_bound_does_not_keep_others_from_it():
    """In the first releases the first one was decided again and again."""
    tasks = {t.task_id: t for t in (task("large", (0.2, 0.1)), task("small", (0.1, 0.1)))}
    decisions = run(NUMAAllocator(pause=60.0), tasks, 3, obeys=False)
    assert [name for _, name, _ in decisions] == ["large", "small"]
    assert decisions[0][2] != decisions[1][2], "what is about to be placed counts as placed"


# -- metrics


def test_the_state_is_told_once_each_with_types_and_labels_of_its_own():
    tasks = {t.task_id: t for t in (task("a", (0.3, 0), FIRST), task("b", (0.1, 0.2)))}
    allocator = NUMAAllocator()
    allocator.allocate(machine(), tasks)
    _, _, metrics = allocator.allocate(machine(seconds=1.0), tasks)
    series = [(m.name, tuple(sorted(m.labels.items()))) for m in metrics]
    assert len(series) == len(set(series))
    assert {m.type for m in metrics} == {MetricType.GAUGE}
    assert all(m.labels is not task.labels for m in metrics for task in tasks.values())
    found = {(m.name, m.labels.get("task_id", m.labels.get("numa_node"))): m.value for m in metrics}
    assert found["numa__task_tasks_count", None] == 2
    assert found["numa__balanced_memory_tasks", "0"] == 1
    assert found["numa__balanced_memory_tasks", "1"] == 1, "it is about to be placed there"
    assert found["numa__balanced_memory_size", "0"] == int(0.3 * NODE)
    assert found["numa__task_current_node", "a"] == 0
    assert found["numa__task_current_node", "b"] == -1
    pages = int(0.1 * NODE / PAGE)
    assert (
        found["numa__task_pages_to_move", "b"] == found["numa__total_pages_to_move", None] == pages
    )


def test_what_is_gone_is_forgotten():
    tasks = {"t": task("t", (0.1, 0.2))}
    allocator = NUMAAllocator()
    assert "t" in allocator.allocate(machine(), tasks)[0]
    _, _, metrics = allocator.allocate(machine(seconds=1.0), {})
    assert [m.value for m in metrics if m.name == "numa__total_pages_to_move"] == [0]
    assert "t" in allocator.allocate(machine(seconds=2.0), tasks)[0]


def test_a_dry_run_tells_the_nodes():
    _, _, metrics = NUMAAllocator(dryrun=True).allocate(machine(), {"t": task("t", (0.1, 0.1))})
    assert {m.name for m in metrics} == {
        "numa__task_tasks_count",
        "numa__balanced_memory_tasks",
        "numa__balanced_memory_size",
    }
