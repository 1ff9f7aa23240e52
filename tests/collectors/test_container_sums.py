"""What the kernel counts for each group alone is summed over a pod and its containers."""

import contextlib
import os
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.container_sums import ContainerSums
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.containers import Target
from wca.linux.cgroups import CgroupHierarchies
from wca.nodes import Task
from wca.testing.kernel import KernelTree

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]
MIB = 1 << 20


def pod_with(*containers):
    return Task("pod", "pod", "/pod", subcgroups_paths=[f"/pod/{name}" for name in containers])


def target_of(kernel, task):
    hierarchies = CgroupHierarchies(kernel)
    return Target(task, hierarchies.locate(task.cgroup_path), kernel, hierarchies.locate)


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture(params=LAYOUTS)
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, request.param)
    yield tree
    tree.kernel.close()


def test_a_pod_whose_containers_are_held_back_is_throttled(tree):
    tree.add_task("/pod", cpu_seconds=5, throttled=1)
    tree.add_task("/pod/web", cpu_seconds=3, throttled=4)
    tree.add_task("/pod/log", cpu_seconds=2)
    measured = read(TaskCpuCollector().attach(target_of(tree.kernel, pod_with("web", "log"))))
    assert measured == {
        "task_cpu_usage_seconds": 5,  # which the kernel counts for all groups below
        "task_cpu_periods": 50,
        "task_cpu_throttled_periods": 5,
        "task_cpu_throttled_seconds": pytest.approx(0.05),
    }


def test_bursts_are_summed_and_user_and_system_time_are_not(tree):
    for path in ("/pod", "/pod/web"):
        tree.add_task(path, cpu_seconds=12.5)
        stat = tree.groups(path)["v2" if tree.layout == "v2" else "cpu"] + "/cpu.stat"
        seconds = "burst_usec 2500000" if tree.layout == "v2" else "burst_time 2500000000"
        with open(tree.root + stat) as file:
            before = file.read().partition("nr_bursts")[0]
        tree.write(stat, f"{before}nr_bursts 7\n{seconds}\n")
    collector = TaskCpuCollector(details=True)
    measured = read(collector.attach(target_of(tree.kernel, pod_with("web"))))
    assert (measured["task_cpu_bursts"], measured["task_cpu_burst_seconds"]) == (14, 5.0)
    assert measured["task_cpu_user_seconds"] == measured["task_cpu_system_seconds"] == 6.25


def test_oom_kills_of_containers_are_those_of_the_pod_and_count_once(tree):
    """On v2 the kernel has added them already."""
    tree.add_task("/pod", oom_kills=3 if tree.layout == "v2" else 0)
    tree.add_task("/pod/web", oom_kills=3)
    measured = read(TaskMemoryEventsCollector().attach(target_of(tree.kernel, pod_with("web"))))
    assert (measured["task_mem_oom_kills"], measured["task_mem_limit_hits"]) == (3, 30)


def test_containers_are_measured_from_when_the_node_reports_them(tree):
    target = target_of(tree.kernel, pod_with("web"))
    tree.add_task("/pod")
    tree.add_task("/pod/web", throttled=1)
    probe = TaskCpuCollector().attach(target)
    assert read(probe)["task_cpu_throttled_periods"] == 1
    tree.add_task("/pod/late", throttled=2)
    assert read(probe)["task_cpu_throttled_periods"] == 1
    target.task = pod_with("web", "late", "not there yet")
    assert read(probe)["task_cpu_throttled_periods"] == 3
    target.task = pod_with("late")
    tree.add_task("/pod/late", throttled=4)
    assert read(probe)["task_cpu_throttled_periods"] == 5
    tree.add_task("/pod/not there yet", throttled=8)
    target.task = pod_with("late", "not there yet")
    assert read(probe)["task_cpu_throttled_periods"] == 13


def test_in_steady_state_every_file_of_pod_and_containers_costs_one_read(tree):
    for path in ("/pod", "/pod/web", "/pod/log"):
        tree.add_task(path)
    target = target_of(tree.kernel, pod_with("web", "log"))
    probes = [one().attach(target) for one in (TaskCpuCollector, TaskMemoryEventsCollector)]
    for probe in probes:
        read(probe)
    calls = tree.kernel.calls
    before = (calls.opens, calls.reads, calls.stats)
    for probe in probes:
        read(probe)
    files = 1 + 2 + 1 if tree.layout == "v2" else 2 + 2 + 2 + 2 * 2
    assert (calls.opens, calls.reads, calls.stats) == (before[0], before[1] + files, before[2])


def test_everything_is_given_back_and_closing_is_safe_twice(tree):
    for path in ("/pod", "/pod/web", "/pod/log"):
        tree.add_task(path)
    before = len(os.listdir("/proc/self/fd"))
    target = target_of(tree.kernel, pod_with("web", "log"))
    probe = TaskCpuCollector().attach(target)
    read(probe)
    target.task = pod_with("web")
    read(probe)
    probe.close()
    probe.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_of_another_form_costs_its_container_and_nothing_goes_back(tmp_path):
    tree = KernelTree(tmp_path, "v1_together")
    tree.add_task("/pod")
    tree.add_task("/pod/web", oom_kills=3)
    tree.add_task("/pod/log", oom_kills=1)
    probe = TaskMemoryEventsCollector().attach(target_of(tree.kernel, pod_with("web", "log")))
    assert read(probe)["task_mem_limit_hits"] == 40
    file = tree.groups("/pod/web")["memory"] + "/memory.failcnt"
    tree.write(file, "?\n")
    tree.add_task("/pod/log", oom_kills=2)
    out = {}
    with pytest.raises(Exception, match="expected one number"):
        probe.read(out)
    assert out["task_mem_limit_hits"] == 50
    tree.write(file, "31\n")
    assert read(probe)["task_mem_limit_hits"] == 51
    tree.kernel.close()


class Counted:
    """Files that count in a way that the test says, until they are gone."""

    def __init__(self, **others):
        self.value, self.gone, self.open, self.others = 0, False, 0, others

    def attach(self, _group=None):
        if self.gone:
            raise TargetGone("it has ended")
        self.open += 1
        return self

    def read(self, out):
        if self.gone:
            raise TargetGone("it has ended")
        out |= {"kills": self.value, **self.others}

    def close(self):
        self.open -= 1

    def identity(self):
        return (id(self),)


work = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=5)
ends = st.dictionaries(st.integers(1, 3), st.sampled_from(["removed", "unlisted", "hidden"]))


@settings(deadline=None)
@given(st.lists(st.tuples(work, ends), max_size=15))
def test_the_sum_is_what_all_have_counted_that_ever_were_there(intervals):
    """In each interval some count, and some containers end.

    They are removed, or taken out of the list, or are out of the list in one interval alone.
    """
    lives = [0, 0, 0, 0]
    living = {(0, 0): Counted(other=7)}  # the pod itself
    target = SimpleNamespace(task=None, containers=lambda: living)
    pod, made, truth, hidden = living[0, 0], [], 0, set()
    sums = ContainerSums(pod, target, lambda one: one.attach(), {"kills"})
    for counts, ended in intervals:
        for number, kills in counts:
            path = number, lives[number]
            if number in hidden:
                continue  # what it does then is seen when it is back, or never
            if path not in living:
                living[path] = Counted()
                made.append(living[path])
            living[path].value += kills
            truth += kills
        listed = [one for one in living if one[0] and one[0] not in hidden]
        target.task = SimpleNamespace(subcgroups_paths=listed)
        assert read(sums) == {"kills": truth, "other": 7}
        hidden = {number for number, how in ended.items() if how == "hidden"}
        for number in ended.keys() - hidden:
            one = living.pop((number, lives[number]), Counted())
            one.gone = ended[number] == "removed"
            lives[number] += not one.gone  # what only left the list comes back as another one
    pod.gone = True
    with pytest.raises(TargetGone):
        sums.read(out := {})
    assert out == {}
    sums.close()
    assert not any(one.open for one in made)


def test_a_container_whose_files_are_not_there_is_left_out_until_they_are():
    late, tries = Counted(), []

    def attach(_group):
        tries.append(1)
        if len(tries) < 3:
            raise NotAvailable("no such group")
        return late.attach()

    task = SimpleNamespace(subcgroups_paths=["/pod/late"])
    target = SimpleNamespace(task=task, containers=lambda: {"/pod/late": late})
    sums = ContainerSums(Counted(), target, attach, {"kills"})
    late.value = 7
    assert [read(sums)["kills"] for _ in range(4)] == [0, 0, 7, 7]


# Real cgroups.


def real_target(cgroups, pod, *paths):
    task = Task("pod", "pod", pod, subcgroups_paths=list(paths))
    return Target(task, cgroups.locate(pod), cgroups.kernel, cgroups.locate)


def limit_cpu(cgroups, path):
    cgroup = cgroups.locate(path)
    second = cgroup.version("cpu") == 2
    name, quota = ("cpu.max", "10000 50000") if second else ("cpu.cfs_quota_us", "20000")
    with open(f"{cgroup.directory('cpu')}/{name}", "w") as file:
        file.write(quota)


def test_a_real_pod_is_throttled_as_its_containers_are_also_after_one_has_ended(real_cgroups):
    pod = real_cgroups.make("pod")
    first, second = (real_cgroups.make(f"pod/{name}") for name in ("first", "second"))
    target = real_target(real_cgroups, pod, first, second)
    for path in (first, second):
        limit_cpu(real_cgroups, path)
    probe = TaskCpuCollector().attach(target)
    alone = TaskCpuCollector().attach(real_target(real_cgroups, first))
    worker = real_cgroups.worker(first)
    worker.burn(0.15)
    worker.stop()
    measured, of_container = read(probe), read(alone)
    assert measured["task_cpu_throttled_periods"] == of_container["task_cpu_throttled_periods"] > 0
    assert measured["task_cpu_throttled_seconds"] == pytest.approx(
        of_container["task_cpu_throttled_seconds"]
    )
    real_cgroups.remove(first)
    assert read(probe) == measured
    real_cgroups.worker(second).burn(0.15)
    after = read(probe)
    for one in (probe, alone):
        one.close()
    assert after["task_cpu_throttled_periods"] > measured["task_cpu_throttled_periods"]


def test_a_kill_in_a_real_container_is_one_of_the_pod(real_cgroups):
    pod, path = real_cgroups.make("pod"), real_cgroups.make("pod/small")
    cgroup = real_cgroups.locate(path)
    name = "memory.max" if cgroup.version("memory") == 2 else "memory.limit_in_bytes"
    with open(f"{cgroup.directory('memory')}/{name}", "w") as file:
        file.write(str(32 * MIB))
    probe = TaskMemoryEventsCollector().attach(real_target(real_cgroups, pod, path))
    assert read(probe)["task_mem_oom_kills"] == 0
    worker = real_cgroups.worker(path)
    with contextlib.suppress(AssertionError):
        worker.do("block = b'x' * 200_000_000")
    worker.stop()
    killed = read(probe)
    assert killed["task_mem_oom_kills"] == 1
    real_cgroups.remove(path)
    assert read(probe) == killed
    probe.close()
