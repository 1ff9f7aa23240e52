"""Collectors of task metrics on trees of kernel files of every layout."""

import dataclasses
import os
from functools import partial
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.errors import ValidationError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.parse import Malformed
from wca.metrics import CATALOGUE
from wca.nodes import Task
from wca.testing.kernel import KernelTree

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]
COLLECTORS = [
    TaskCpuCollector,
    TaskMemoryCollector,
    TaskMemoryEventsCollector,
    TaskPsiCollector,
    TaskIoCollector,
    TaskPidsCollector,
]
COMPLETE = [
    partial(TaskCpuCollector, details=True),
    partial(TaskMemoryCollector, details=True),
    partial(TaskMemoryEventsCollector, details=True),
    TaskPsiCollector,
    partial(TaskIoCollector, per_device=True, discards=True),
    TaskPidsCollector,
]
# What is proposed for a configuration that names no collectors.
MIB = 1 << 20


def attach(collector, tree, path="/job"):
    cgroup = CgroupHierarchies(tree.kernel).locate(path)
    target = SimpleNamespace(task=Task("job", "job", path), cgroup=cgroup, node=tree.kernel)
    return collector().attach(target)


def measure(collector, tree, path="/job"):
    probe = attach(collector, tree, path)
    try:
        out = {}
        probe.read(out)
        return out
    finally:
        probe.close()


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v1_apart"), numa_nodes=2)
    yield tree
    tree.kernel.close()


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_cpu_numbers_are_the_same_in_every_layout(tree):
    tree.add_task("/job", cpu_seconds=12.5, throttled=4)
    assert measure(TaskCpuCollector, tree) == {
        "task_cpu_usage_seconds": 12.5,
        "task_cpu_periods": 40,
        "task_cpu_throttled_periods": 4,
        "task_cpu_throttled_seconds": pytest.approx(0.04),
    }


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_user_and_system_time_and_bursts_are_details(tree):
    tree.add_task("/job", cpu_seconds=12.5)
    stat = tree.groups("/job")["v2" if tree.layout == "v2" else "cpu"] + "/cpu.stat"
    seconds = "burst_usec 2500000" if tree.layout == "v2" else "burst_time 2500000000"
    with open(tree.root + stat) as file:
        before = file.read().partition("nr_bursts")[0]
    tree.write(stat, f"{before}nr_bursts 7\n{seconds}\n")
    measured = measure(partial(TaskCpuCollector, details=True), tree)
    assert measured["task_cpu_user_seconds"] == measured["task_cpu_system_seconds"] == 6.25
    assert (measured["task_cpu_bursts"], measured["task_cpu_burst_seconds"]) == (7, 2.5)
    assert measured.keys() - measure(TaskCpuCollector, tree).keys() == {
        "task_cpu_user_seconds",
        "task_cpu_system_seconds",
        "task_cpu_bursts",
        "task_cpu_burst_seconds",
    }


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_memory_numbers_are_the_same_in_every_layout(tree):
    tree.add_task(
        "/job",
        memory=64 * MIB,
        memory_limit=256 * MIB,
        page_faults=1000,
        numa_pages=[4096, 8],
        inactive_file=20 * MIB,
    )
    assert measure(TaskMemoryCollector, tree) == {
        "task_mem_usage_bytes": 64 * MIB,
        "task_mem_max_usage_bytes": 128 * MIB,
        "task_mem_limit_bytes": 256 * MIB,
        "task_mem_soft_limit_bytes": 128 * MIB,
        "task_mem_page_faults": 1000,
        "task_mem_major_page_faults": 100,
        "task_mem_numa_pages": {"0": 4096, "1": 8},
        "task_mem_anon_bytes": 540672,
        "task_mem_inactive_file_bytes": 20 * MIB,
        "task_mem_working_set_bytes": 44 * MIB,
        "task_mem_refaults_anon": 4,
        "task_mem_refaults_file": 6,
        "task_mem_swap_bytes": 8192,
    }


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_the_working_set_is_never_below_zero_and_follows_both_of_its_files(tree):
    tree.add_task("/job", memory=5 * MIB, inactive_file=6 * MIB)
    probe = attach(TaskMemoryCollector, tree)
    for memory, inactive, expected in ((5, 6, 0), (5, 2, 3), (9, 2, 7)):
        tree.add_task("/job", memory=memory * MIB, inactive_file=inactive * MIB)
        out = {}
        probe.read(out)
        assert out["task_mem_working_set_bytes"] == expected * MIB


@pytest.mark.parametrize("tree", ["v2"], indirect=True)
def test_without_one_of_its_files_there_is_no_working_set(tree):
    tree.add_task("/job")
    probe = attach(TaskMemoryCollector, tree)
    tree.write(f"{tree.groups('/job')['v2']}/memory.stat", "nothing that is known\n")
    out = {}
    probe.read(out)
    assert "task_mem_usage_bytes" in out
    assert "task_mem_working_set_bytes" not in out


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_page_cache_and_activations_of_v2_are_details(tree):
    tree.add_task("/job")
    measured = measure(partial(TaskMemoryCollector, details=True), tree)
    details = {
        "task_mem_file_bytes": 270336,
        "task_mem_mapped_file_bytes": 135168,
        "task_mem_active_file_bytes": 12288,
    }
    if tree.layout == "v2":
        details |= {"task_mem_activations_anon": 1, "task_mem_activations_file": 2}
    assert details.items() <= measured.items()
    assert measured.keys() - measure(TaskMemoryCollector, tree).keys() == details.keys()


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_oom_kills_and_hits_of_the_limit(tree):
    tree.add_task("/job", oom_kills=3)
    measured = measure(TaskMemoryEventsCollector, tree)
    assert measured["task_mem_oom_kills"] == 3
    assert measured["task_mem_limit_hits"] == 30
    assert measured.get("task_mem_soft_limit_hits") == (0 if tree.layout == "v2" else None)
    detailed = measure(partial(TaskMemoryEventsCollector, details=True), tree)
    assert detailed.get("task_mem_ooms") == (3 if tree.layout == "v2" else None)


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_processes_and_their_limit(tree):
    tree.add_task("/job", pids=(7, 8, 9))
    expected = {"task_pids": 3, "task_pids_limit": 30, "task_pids_limit_hits": 0}
    assert measure(TaskPidsCollector, tree) == expected
    groups = tree.groups("/job")
    tree.write(f"{groups.get('pids') or groups['v2']}/pids.max", "max\n")
    del expected["task_pids_limit"]
    assert measure(TaskPidsCollector, tree) == expected


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_a_limit_that_is_not_set_is_absent(tree):
    tree.add_task("/job", memory_limit=None)
    limits = {"task_mem_limit_bytes", "task_mem_soft_limit_bytes"}
    assert not limits & measure(TaskMemoryCollector, tree).keys()
    tree.add_task("/job", memory_limit=10 * MIB)
    assert limits <= measure(TaskMemoryCollector, tree).keys()


def test_a_limit_that_is_lifted_while_it_is_measured_leaves_no_old_number(tree):
    tree.add_task("/job", memory_limit=10 * MIB)
    probe = attach(TaskMemoryCollector, tree)
    first, second = {}, {}
    probe.read(first)
    tree.add_task("/job", memory_limit=None)
    probe.read(second)
    assert "task_mem_limit_bytes" in first
    assert "task_mem_limit_bytes" not in second


@pytest.mark.parametrize("tree", ["v2", "hybrid"], indirect=True)
def test_pressure_is_in_seconds(tree):
    tree.add_task("/job", stall_seconds=1.5)
    expected = {}
    for resource in ("cpu", "memory", "io"):
        expected[f"task_psi_{resource}_some_seconds"] = 1.5
        expected[f"task_psi_{resource}_full_seconds"] = 0.75
    expected["task_psi_irq_full_seconds"] = 0.75
    assert measure(TaskPsiCollector, tree) == expected


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together"], indirect=True)
def test_without_a_unified_hierarchy_there_is_no_pressure(tree):
    tree.add_task("/job")
    with pytest.raises(NotAvailable, match="no PSI"):
        attach(TaskPsiCollector, tree)


def test_a_kernel_without_pressure_files_has_no_pressure(tmp_path):
    tree = KernelTree(tmp_path, "v2", pressure=False)
    tree.add_task("/job")
    with pytest.raises(NotAvailable, match=r"cpu\.pressure does not exist"):
        attach(TaskPsiCollector, tree)


@pytest.mark.parametrize("tree", ["v2"], indirect=True)
@pytest.mark.parametrize(
    ("collector", "file", "lost"),
    [
        (TaskMemoryCollector, "memory.peak", {"task_mem_max_usage_bytes"}),
        (TaskMemoryCollector, "memory.numa_stat", {"task_mem_numa_pages"}),
        (
            TaskMemoryCollector,
            "memory.stat",
            {
                "task_mem_page_faults",
                "task_mem_major_page_faults",
                "task_mem_anon_bytes",
                "task_mem_inactive_file_bytes",
                "task_mem_working_set_bytes",
                "task_mem_refaults_anon",
                "task_mem_refaults_file",
            },
        ),
        (TaskMemoryCollector, "memory.swap.current", {"task_mem_swap_bytes"}),
        (
            TaskMemoryCollector,
            "memory.current",
            {"task_mem_usage_bytes", "task_mem_working_set_bytes"},
        ),
        (TaskPsiCollector, "irq.pressure", {"task_psi_irq_full_seconds"}),
        (
            TaskPsiCollector,
            "io.pressure",
            {"task_psi_io_some_seconds", "task_psi_io_full_seconds"},
        ),
    ],
)
def test_a_missing_file_costs_its_own_numbers_only(tree, collector, file, lost):
    tree.add_task("/job", memory_limit=MIB)
    before = measure(collector, tree).keys()
    assert lost <= before
    tree.remove(f"{tree.groups('/job')['v2']}/{file}")
    assert measure(collector, tree).keys() == before - lost


def test_on_v2_without_the_cpu_controller_only_the_throttling_is_absent(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/job")
    folder = tree.groups("/job")["v2"]
    tree.write(f"{folder}/cgroup.controllers", "memory\n")
    tree.write(f"{folder}/cpu.stat", "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n")
    assert measure(TaskCpuCollector, tree) == {"task_cpu_usage_seconds": 1.5}


def test_on_a_mixed_host_each_number_comes_from_the_hierarchy_that_has_it(tmp_path):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job", cpu_seconds=3, throttled=2)
    tree.write(
        "/proc/self/mountinfo",
        "1 1 0:1 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct\n"
        "2 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n",
    )
    folder = tree.groups("/job")["v2"]
    tree.write(f"{folder}/cgroup.controllers", "cpu\n")
    tree.write(
        f"{folder}/cpu.stat", "usage_usec 9\nnr_periods 8\nnr_throttled 7\nthrottled_usec 6\n"
    )
    assert measure(TaskCpuCollector, tree) == {
        "task_cpu_usage_seconds": 3.0,
        "task_cpu_periods": 8,
        "task_cpu_throttled_periods": 7,
        "task_cpu_throttled_seconds": pytest.approx(6e-6),
    }


def test_a_file_that_makes_no_sense_costs_its_own_number_and_comes_back(tree):
    tree.add_task("/job", memory=5 * MIB)
    probe = attach(TaskMemoryCollector, tree)
    path = tree.groups("/job")["memory"] + "/memory.usage_in_bytes"
    tree.write(path, "nonsense\n")
    for _ in range(2):
        out = {}
        with pytest.raises(Malformed, match="expected one number, got b'nonsense"):
            probe.read(out)
        assert "task_mem_usage_bytes" not in out
        assert "task_mem_max_usage_bytes" in out
    tree.write(path, "7\n")
    probe.read(out)
    assert out["task_mem_usage_bytes"] == 7


def test_a_changed_layout_of_memory_stat_is_read_all_the_same(tree):
    tree.add_task("/job")
    probe = attach(TaskMemoryCollector, tree)
    probe.read({})
    path = tree.groups("/job")["memory"] + "/memory.stat"
    tree.write(path, "new 1\ntotal_pgmajfault 3\npgfault 9\ntotal_pgfault 27\n")
    out = {}
    probe.read(out)
    assert (out["task_mem_page_faults"], out["task_mem_major_page_faults"]) == (27, 3)


def test_a_task_without_memory_groups_has_no_memory_to_measure(tree):
    tree.add_task("/job")
    tree.remove(tree.groups("/job")["memory"])
    with pytest.raises(NotAvailable, match="/job has no group for memory"):
        attach(TaskMemoryCollector, tree)
    assert measure(TaskCpuCollector, tree)


def test_a_task_that_vanishes_while_its_files_are_opened_is_gone_and_leaves_none_open(tree):
    tree.add_task("/job")
    opened = open_descriptors()
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")

    def vanishing(controller, name):
        file = cgroup.open(controller, name)
        tree.remove_task("/job")
        return file

    target = SimpleNamespace(version=cgroup.version, open=vanishing)
    with pytest.raises(TargetGone):
        TaskMemoryCollector().attach(SimpleNamespace(cgroup=target))
    assert open_descriptors() == opened


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_in_steady_state_every_file_costs_one_read_and_nothing_else(tree):
    tree.add_task("/job")
    first = 2 + 6 + 2 + 2 + 3  # CPU, memory, its events, I/O, processes
    second = 1 + 7 + 1 + 1 + 3
    files = {"v1_apart": first, "v1_together": first, "v2": second + 4, "hybrid": first + 4}
    probes = []
    for collector in COLLECTORS:
        if collector is not TaskPsiCollector or tree.layout in ("v2", "hybrid"):
            probes.append(attach(collector, tree))
    for probe in probes:
        probe.read({})
    before = dataclasses.replace(tree.kernel.calls)
    for _ in range(3):
        for probe in probes:
            probe.read({})
    assert tree.kernel.calls == dataclasses.replace(
        before, reads=before.reads + 3 * files[tree.layout]
    )


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_closed_probe_holds_no_file_and_closing_is_safe_twice(tmp_path, collector):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job")
    before = open_descriptors()
    probe = attach(collector, tree)
    assert open_descriptors() > before
    probe.close()
    probe.close()
    assert open_descriptors() == before


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("collector", COMPLETE)
def test_a_collector_emits_what_it_says_and_the_catalogue_knows(tmp_path, collector):
    emitted = set()
    for layout in ("v2", "hybrid"):
        tree = KernelTree(tmp_path / layout, layout)
        tree.add_task("/job", memory_limit=MIB, io={"8:0": (4096, 8192)})
        measured = measure(collector, tree)
        assert all(
            isinstance(value, dict) == bool(CATALOGUE[name].levels)
            for name, value in measured.items()
        )
        emitted |= measured.keys()
    one = collector()
    assert emitted == set(one.emits)
    assert one.scope == "task"


@pytest.mark.parametrize("collector", COMPLETE)
def test_an_interval_of_its_own_is_kept_and_one_that_makes_no_sense_is_refused(collector):
    assert (collector().interval, collector(interval=5.0).interval) == (None, 5.0)
    with pytest.raises(ValidationError, match="0"):
        collector(interval=0)
