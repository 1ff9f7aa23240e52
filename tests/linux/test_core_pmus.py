"""Which PMU counts on which CPU, from trees shaped like those of real machines."""

import pytest

from wca.linux.perf.core_pmus import CorePmus, event_on
from wca.linux.perf.events import PerfEvent, parse_event
from wca.linux.perf.pmu import PMUS
from wca.testing import KernelTree, PmuTree


@pytest.fixture
def tree(tmp_path):
    """A kernel without PMUs."""
    return KernelTree(tmp_path)


def add(tree, name, type_, **files):
    PmuTree(tree).add(name, type_, formats={}, **files)


def kinds(tree, cpus):
    pmus = CorePmus(tree.kernel)
    return {kind.name: kind.cpus for kind in pmus.kinds(cpus)}, pmus.several


def test_an_ordinary_processor_has_one_pmu_for_all_cpus(tree):
    add(tree, "cpu", 4)
    add(tree, "uncore_imc_0", 12, cpumask="0")
    add(tree, "software", 1)
    assert kinds(tree, range(4)) == ({"cpu": (0, 1, 2, 3)}, False)


def test_a_hybrid_processor_has_one_for_each_kind(tree):
    add(tree, "cpu_core", 4, cpus="0-3")
    add(tree, "cpu_atom", 10, cpus="4-7")
    add(tree, "power", 9, cpumask="0")
    assert kinds(tree, range(8)) == ({"cpu_core": (0, 1, 2, 3), "cpu_atom": (4, 5, 6, 7)}, True)
    assert kinds(tree, [1, 6]) == ({"cpu_core": (1,), "cpu_atom": (6,)}, True)


def test_arm_has_one_under_its_own_name(tree):
    add(tree, "armv8_pmuv3_0", 8, cpus="0-1")
    add(tree, "arm_spe_0", 9, cpumask="0-1")
    assert kinds(tree, range(2)) == ({"armv8_pmuv3_0": (0, 1)}, False)


def test_a_virtual_machine_has_none(tree):
    add(tree, "software", 1)
    assert kinds(tree, range(2)) == ({"": (0, 1)}, False)


def test_a_cpu_that_came_online_is_looked_up_anew(tree):
    add(tree, "cpu_core", 4, cpus="0-1")
    add(tree, "cpu_atom", 10, cpus="2")
    pmus = CorePmus(tree.kernel)
    pmus.kinds([0, 1, 2])
    tree.write(f"{PMUS}/cpu_atom/cpus", "2-3\n")
    assert {kind.cpus for kind in pmus.kinds([0, 1, 2, 3])} == {(0, 1), (2, 3)}


def test_a_cpu_of_no_pmu_is_a_kind_of_its_own(tree):
    add(tree, "cpu_core", 4, cpus="0-1")
    add(tree, "cpu_atom", 10, cpus="2")
    assert kinds(tree, range(4))[0] == {"cpu_core": (0, 1), "cpu_atom": (2,), "": (3,)}


@pytest.mark.parametrize(
    ("name", "type_", "config"),
    [
        ("task_cycles", 0, 10 << 32 | 0),
        ("task_llc_load_misses", 3, 10 << 32 | 0x10002),
        ("some__r0302", 10, 0x203),
        ("task_clock_seconds", 1, 1),
    ],
)
def test_an_event_is_asked_for_on_its_kind_of_cpu(tree, name, type_, config):
    add(tree, "cpu_core", 4, cpus="0-3")
    add(tree, "cpu_atom", 10, cpus="4-7")
    atom = CorePmus(tree.kernel).kinds([4])[0].pmu
    event = event_on(parse_event(name), atom)
    assert (event.type, event.config) == (type_, config)


def test_an_event_of_the_pmu_itself_stays_as_it_is(tree):
    add(tree, "cpu_atom", 10, cpus="4-7")
    own = PerfEvent("own", 10, 0x1234)
    assert event_on(own, CorePmus(tree.kernel).kinds([4])[0].pmu) == own
