"""Collectors of platform metrics."""

import dataclasses
import os
import re
import tempfile
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.collectors import NotAvailable
from wca.collectors.node_cpu import NodeCpuCollector
from wca.collectors.node_memory import NodeMemoryCollector
from wca.collectors.node_psi import NodePsiCollector
from wca.collectors.node_topology import NodeTopologyCollector
from wca.collectors.node_vmstat import NodeVmstatCollector
from wca.collectors.node_zoneinfo import NodeZoneinfoCollector
from wca.errors import ValidationError
from wca.linux.files import Kernel
from wca.metrics import CATALOGUE
from wca.testing.kernel import KernelTree

COLLECTORS = [
    NodeCpuCollector,
    NodeMemoryCollector,
    NodePsiCollector,
    NodeTopologyCollector,
    NodeVmstatCollector,
    partial(NodeVmstatCollector, keys=True),
    NodeZoneinfoCollector,
]
FILES = [1, 4, 4, 1, 1, 4, 1]  # of a machine with two NUMA nodes
KIB = 1024
HERTZ = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path, sockets=2, cores=2, threads=2, numa_nodes=2)
    yield tree
    tree.kernel.close()


def read(probe):
    out = {}
    probe.read(out)
    return out


def measure(collector, kernel):
    probe = collector().attach(kernel)
    try:
        return read(probe)
    finally:
        probe.close()


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_collector_emits_what_it_says_and_the_catalogue_knows(tree, collector):
    measured, one = measure(collector, tree.kernel), collector()
    optional = (
        {"platform_vmstat", "platform_node_vmstat"} if collector is NodeVmstatCollector else set()
    )
    assert measured.keys() == set(one.emits) - optional
    assert set(one.emits) <= CATALOGUE.keys()
    assert one.scope == "node"


@pytest.mark.parametrize("collector", COLLECTORS)
def test_on_this_machine_every_number_is_there_and_levels_are_text(collector):
    kernel = Kernel()
    if collector is NodePsiCollector and not kernel.exists("/proc/pressure"):
        pytest.skip("this kernel has no PSI")
    measured = measure(collector, kernel)
    kernel.close()
    assert measured.keys() <= set(collector().emits)
    assert measured
    for value in measured.values():
        while isinstance(value, dict):
            assert value
            assert all(isinstance(key, str) for key in value)
            value = next(iter(value.values()))
        assert value >= 0


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_machine_without_the_files_is_not_available(tmp_path, collector):
    with pytest.raises(NotAvailable, match="does not exist"):
        collector().attach(Kernel(str(tmp_path)))


@pytest.mark.parametrize(("collector", "files"), [*zip(COLLECTORS, FILES, strict=True)])
def test_in_steady_state_every_file_costs_one_read_and_nothing_else(tree, collector, files):
    probe = collector().attach(tree.kernel)
    read(probe)
    before = dataclasses.replace(tree.kernel.calls)
    read(probe)
    assert tree.kernel.calls == dataclasses.replace(before, reads=before.reads + files)


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_closed_probe_holds_no_file_and_closing_is_safe_twice(tree, collector):
    before = len(os.listdir("/proc/self/fd"))
    probe = collector().attach(tree.kernel)
    read(probe)
    probe.close()
    probe.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_busy_ticks_are_all_but_idle_and_waiting(tree):
    tree.set_cpu_ticks((100, 100, 100, 100, 100, 100, 100, 0, 0, 0))
    measured = measure(NodeCpuCollector, tree.kernel)
    assert measured["cpu_usage_per_cpu"] == {str(cpu): 500 for cpu in range(8)}


def test_seconds_in_each_mode_do_not_count_guests_twice(tree):
    tree.set_cpu_ticks(tuple(HERTZ * second for second in range(1, 11)))
    seconds = measure(NodeCpuCollector, tree.kernel)["platform_cpu_seconds"]
    assert seconds["7"] == {
        "user": 1.0,
        "nice": 2.0,
        "system": 3.0,
        "idle": 4.0,
        "iowait": 5.0,
        "irq": 6.0,
        "softirq": 7.0,
        "steal": 8.0,
    }


@pytest.mark.parametrize(("cores", "groups"), [(16, 16), (17, 1)])
def test_with_more_than_16_cpus_the_modes_are_summed(tmp_path, cores, groups):
    tree = KernelTree(tmp_path, cores=cores)
    tree.set_cpu_ticks((HERTZ,) * 10)
    measured = measure(NodeCpuCollector, tree.kernel)
    assert len(measured["platform_cpu_seconds"]) == groups
    assert len(measured["cpu_usage_per_cpu"]) == cores
    if groups == 1:
        assert measured["platform_cpu_seconds"]["all"]["user"] == pytest.approx(cores)


def test_a_cpu_that_goes_offline_takes_its_series_along_and_moves_no_other(tmp_path):
    tree = KernelTree(tmp_path, cores=17)
    probe = NodeCpuCollector().attach(tree.kernel)
    read(probe)
    tree.set_online([0, 2, 3])
    measured = read(probe)
    assert list(measured["cpu_usage_per_cpu"]) == ["0", "2", "3"]
    assert list(measured["platform_cpu_seconds"]) == ["all"], "one set of series for one run"


def idle_seconds(tree, probe, *readings):
    """Seconds of idle and iowait of CPU 0, after each reading of these."""
    found = []
    for idle, iowait in readings:
        tree.set_cpu_ticks((0, 0, 0, round(idle * HERTZ), round(iowait * HERTZ), 0, 0, 0, 0, 0))
        seconds = read(probe)["platform_cpu_seconds"]
        found.append(tuple(seconds[next(iter(seconds))][mode] for mode in ("idle", "iowait")))
    return found


def test_idle_and_iowait_that_the_kernel_takes_back_stand_still(tree):
    probe = NodeCpuCollector().attach(tree.kernel)
    readings = [(100, 5.0), (99.9, 4.9), (99.95, 4.95), (102, 5.1)]
    expected = [(100, 5), (100, 5), (100, 5), (102, 5.1)]
    before = (1000 / HERTZ, 10 / HERTZ)  # the tree's own
    assert idle_seconds(tree, probe, before, *readings)[1:] == expected


def test_a_cpu_whose_idle_time_begins_anew_goes_on_from_where_it_was(tree):
    """So it is before Linux 6.8 when a CPU comes back online."""
    probe = NodeCpuCollector().attach(tree.kernel)
    given = idle_seconds(tree, probe, (5000, 40), (0.5, 0), (2.5, 0.25))
    assert given == [(5000, 40), (5000, 40), (5002, 40.25)]
    probe.close()


def test_the_sum_of_a_large_machine_does_not_step_back_with_a_cpu_that_goes_offline(tmp_path):
    tree = KernelTree(tmp_path, cores=20)
    probe = NodeCpuCollector().attach(tree.kernel)
    (before,) = idle_seconds(tree, probe, (5000, 40))
    tree.set_online([0, 1])
    assert idle_seconds(tree, probe, (4000, 30), (4001, 30)) == [
        before,
        (before[0] + 20, before[1]),
    ]


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 10**6)] * 3), min_size=1, max_size=12),
    st.booleans(),
)
def test_no_time_of_a_cpu_ever_steps_back_and_what_only_grows_is_exact(samples, growing):
    samples = sorted(samples) if growing else samples
    if growing:  # in each mode
        samples = list(zip(*(sorted(column) for column in zip(*samples, strict=True)), strict=True))
    decode = cpu_times()
    last = (0, 0, 0)
    for user, idle, iowait in samples:
        row = f"{user} 0 0 {idle} {iowait} 0 0 0 0 0"
        modes = decode(f"cpu  {row}\ncpu0 {row}\nintr 1\n".encode())["platform_cpu_seconds"]["0"]
        now = tuple(modes[mode] * HERTZ for mode in ("user", "idle", "iowait"))
        assert all(new >= old for new, old in zip(now, last, strict=True))
        assert not growing or now == pytest.approx((user, idle, iowait))
        last = now


def cpu_times():
    """The decoder of /proc/stat."""
    with tempfile.TemporaryDirectory() as folder:
        probe = NodeCpuCollector().attach(KernelTree(folder).kernel)
        ((_, decode),) = probe.sources
        probe.close()
    return decode


def test_used_memory_is_the_total_without_free_buffers_and_cache(tree):
    tree.set_memory(total=8000, free=1000, buffers=200, cached=300)
    measured = measure(NodeMemoryCollector, tree.kernel)
    assert measured["memory_usage"] == 6500 * KIB
    assert measured["platform_mem_total_bytes"] == 8000 * KIB
    assert measured["platform_mem_available_bytes"] == 1300 * KIB


def test_swap_space_is_told_with_what_is_free_of_it(tree):
    tree.write("/proc/meminfo", "MemTotal: 10 kB\nSwapTotal:  2000 kB\nSwapFree:   500 kB\n")
    measured = measure(NodeMemoryCollector, tree.kernel)
    assert measured["platform_swap_total_bytes"] == 2000 * KIB
    assert measured["platform_swap_free_bytes"] == 500 * KIB


def test_memory_of_each_numa_node(tree):
    tree.write(
        "/sys/devices/system/node/node1/meminfo",
        "Node 1 MemTotal:       519690000 kB\nNode 1 MemFree:        443814568 kB\n"
        "Node 1 MemUsed:        75875412 kB\n",
    )
    measured = measure(NodeMemoryCollector, tree.kernel)
    assert measured["platform_mem_numa_free_bytes"]["1"] == 443814568 * KIB == 454466117632
    assert measured["platform_mem_numa_used_bytes"]["1"] == 75875412 * KIB
    assert measured["platform_mem_numa_free_bytes"].keys() == {"0", "1"}


def test_without_numa_there_are_no_numbers_of_nodes(tmp_path):
    tree = KernelTree(tmp_path, numa_nodes=0)
    measured = measure(NodeMemoryCollector, tree.kernel)
    assert "platform_mem_numa_free_bytes" not in measured
    assert "memory_usage" in measured


def test_a_number_that_meminfo_lacks_is_absent_with_what_is_made_of_it(tree):
    tree.write("/proc/meminfo", "MemTotal: 10 kB\nMemFree: 5 kB\nBuffers: 1 kB\n")
    measured = measure(NodeMemoryCollector, tree.kernel)
    assert "memory_usage" not in measured
    assert "platform_mem_available_bytes" not in measured
    assert measured["platform_mem_total_bytes"] == 10 * KIB


def test_a_vmstat_key_is_not_taken_for_another_that_begins_alike(tree):
    tree.set_vmstat(numa_hint_faults=152835, numa_hint_faults_local=97909, pgfault=11)
    assert measure(NodeVmstatCollector, tree.kernel) == {
        "platform_vmstat_numa_hint_faults": 152835,
        "platform_vmstat_numa_hint_faults_local": 97909,
        "platform_vmstat_pgfaults": 11,
    }


def test_all_keys_of_vmstat_are_given_by_option_for_the_machine_and_each_node(tree):
    tree.set_vmstat(numa_hint_faults=3, pgfault=11)
    measured = measure(partial(NodeVmstatCollector, keys=True), tree.kernel)
    assert measured["platform_vmstat_pgfaults"] == 11
    assert measured["platform_vmstat"]["numa_hint_faults"] == 3
    assert measured["platform_vmstat"]["nr_free_pages"] == 100
    assert measured["platform_node_vmstat"]["1"]["numa_hit"] == 101


def test_keys_of_vmstat_are_chosen_by_how_they_begin(tree):
    tree.set_vmstat(numa_hint_faults=3, numa_hint_faults_local=2, pgfault=11)
    chosen = measure(partial(NodeVmstatCollector, keys="numa_hi"), tree.kernel)
    assert chosen["platform_vmstat"] == {"numa_hint_faults": 3, "numa_hint_faults_local": 2}
    assert chosen["platform_node_vmstat"] == {"0": {"numa_hit": 100}, "1": {"numa_hit": 101}}
    chosen = measure(partial(NodeVmstatCollector, keys="numa_hint_faults$"), tree.kernel)
    assert chosen["platform_vmstat"] == {"numa_hint_faults": 3}


def test_numbers_of_nodes_keep_the_nodes_numbers_where_these_have_gaps(tree):
    for name in ("meminfo", "vmstat"):
        text = tree.kernel.read(f"/sys/devices/system/node/node1/{name}").decode()
        tree.write(f"/sys/devices/system/node/node4/{name}", text.replace("Node 1", "Node 4"))
    tree.remove("/sys/devices/system/node/node1")
    memory = measure(NodeMemoryCollector, tree.kernel)
    assert memory["platform_mem_numa_free_bytes"] == {"0": 1 << 30, "4": 2 << 30}
    vmstat = measure(partial(NodeVmstatCollector, keys="numa_hit"), tree.kernel)
    assert vmstat["platform_node_vmstat"] == {"0": {"numa_hit": 100}, "4": {"numa_hit": 101}}


def test_a_node_that_comes_online_is_measured_and_one_that_goes_is_not(tree):
    probe = NodeMemoryCollector().attach(tree.kernel)
    assert read(probe)["platform_mem_numa_free_bytes"].keys() == {"0", "1"}
    folder = "/sys/devices/system/node"
    text = tree.kernel.read(f"{folder}/node1/meminfo").decode()
    tree.write(f"{folder}/node2/meminfo", text.replace("Node 1", "Node 2"))
    tree.remove(f"{folder}/node1")
    tree.write(f"{folder}/online", "0,2\n")
    assert read(probe)["platform_mem_numa_free_bytes"].keys() == {"0", "2"}
    open_files = len(os.listdir("/proc/self/fd"))
    tree.write(f"{folder}/online", "0\n")
    read(probe)
    assert len(os.listdir("/proc/self/fd")) == open_files
    probe.close()


def test_a_kernel_without_numa_has_no_vmstat_of_nodes(tmp_path):
    measured = measure(
        partial(NodeVmstatCollector, keys=True), KernelTree(tmp_path, numa_nodes=0).kernel
    )
    assert "platform_vmstat" in measured
    assert "platform_node_vmstat" not in measured


@pytest.mark.parametrize("keys", ["(", "*numa", "[z-a]"])
def test_a_bad_expression_for_vmstat_is_refused_with_what_to_write(keys):
    with pytest.raises(
        ValidationError, match="^" + re.escape(f"keys {keys!r} is not a regular expression")
    ):
        NodeVmstatCollector(keys=keys)


def test_zones_of_each_node(tree):
    zones = measure(NodeZoneinfoCollector, tree.kernel)["platform_zoneinfo"]
    assert zones.keys() == {"0", "1"}
    assert zones["1"]["per-node-stats"] == {"nr_inactive_anon": 2, "nr_mapped": 13338}
    assert zones["1"]["DMA"]["free"] == 3868
    chosen = partial(NodeZoneinfoCollector, keys=r"\s+(min|low)\s+(\d+)")
    assert measure(chosen, tree.kernel)["platform_zoneinfo"]["0"]["Normal"] == {
        "min": 41,
        "low": 51,
    }


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("(", "is not a regular expression"),
        (r"\s+(\w+)", "is a regular expression with 1 groups"),
        ("", "is a regular expression with 0 groups"),
        ("(a)(b)(c)", "is a regular expression with 3 groups"),
    ],
)
def test_a_bad_expression_for_zoneinfo_is_refused_with_what_to_write(keys, reason):
    with pytest.raises(ValidationError, match=f"^keys .*{reason}.*; write one with two groups"):
        NodeZoneinfoCollector(keys=keys)


def test_pressure_of_the_machine_is_in_seconds_and_what_is_not_counted_is_absent(tree):
    assert measure(NodePsiCollector, tree.kernel) == {
        "platform_psi_cpu_some_seconds": 3.0,
        "platform_psi_memory_some_seconds": 3.0,
        "platform_psi_memory_full_seconds": 1.5,
        "platform_psi_io_some_seconds": 3.0,
        "platform_psi_io_full_seconds": 1.5,
        "platform_psi_irq_full_seconds": 0.25,
    }
    tree.remove("/proc/pressure/irq")
    assert "platform_psi_irq_full_seconds" not in measure(NodePsiCollector, tree.kernel)


def test_topology_counts_sockets_cores_and_cpus(tree):
    assert measure(NodeTopologyCollector, tree.kernel) == {
        "platform_topology_sockets": 2,
        "platform_topology_cores": 4,
        "platform_topology_cpus": 8,
    }


def test_topology_follows_a_cpu_that_goes_offline_and_comes_back(tree):
    probe = NodeTopologyCollector().attach(tree.kernel)
    assert read(probe)["platform_topology_cpus"] == 8
    tree.set_online([0, 1, 2])
    assert read(probe) == {
        "platform_topology_sockets": 1,
        "platform_topology_cores": 2,
        "platform_topology_cpus": 3,
    }
    tree.set_online(tree.cpus)
    assert read(probe)["platform_topology_cores"] == 4


def test_topology_that_sysfs_does_not_tell_is_absent(tree):
    for cpu in tree.cpus:
        tree.remove(f"/sys/devices/system/cpu/cpu{cpu}/topology")
    assert measure(NodeTopologyCollector, tree.kernel) == {"platform_topology_cpus": 8}
