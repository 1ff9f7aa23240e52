"""The facts of the machine, from sysfs."""

import psutil
import pytest

from wca.linux.files import Kernel
from wca.linux.parse import Malformed
from wca.platforms import Platform, read_platform
from wca.platforms.platform import cpu_model
from wca.testing.kernel import KernelTree

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"


@pytest.fixture
def tree(tmp_path):
    return KernelTree(tmp_path, sockets=2, cores=2, threads=2, numa_nodes=2)


def test_sockets_cores_cpus_and_nodes(tree):
    assert read_platform(tree.kernel) == Platform(
        sockets=2,
        cores=4,
        cpus=8,
        numa_nodes=2,
        cpu_model="Example CPU @ 2.00GHz",
        topology={0: {0: [0, 1], 1: [2, 3]}, 1: {0: [4, 5], 1: [6, 7]}},
        node_cpus={0: {0, 1, 2, 3}, 1: {4, 5, 6, 7}},
        node_distances={0: {0: 10, 1: 21}, 1: {0: 21, 1: 10}},
        swap_enabled=True,
    )


def test_this_machine_is_read_as_psutil_sees_it():
    platform = read_platform(Kernel())
    assert platform.cpus == psutil.cpu_count()
    assert platform.cores == psutil.cpu_count(logical=False)
    in_cores = [c for cores in platform.topology.values() for cpus in cores.values() for c in cpus]
    assert sorted(in_cores) == list(range(platform.cpus))
    assert set().union(*platform.node_cpus.values()) == set(in_cores)
    assert platform.swap_enabled == (psutil.swap_memory().total > 0)


def test_a_cpu_that_is_offline_counts_nowhere(tree):
    tree.set_online([0, 2, 3, 4, 5, 6, 7])
    platform = read_platform(tree.kernel)
    assert (platform.cpus, platform.cores) == (7, 4)
    assert platform.topology[0] == {0: [0], 1: [2, 3]}


def test_a_machine_that_does_not_number_its_sockets_has_one(tree):
    for cpu in tree.cpus:
        tree.write(f"{CPU}/cpu{cpu}/topology/physical_package_id", "-1\n")
        tree.write(f"{CPU}/cpu{cpu}/topology/core_id", "-1\n")
    platform = read_platform(tree.kernel)
    assert (platform.sockets, platform.cores) == (1, 4)
    assert platform.topology == {0: {0: [0, 1], 2: [2, 3], 4: [4, 5], 6: [6, 7]}}


def test_cores_of_two_dies_that_have_the_same_number_are_told_apart(tree):
    for cpu in (2, 3):
        tree.write(f"{CPU}/cpu{cpu}/topology/core_id", "0\n")
    assert read_platform(tree.kernel).topology[0] == {0: [0, 1], 1: [2, 3]}


def test_an_older_kernel_names_the_list_of_siblings_otherwise(tree):
    for cpu in tree.cpus:
        tree.remove(f"{CPU}/cpu{cpu}/topology/core_cpus_list")
    assert read_platform(tree.kernel).cores == 4


def test_without_the_list_of_cpus_the_folders_are_counted(tree):
    tree.remove(f"{CPU}/online")
    tree.write(f"{CPU}/cpufreq/x", "")
    assert read_platform(tree.kernel).cpus == 8


def test_without_a_topology_in_sysfs_psutil_counts_the_cores(tree, monkeypatch):
    for cpu in tree.cpus:
        tree.remove(f"{CPU}/cpu{cpu}/topology")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else 3)
    platform = read_platform(tree.kernel)
    assert (platform.sockets, platform.cores, platform.cpus) == (1, 3, 8)
    assert platform.topology == {}


def test_an_empty_machine_is_described_all_the_same(tmp_path):
    platform = read_platform(Kernel(str(tmp_path)))
    assert platform.cpus == psutil.cpu_count()
    assert (platform.sockets, platform.numa_nodes, platform.cpu_model) == (1, 1, "unknown")
    assert platform.swap_enabled is False


def test_a_kernel_without_numa_is_one_node_with_all_cpus(tmp_path):
    platform = read_platform(KernelTree(tmp_path, numa_nodes=0).kernel)
    assert platform.numa_nodes == 1
    assert platform.node_cpus == {0: {0, 1}}
    assert platform.node_distances == {0: {0: 10}}


def test_numbers_of_nodes_may_have_gaps_and_nodes_may_lack_cpus(tree):
    tree.remove(f"{NODE}/node1")
    tree.write(f"{NODE}/node0/distance", "10 17\n")
    tree.write(f"{NODE}/node4/distance", "17 10\n")
    tree.write(f"{NODE}/node4/cpulist", "\n")
    tree.write(f"{NODE}/has_cpu", "0\n")
    platform = read_platform(tree.kernel)
    assert platform.node_cpus == {0: {0, 1, 2, 3}, 4: set()}
    assert platform.node_distances == {0: {0: 10, 4: 17}, 4: {0: 17, 4: 10}}


def test_no_swap_space_means_no_swap(tree):
    tree.set_memory(total=10, free=5, swap=0)
    assert read_platform(tree.kernel).swap_enabled is False


@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [
        (b"processor: 0\nmodel name\t: Intel(R)  Xeon(R): Gold\n", "Intel(R) Xeon(R): Gold"),
        (b"CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41 part 0xd0c"),
        (b"cpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"),
        (b"processor : 0\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"),
        (b"", "unknown"),
        (b"\xff\xfe: \x80\n", "unknown"),
    ],
)
def test_the_model_of_the_cpu_on_every_architecture(cpuinfo, model):
    assert cpu_model(cpuinfo) == model


def test_a_file_of_another_form_is_said_to_be_malformed(tree):
    tree.write(f"{CPU}/online", "many\n")
    with pytest.raises(Malformed, match="many"):
        read_platform(tree.kernel)


def test_the_processor_has_the_name_of_its_family(tree):
    fields = "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nstepping : 7\n"
    tree.write("/proc/cpuinfo", fields)
    platform = read_platform(tree.kernel)
    assert (platform.cpu_model_number, platform.cpu_codename) == (85, "cascadelakex")
    tree.write("/proc/cpuinfo", fields.replace("85", "1"))
    assert read_platform(tree.kernel).cpu_codename is None
