"""The guest shows what no machine of this kind shows: v2 only; NUMA, resctrl and a PMU."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm


def facts(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_plain_guest_has_cgroup_v2_only_with_all_controllers_and_psi(vm):
    seen = facts(vm(guest_script("kernel_facts.py")))
    assert seen["cgroup mounts"] == [["/sys/fs/cgroup", "cgroup2"]]
    assert {"cpu", "cpuset", "memory", "io", "pids"} <= set(seen["controllers"])
    assert {"cpu.stat", "cpu.max", "memory.current", "memory.pressure"} <= set(seen["files"])
    assert seen["pressure"].startswith("some avg10=")
    assert seen["nodes"] == ["node0"]
    assert seen["uid"] == 0


def test_two_numa_nodes_resctrl_and_a_pmu_where_the_emulator_has_them(vm):
    seen = facts(vm(guest_script("kernel_facts.py"), numa=True, rdt=True, pmu=True, memory=1024))
    assert seen["nodes"] == ["node0", "node1"]
    assert seen["node cpus"] == ["0-1", "2-3"]
    assert seen["cbm_mask"] == "7ff"
    assert "L3:0=7ff;1=7ff" in seen["schemata"]
    assert "llc_occupancy" in seen["cache monitoring"].split()
    assert seen["pmu"] == "icelake"


def test_numa_works_with_any_emulator(vm):
    seen = facts(vm(guest_script("kernel_facts.py"), numa=True))
    assert seen["nodes"] == ["node0", "node1"]
