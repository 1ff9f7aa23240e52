"""Tasks that meet their limits on a real kernel with cgroup v2, two NUMA nodes and a disk."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

MIB = 1 << 20


@pytest.fixture(scope="module")
def seen(vm):
    """What the collectors said, from one boot."""
    done = vm(guest_script("task_events.py"), numa=True, disk=48, timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def grown(seen, task, name):
    one = seen["tasks"][task]
    return one["after"][name] - one["before"][name]


def test_two_processes_on_one_cpu_wait_for_it_most_of_the_time(seen):
    waited = grown(seen, "contended", "task_psi_cpu_some_seconds")
    assert 0.6 * 2 < waited <= seen["tasks"]["contended"]["seconds"]


def test_user_and_system_time_make_the_usage(seen):
    parts = [grown(seen, "contended", f"task_cpu_{mode}_seconds") for mode in ("user", "system")]
    assert sum(parts) == pytest.approx(grown(seen, "contended", "task_cpu_usage_seconds"), abs=1e-4)


def test_a_quota_holds_back_and_a_burst_is_let_through(seen):
    assert grown(seen, "throttled", "task_cpu_throttled_periods") > 0
    assert grown(seen, "throttled", "task_cpu_throttled_seconds") > 0.1
    assert grown(seen, "throttled", "task_cpu_bursts") > 0
    assert 0 < grown(seen, "throttled", "task_cpu_burst_seconds") <= 0.1


def test_a_process_killed_for_want_of_memory_is_counted_once(seen):
    assert seen["tasks"]["killed"]["codes"] == [-9]
    assert grown(seen, "killed", "task_mem_oom_kills") == 1
    assert grown(seen, "killed", "task_mem_ooms") >= 1
    assert grown(seen, "killed", "task_mem_limit_hits") > 0
    assert grown(seen, "killed", "task_mem_oom_group_kills") == 0


def test_a_soft_limit_that_is_met_is_counted(seen):
    assert grown(seen, "slowed", "task_mem_soft_limit_hits") > 0
    assert grown(seen, "slowed", "task_mem_oom_kills") == 0


def test_a_process_that_may_not_be_begun_is_counted(seen):
    assert grown(seen, "forking", "task_pids_limit_hits") == 1
    assert seen["tasks"]["forking"]["after"]["task_pids_limit"] == 1


def test_input_and_output_are_counted_to_the_byte(seen):
    assert grown(seen, "reading", "task_io_read_bytes") == 6 * MIB
    assert grown(seen, "reading", "task_io_written_bytes") == 3 * MIB
    after = seen["tasks"]["reading"]["after"]
    assert after["task_io_device_read_bytes"] == {"nvme0n1": after["task_io_read_bytes"]}
    assert seen["tasks"]["contended"]["after"]["task_io_reads"] == 0


def test_pages_that_did_not_fit_are_refaulted(seen):
    assert grown(seen, "refaulting", "task_mem_refaults_file") > 1000
    assert grown(seen, "refaulting", "task_io_read_bytes") > 60 * MIB
    assert grown(seen, "refaulting", "task_mem_refaults_anon") == 0


@pytest.mark.parametrize("task", ["contended", "reading", "refaulting"])
def test_the_working_set_is_the_usage_without_inactive_page_cache(seen, task):
    after = seen["tasks"][task]["after"]
    usage, inactive = after["task_mem_usage_bytes"], after["task_mem_inactive_file_bytes"]
    assert after["task_mem_working_set_bytes"] == max(0, usage - inactive)


@pytest.mark.parametrize(("task", "node"), [("first_node", "0"), ("second_node", "1")])
def test_the_pages_of_a_task_that_is_bound_to_a_node_lie_there(seen, task, node):
    measured = seen["holding"][task]
    pages = measured["task_mem_numa_pages"]
    assert pages.keys() == {"0", "1"}
    assert pages[node] * 4096 == pytest.approx(40e6, rel=0.1)
    assert sum(pages.values()) - pages[node] < 0.02 * pages[node]
    assert sum(pages.values()) * 4096 == pytest.approx(measured["task_mem_usage_bytes"], rel=0.1)


def test_no_time_steps_back_when_a_cpu_goes_offline_and_comes_back(seen):
    before, without, after = (sample["platform_cpu_seconds"] for sample in seen["cpus"])
    assert before.keys() - without.keys() == {"3"}
    assert after.keys() == before.keys()
    for cpu, modes in after.items():
        for mode, seconds in modes.items():
            assert seconds >= without.get(cpu, before[cpu])[mode] >= before[cpu][mode]


def test_the_machine_is_seen_with_both_of_its_nodes(seen):
    machine = seen["machine"]
    assert machine["platform_zoneinfo"].keys() == {"0", "1"}
    assert machine["platform_node_vmstat"].keys() == {"0", "1"}
    assert machine["platform_mem_numa_free_bytes"].keys() == {"0", "1"}
    assert machine["platform_zoneinfo"]["0"]["per-node-stats"]["nr_active_anon"] > 0
    assert any(zone.get("free", 0) > 0 for zone in machine["platform_zoneinfo"]["1"].values())
    assert machine["platform_vmstat"]["pgfault"] > 0
    assert machine["platform_psi_cpu_some_seconds"] > 1


def test_what_this_kernel_does_not_count_is_absent(seen):
    assert "platform_psi_irq_full_seconds" not in seen["machine"]
    for task in seen["tasks"].values():
        assert "task_psi_irq_full_seconds" not in task["after"]
