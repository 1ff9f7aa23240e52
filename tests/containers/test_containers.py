"""Containers follow the list of tasks; one odd task or collector costs only itself."""

import logging

import pytest

from wca.collectors import Collector, NotAvailable, TargetGone
from wca.collectors.file_probe import FileProbe
from wca.containers import Containers, Target
from wca.naming import named
from wca.nodes import Task
from wca.telemetry import Telemetry


class FakeCgroup:
    def __init__(self, inode):
        self.inode = inode

    def identity(self):
        return (self.inode,)

    def appeared(self):
        return False


class Kernel:
    """Cgroup paths and their inodes; a path that is not there is gone."""

    def __init__(self, **inodes):
        self.inodes = inodes

    def locate(self, task):
        name = task.cgroup_path[1:]
        if name not in self.inodes:
            raise TargetGone(name)
        return Target(task, FakeCgroup(self.inodes[name]), None, FakeCgroup)


class Counting(Collector):
    """Gives the number of the attachment and remembers which probes are open."""

    def __init__(self, name="number"):
        self.name, self.attached, self.open = name, 0, set()
        self.fail_attach = self.fail_read = None

    def attach(self, target):
        if self.fail_attach:
            raise self.fail_attach
        self.attached += 1
        return CountingProbe(self, self.attached)


class CountingProbe:
    def __init__(self, collector, number):
        self.collector, self.number = collector, number
        collector.open.add(number)

    def read(self, out):
        if self.collector.fail_read:
            raise self.collector.fail_read
        out[self.collector.name] = self.number

    def close(self):
        self.collector.open.discard(self.number)


def task(name, **fields):
    return Task(name=name, task_id=name, cgroup_path=f"/{name}", **fields)


def ids(containers):
    return sorted(container.task.task_id for container in containers)


@pytest.mark.parametrize(
    ("discovered", "known"),
    [
        (["a"], []),
        (["a"], ["a"]),
        (["a", "b"], ["a"]),
        (["b"], ["a", "b"]),
        (["a", "c"], ["a", "b"]),
    ],
)
def test_what_is_new_is_opened_what_is_gone_is_closed_what_stays_is_kept(discovered, known):
    collector, kernel = Counting(), Kernel(a=1, b=2, c=3)
    containers = Containers(kernel.locate, named([collector]), Telemetry())
    containers.sync([task(name) for name in known])
    before = collector.attached
    containers.sync([task(name) for name in discovered])
    assert ids(containers) == sorted(discovered)
    assert collector.attached - before == len(set(discovered) - set(known))
    assert len(collector.open) == len(discovered)


def test_a_task_that_moved_to_another_cgroup_is_reopened():
    collector, kernel = Counting(), Kernel(a=1, b=2)
    containers = Containers(kernel.locate, named([collector]), Telemetry())
    containers.sync([task("a")])
    moved = task("a")
    moved.cgroup_path = "/b"
    containers.sync([moved])
    assert collector.open == {2}


def test_a_task_without_files_of_its_cgroups_is_looked_for_each_time():
    collector, kernel = Counting(), Kernel(a=1)
    containers = Containers(kernel.locate, named([collector]), Telemetry())
    containers.sync([task("a")])
    kernel.inodes["a"] = 2
    containers.sync([task("a")])
    assert collector.open == {2}
    del kernel.inodes["a"]
    containers.sync([task("a")])
    assert len(containers) == 0


def test_a_probe_that_calls_a_living_task_gone_is_reported():
    collector, kernel, telemetry = Counting(), Kernel(a=1), Telemetry()
    containers = Containers(kernel.locate, named([collector]), telemetry)
    containers.sync([task("a")])
    containers.drop(next(iter(containers)))
    containers.sync([task("a")])
    assert telemetry.failures("containers") == 1
    containers.drop(next(iter(containers)))
    kernel.inodes["a"] = 2
    containers.sync([task("a")])
    assert telemetry.failures("containers") == 1


def test_a_task_with_open_files_in_all_its_cgroups_costs_no_further_look_at_the_kernel():
    class Files(Collector):
        def attach(self, target):
            return FileProbe([])

    asked = []

    def locate(task):
        asked.append(task.cgroup_path)
        return Target(task, FakeCgroup(1), None, FakeCgroup)

    containers = Containers(locate, named([Files()]), Telemetry())
    for _ in range(3):
        containers.sync([task("a")])
    assert asked == ["/a"]


def test_a_group_that_is_made_later_is_found_with_the_next_discovery():
    class Psi(Counting):
        pass

    collector, missing, kernel = Counting(), Psi("psi"), Kernel(a=1)
    missing.fail_attach = NotAvailable("no group in the unified hierarchy")
    containers = Containers(kernel.locate, named([collector, missing]), Telemetry())
    containers.sync([task("a")])
    containers.sync([task("a")])
    assert collector.open == {1}
    missing.fail_attach, kernel.inodes["a"] = None, 2  # the set of its cgroups is another one
    containers.sync([task("a")])
    assert (collector.open, missing.open) == ({2}, {1})


def test_labels_and_resources_follow_the_node_without_reopening():
    collector, kernel = Counting(), Kernel(a=1)
    containers = Containers(kernel.locate, named([collector]), Telemetry())
    containers.sync([task("a", labels={"v": "1"}, resources={"cpus": 1})])
    containers.sync([task("a", labels={"v": "2"}, resources={"cpus": 2.5, "mem": 100})])
    (container,) = containers
    assert container.task.labels == {"v": "2"}
    values = container.read(7.0)
    assert values["task_requested_cpus"] == 2.5
    assert values["task_requested_mem_bytes"] == 100
    assert values["number"] == 1
    assert (values["task_up"], values["task_last_seen"]) == (1, 7.0)


@pytest.mark.parametrize("amount", ["two", float("inf"), float("nan")])
def test_an_amount_in_words_or_without_an_end_is_no_metric(amount):
    containers = Containers(Kernel(a=1).locate, {}, Telemetry())
    containers.sync([task("a", resources={"cpus": amount, "mem": 5})])
    values = next(iter(containers)).read(1.0)
    assert "task_requested_cpus" not in values
    assert values["task_requested_mem_bytes"] == 5


def test_a_task_without_a_cgroup_costs_only_itself():
    containers = Containers(Kernel(a=1).locate, named([Counting()]), Telemetry())
    containers.sync([task("gone"), task("a")])
    assert ids(containers) == ["a"]


def test_of_two_tasks_with_one_id_the_first_counts(caplog):
    containers = Containers(Kernel(a=1).locate, named([Counting()]), Telemetry())
    containers.sync([task("a", labels={"n": "1"}), task("a", labels={"n": "2"})])
    (container,) = containers
    assert container.task.labels == {"n": "1"}
    assert "task id a is listed twice" in caplog.text


def test_a_source_that_is_not_available_is_said_once_and_left_alone(caplog):
    missing, working = Counting("x"), Counting("y")
    missing.fail_attach = NotAvailable("no PSI in this kernel")
    containers = Containers(Kernel(a=1, b=2).locate, named([missing, working]), Telemetry())
    with caplog.at_level(logging.INFO):
        containers.sync([task("a"), task("b")])
        containers.sync([task("a"), task("b")])
    assert caplog.text.count("Counting is not available: no PSI in this kernel") == 1


def test_a_broken_collector_costs_its_own_numbers_only():
    class Other(Counting):
        pass

    broken, working = Counting("broken"), Other("working")
    telemetry = Telemetry()
    containers = Containers(Kernel(a=1).locate, named([broken, working]), telemetry)
    containers.sync([task("a")])
    broken.fail_read = ZeroDivisionError("oops")
    (container,) = containers
    values = container.read(1.0)
    assert "broken" not in values
    assert values["working"] == 1
    assert telemetry.failures("Counting") == 1


def test_a_collector_that_could_not_attach_is_tried_again():
    collector = Counting()
    collector.fail_attach = OSError("busy")
    containers = Containers(Kernel(a=1).locate, named([collector]), Telemetry())
    containers.sync([task("a")])
    collector.fail_attach = None
    containers.sync([task("a")])
    assert collector.open == {1}


def test_a_vanished_task_is_dropped_with_all_its_probes():
    collector = Counting()
    containers = Containers(Kernel(a=1, b=2).locate, named([collector]), Telemetry())
    containers.sync([task("a"), task("b")])
    first = next(iter(containers))
    containers.drop(first)
    assert len(containers) == 1
    assert len(collector.open) == 1
    containers.close()
    containers.close()
    assert collector.open == set()
