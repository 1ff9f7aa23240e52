"""Pods, and controllers that come late, on a real kernel with cgroup v2."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

MIB = 1 << 20


@pytest.fixture(scope="module")
def seen(vm):
    """What was measured, from one boot."""
    done = vm(guest_script("pods.py"), disk=48, timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_pod_without_a_quota_is_throttled_as_its_containers_are(seen):
    own, container = (seen["pods"]["truth"][path] for path in ("/pod", "/pod/web"))
    assert own["nr_throttled"] == 0
    assert container["nr_throttled"] > 0
    after = seen["pods"]["after"]
    assert after["task_cpu_throttled_periods"] == container["nr_throttled"]
    assert after["task_cpu_periods"] == container["nr_periods"]
    assert after["task_cpu_throttled_seconds"] == pytest.approx(container["throttled_usec"] / 1e6)
    assert seen["pods"]["before"]["task_cpu_throttled_periods"] == 0


def test_a_kill_in_a_container_is_one_of_the_pod_and_no_more(seen):
    assert seen["pods"]["codes"]["/pod/small"] == -9
    assert seen["pods"]["after"]["task_mem_oom_kills"] == 1


def test_what_containers_have_counted_stays_when_they_end(seen):
    after = seen["pods"]["after"]
    assert after["task_io_read_bytes"] == 3 * MIB
    counters = [name for name in after if name.startswith(("task_cpu_", "task_io_"))]
    counters += ["task_mem_oom_kills", "task_mem_limit_hits"]
    for ended in seen["pods"]["ended"]:
        assert {name: ended[name] for name in counters} == pytest.approx(
            {name: after[name] for name in counters}
        )


def test_a_controller_that_is_enabled_later_is_measured_from_then_on(seen):
    *before, with_memory, with_io = map(set, seen["late"])
    for sample in before:
        assert "task_cpu_usage_seconds" in sample
        assert not sample & {"task_cpu_periods", "task_mem_usage_bytes", "task_io_reads"}
    assert with_memory >= {"task_cpu_periods", "task_mem_usage_bytes", "task_mem_oom_kills"}
    assert with_io - with_memory >= {"task_io_reads", "task_io_read_bytes"}
