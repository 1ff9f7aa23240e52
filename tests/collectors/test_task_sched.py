"""What the scheduler counts of real threads, and of threads in a tree."""

import itertools
import os
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable
from wca.collectors.task_sched import TaskSchedCollector
from wca.collectors.task_schedstat import TaskSchedstatCollector
from wca.errors import ValidationError
from wca.linux.cgroups import CgroupHierarchies
from wca.metrics import CATALOGUE, MetricType
from wca.testing.kernel import KernelTree

SWITCHES = "u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_nvcsw + u.ru_nivcsw)"
SLEEP = "any(time.sleep(0.0005) for _ in range(200))"


def attach(collector, cgroup, kernel):
    target = SimpleNamespace(cgroup=cgroup, node=kernel, task=SimpleNamespace(task_id="task"))
    return collector.attach(target)


def read(probe):
    out = {}
    probe.read(out)
    return out


# Real threads


@pytest.fixture
def busy(real_cgroups):
    """A process in a group, and what attaches a collector to it."""
    path = real_cgroups.make("busy")
    worker = real_cgroups.worker(path)
    return worker, lambda one: attach(one, real_cgroups.locate(path), real_cgroups.kernel)


def test_switches_are_those_that_the_process_counts_itself(busy):
    worker, to = busy
    probe = to(TaskSchedCollector())
    worker.do(SLEEP)
    own = int(worker.do(SWITCHES)[0])
    assert read(probe)["task_sched_stat"]["nr_switches"] == pytest.approx(own, abs=5)
    assert own >= 200


def test_cpu_time_is_in_milliseconds(busy):
    worker, to = busy
    probe = to(TaskSchedCollector(keys="se.sum"))
    before = read(probe)["task_sched_stat"]["se.sum_exec_runtime"]
    used = worker.burn(0.3)
    after = read(probe)["task_sched_stat"]
    assert after.keys() == {"se.sum_exec_runtime"}
    assert after["se.sum_exec_runtime"] - before == pytest.approx(used * 1000, rel=0.1)


@pytest.mark.parametrize(
    ("collector", "count"),
    [
        (TaskSchedCollector(), lambda out: out["task_sched_stat"]["nr_switches"]),
        (TaskSchedstatCollector(), lambda out: out["task_run_queue_timeslices"]),
    ],
)
def test_threads_are_added_up_and_one_that_has_ended_stays_in_the_sum(busy, collector, count):
    worker, to = busy
    probe = to(collector)
    alone = count(read(probe))
    worker.do("import threading; stop = threading.Event()")
    sleeper = "while not stop.is_set(): time.sleep(0.0005)"
    worker.do(f"work = lambda: exec({sleeper!r})")
    worker.do("threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]")
    worker.do("any(thread.start() for thread in threads)")
    worker.do("time.sleep(0.3)")
    together = count(read(probe))
    assert together > alone + 100
    worker.do("stop.set(); any(thread.join() for thread in threads)")
    after = count(read(probe))
    assert after >= together
    worker.stop()
    assert count(read(probe)) >= after


@pytest.mark.parametrize(
    ("collector", "count"),
    [
        (TaskSchedCollector(), lambda out: out["task_sched_stat"]["nr_switches"]),
        (TaskSchedstatCollector(), lambda out: out["task_run_queue_timeslices"]),
    ],
)
def test_a_process_that_is_moved_into_the_task_does_not_bring_its_life_along(
    busy, real_cgroups, collector, count
):
    _, to = busy
    stranger = real_cgroups.worker(real_cgroups.make("elsewhere"))
    stranger.do("any(time.sleep(0.0005) for _ in range(2000))")
    probe = to(collector)
    before = count(read(probe))
    busy_path = f"{real_cgroups.parent}/busy"
    for folder in {real_cgroups.locate(busy_path).directory(one) for one in ("cpu", "psi")}:
        if folder is not None:
            with open(f"{folder}/cgroup.procs", "w") as members:
                members.write(str(stranger.pid))
    moved = count(read(probe))
    assert moved - before < 500
    stranger.do("any(time.sleep(0.0005) for _ in range(1000))")
    assert count(read(probe)) - moved >= 700  # and from now on it counts


def test_two_processes_on_one_cpu_wait_for_each_other(busy, real_cgroups):
    worker, to = busy
    rival = real_cgroups.worker(real_cgroups.make("rival"))
    cpu = sorted(os.sched_getaffinity(0))[:1]
    for one in (worker, rival):
        os.sched_setaffinity(one.pid, cpu)
    probe = to(TaskSchedstatCollector())
    before = read(probe)
    rival.do("import threading")
    spin = "while True: pass"
    rival.do(f"threading.Thread(target=lambda: exec({spin!r}), daemon=True).start()")
    used = worker.burn(0.5)
    after = read(probe)
    waited = after["task_run_queue_delay_seconds"] - before["task_run_queue_delay_seconds"]
    assert waited > used * 0.3
    assert after["task_run_queue_timeslices"] > before["task_run_queue_timeslices"]


@pytest.mark.parametrize("collector", [TaskSchedCollector(), TaskSchedstatCollector()])
def test_a_task_without_processes_has_no_numbers(real_cgroups, collector):
    path = real_cgroups.make("empty")
    assert read(attach(collector, real_cgroups.locate(path), real_cgroups.kernel)) == {}


# A tree


def sched(seq, migrated, nid, faults, switches=10):
    rows = {
        "se.exec_start": "11086733.945410",
        "nr_switches": switches,
        "prio": 120,
        "mm->numa_scan_seq": seq,
        "numa_pages_migrated": migrated,
        "numa_preferred_nid": nid,
        "total_numa_faults": 0,
    }
    text = f"worker (1, #threads: 1)\n{'-' * 67}\n"
    text += "".join(f"{key:<45}:{value:>21}\n" for key, value in rows.items())
    text += "current_node=0, numa_group_id=0\n"
    for node, (a, b, c, d) in enumerate(faults):
        text += f"numa_faults node={node} task_private={a} task_shared={b} "
        text += f"group_private={c} group_shared={d}\n"
    return text


FIRST = sched(12, "4.250000", -1, [(10, 20, 30, 40), (50, 60, 70, 80)])
SECOND = sched(15, "6.250000", -2, [(100, 200, 300, 400), (400, 500, 600, 700)])


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path)
    tree.add_task("/task", pids=(100, 101))
    tree.write("/proc/self/sched", FIRST)
    tree.write("/proc/self/schedstat", "1 1 1\n")
    yield tree
    tree.kernel.close()


def of_tree(tree, collector):
    cgroup = CgroupHierarchies(tree.kernel).locate("/task")
    return attach(collector, cgroup, tree.kernel)


def test_what_has_no_sum_is_left_out_and_the_rest_is_summed(tree):
    tree.write("/proc/100/task/100/sched", FIRST)
    tree.write("/proc/101/task/102/sched", SECOND)
    out = read(of_tree(tree, TaskSchedCollector(keys=".*numa")))
    assert out == {
        "task_sched_stat": {"numa_pages_migrated": 10.5},
        "task_sched_stat_numa_faults": {
            "0": {
                "task_private": 110,
                "task_shared": 220,
                "group_private": 330,
                "group_shared": 440,
            },
            "1": {
                "task_private": 450,
                "task_shared": 560,
                "group_private": 670,
                "group_shared": 780,
            },
        },
    }


def test_all_keys_by_default_and_no_faults_when_not_wanted(tree):
    tree.write("/proc/100/task/100/sched", FIRST)
    out = read(of_tree(tree, TaskSchedCollector(numa_faults=False)))
    assert out.keys() == {"task_sched_stat"}
    wanted = {"nr_switches", "numa_pages_migrated"}
    assert out["task_sched_stat"].keys() == wanted


def test_faults_of_a_thread_that_has_ended_are_gone(tree):
    tree.write("/proc/100/task/100/sched", FIRST)
    tree.write("/proc/101/task/102/sched", SECOND)
    probe = of_tree(tree, TaskSchedCollector())
    read(probe)
    tree.remove("/proc/101")
    out = read(probe)
    assert out["task_sched_stat_numa_faults"]["0"]["task_private"] == 10
    assert out["task_sched_stat"]["nr_switches"] == 20


def test_a_thread_id_that_is_used_again_adds_to_the_sum(tree):
    probe = of_tree(tree, TaskSchedCollector(keys="nr_switches"))
    for switches, expected in ((10, 10), (4, 14), (5, 15)):
        text = sched(1, 0, 0, [], switches=switches)
        tree.write("/proc/100/task/100/sched", text)
        assert read(probe)["task_sched_stat"] == {"nr_switches": expected}


def test_a_number_below_zero_is_no_counter_and_costs_nothing_else(tree):
    probe = of_tree(tree, TaskSchedCollector())
    for switches, expected in ((3, 3), (-5, 3), (2, 5)):
        tree.write("/proc/100/task/100/sched", sched(1, 0, 0, [], switches=switches))
        assert read(probe)["task_sched_stat"]["nr_switches"] == expected


def started(tree, tid, seconds):
    ticks = int(seconds * os.sysconf("SC_CLK_TCK"))
    fields = ["S", *["0"] * 18, str(ticks), *["0"] * 30]
    tree.write(f"/proc/100/task/{tid}/stat", f"{tid} (a) ) {' '.join(fields)}\n")


def test_a_thread_counts_from_its_start_and_one_that_is_older_from_when_it_was_first_seen(tree):
    now = [1000.0]
    collector = TaskSchedstatCollector(since_boot=lambda: now[0])
    probe = of_tree(tree, collector)

    def slices(**threads):
        for tid, count in threads.items():
            tree.write(f"/proc/100/task/{tid[1:]}/schedstat", f"1 1 {count}\n")
        out = read(probe)["task_run_queue_timeslices"]
        now[0] += 1
        return out

    started(tree, 100, 900.0)
    assert slices(t100=50) == 50  # at first all that is known is counted
    started(tree, 101, 1000.5)
    assert slices(t101=5) == 55  # it was started between the two readings
    started(tree, 102, 999.0)
    assert slices(t102=7000) == 55  # it was moved here
    assert slices(t102=7003) == 58
    tree.remove("/proc/100/task/102")
    assert slices() == 58
    started(tree, 102, 1004.2)
    assert slices(t102=4) == 62  # another thread with the same id


def test_a_thread_of_which_the_start_is_not_known_counts_whole(tree):
    tree.write("/proc/100/task/100/schedstat", "1 1 10\n")
    probe = of_tree(tree, TaskSchedstatCollector())
    read(probe)
    tree.write("/proc/100/task/101/schedstat", "1 1 5\n")
    assert read(probe)["task_run_queue_timeslices"] == 15


def test_delays_are_seconds(tree):
    tree.write("/proc/100/task/100/schedstat", "1000 1500000000 7\n")
    tree.write("/proc/100/task/101/schedstat", "1000 1000000000 3\n")
    assert read(of_tree(tree, TaskSchedstatCollector())) == {
        "task_run_queue_delay_seconds": 2.5,
        "task_run_queue_timeslices": 10,
    }


def test_a_kernel_that_does_not_count_is_told(tree):
    tree.write("/proc/self/schedstat", "0 0 0\n")
    with pytest.raises(NotAvailable, match="nothing but zeros"):
        of_tree(tree, TaskSchedstatCollector())


@pytest.mark.parametrize("collector", [TaskSchedCollector(), TaskSchedstatCollector()])
def test_a_kernel_without_the_file_is_told(tree, collector):
    tree.remove("/proc/self/sched")
    tree.remove("/proc/self/schedstat")
    with pytest.raises(NotAvailable, match=r"/proc/self/sched.* does not exist"):
        of_tree(tree, collector)


def test_a_thread_whose_file_is_missing_though_it_lives_is_told(tree):
    tree.write("/proc/100/task/100/stat", "")
    with pytest.raises(NotAvailable, match="task/100/sched does not exist"):
        read(of_tree(tree, TaskSchedCollector()))


def test_a_wrong_expression_is_refused():
    with pytest.raises(
        ValidationError, match=r"^keys '\*' is not a regular expression .*; write one"
    ):
        TaskSchedCollector(keys="*")


@pytest.mark.parametrize("collector", [TaskSchedCollector, TaskSchedstatCollector])
def test_the_catalogue_knows_every_metric(collector):
    assert set(collector.emits) <= CATALOGUE.keys()
    assert collector.blocking
    assert collector(interval=5).interval == 5


def test_what_decays_is_no_counter():
    assert CATALOGUE["task_sched_stat_numa_faults"].type is MetricType.GAUGE
    assert CATALOGUE["task_sched_stat"].type is MetricType.COUNTER


def test_nothing_goes_back_while_threads_come_and_go(busy):
    worker, to = busy
    probes = [to(TaskSchedCollector()), to(TaskSchedstatCollector())]
    worker.do("import threading")
    worker.do(
        "spawn = lambda: [threading.Thread(target=time.sleep, args=(0.01,)).start() for _ in range(5)]"
    )
    samples = []
    for _ in range(15):
        worker.do("spawn()")
        samples.append([read(probe) for probe in probes])
    for (before, waited), (after, waits) in itertools.pairwise(samples):
        for key, value in before["task_sched_stat"].items():
            assert after["task_sched_stat"][key] >= value, key
        assert all(waits[name] >= value for name, value in waited.items())
