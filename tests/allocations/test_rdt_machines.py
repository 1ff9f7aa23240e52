"""Machines that are not at hand: AMD, code and data apart, sparse masks, L2, MB/s; cgroup v1."""

import pytest

from tests.allocations.rdt_node import L3, MB, POINT, RdtNode, Resource
from tests.vm.guest.schemata_rules import ROWS, answers
from wca.allocations.resctrl.control import read_control
from wca.allocations.resctrl.opening import find_resctrl_files
from wca.allocators import RDTAllocation as Rdt
from wca.errors import NotAvailable
from wca.testing.control_files import ControlFiles

OWN = "wca-task.batch"
AMD = (
    Resource("L3", mask=0xFFFF, least=1, sparse=True),
    Resource("MB", least=0, step=1, most=2048),
    Resource("SMBA", least=0, step=1, most=2048),
)
CDP = (Resource("L3CODE", mask=0xFF), Resource("L3DATA", mask=0xFF), MB)
MBPS = (L3, Resource("MB", least=10, mbps=True))
L2 = (L3, Resource("L2", domains=(0, 1, 2, 3), mask=0xFF, least=2), MB)


@pytest.fixture
def machine(tmp_path):
    """machine(*resources, **options): with one task, and an agent that acts."""

    def machine(*resources, **options):
        node = RdtNode(tmp_path, resources=resources, **options)
        node.task("batch")
        return node.act()

    return machine


def test_the_tree_refuses_what_the_kernel_has_refused(machine, tmp_path):
    tree = machine(L3, MB).resctrl
    tree.make(f"{POINT}/gold")
    path = tmp_path / "sys/fs/resctrl/gold/schemata"
    found = answers(lambda text: tree.set_rows("gold", text), path.read_text)
    assert {text: answer for text, (answer, _) in found.items()} == ROWS


def applied(node, *rows, **asked):
    before = node.everything()
    assert node.ask(batch=Rdt(**asked)) == {"batch": "applied"}
    assert node.rows(OWN) == list(rows)
    assert node.ask(batch=node.in_force("batch")) == {"batch": "unchanged"}
    assert set(node.acting.undo()) == {"restored"}
    assert node.everything() == before


def refused(node, **asked):
    before = node.everything()
    (answer,) = node.ask(batch=Rdt(**asked)).values()
    assert node.everything() == before
    assert answer.startswith("failed: ")
    return answer.removeprefix("failed: ")


def test_amd_has_domains_of_any_number_sparse_masks_and_eighths_of_a_gigabyte(machine):
    node = machine(*AMD, domains=(0, 8, 21))
    applied(
        node,
        "L3:0=ffff;8=f0f;21=ffff",
        "MB:0=2048;8=2048;21=37",
        "SMBA:0=16;8=2048;21=2048",
        l3="L3:8=f0f",
        mb="MB:21=37",
        smba="SMBA:0=16",
    )


def test_a_number_that_is_too_much_is_refused_by_the_kernel_with_its_words(machine):
    node = machine(*AMD)
    assert refused(node, mb="MB:0=4096") == (
        "schemata:MB: Invalid argument (MB value 4096 out of range [0,2048])"
    )
    assert node.groups() == set(), "and the group that was made for it is removed again"
    assert node.journal.entries() == []


def test_with_cdp_there_are_rows_for_code_and_for_data(machine):
    node = machine(*CDP, code_and_data=True)
    applied(
        node,
        "L3CODE:0=f;1=ff",
        "L3DATA:0=ff;1=3",
        "MB:0=100;1=100",
        l3="L3CODE:0=f,L3DATA:1=3",
    )
    applied(node, "L3CODE:0=f;1=ff", "L3DATA:0=f;1=ff", "MB:0=100;1=100", l3="L3:0=f")


def test_with_mba_mbps_numbers_are_megabytes_and_are_not_rounded(machine):
    node = machine(*MBPS)
    applied(node, "L3:0=7ff;1=7ff", "MB:0=1234;1=4294967295", mb="MB:0=1234")


def test_l2_caches_have_domains_of_their_own(machine):
    node = machine(*L2)
    applied(
        node,
        "L3:0=7ff;1=7ff",
        "L2:0=ff;1=ff;2=ff;3=30",
        "MB:0=100;1=100",
        l2="L2:3=30",
    )
    assert refused(node, l2="L2:3=10") == (
        "L2: the mask 10 of domain 3 has 1 ways, 2 are the least"
    )
    assert refused(node, l2="L2:4=ff") == "L2 has the domains 0, 1, 2, 3, got 4"


def test_on_cgroup_v1_threads_are_found_too(tmp_path):
    node = RdtNode(tmp_path, "v1_together")
    node.task("batch", threads=3)
    applied(node.act(), "L3:0=f;1=7ff", "MB:0=100;1=100", l3="0=f")


def test_a_kernel_that_does_not_tell_where_a_thread_is_has_its_groups_searched(machine):
    node = machine(L3, MB, tells_places=False)
    applied(node, "L3:0=f;1=7ff", "MB:0=100;1=100", l3="0=f")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"l3": "L3:0=fff"}, "L3: the mask fff of domain 0 has more than the ways 7ff that there are"),
        ({"l3": "L3:0=0"}, "L3: the mask 0 of domain 0 has 0 ways, 1 are the least"),
        ({"l3": "L3:0=101"}, "L3: the mask 101 of domain 0 has a gap, which this processor does not take"),
        ({"l3": "L3:2=f"}, "L3 has the domains 0, 1, got 2"),
        ({"l3": "L3:0=xyz"}, "L3: expected a mask in hexadecimal digits, got 'xyz'"),
        ({"l3": "L3:0=f;0=3"}, "L3: there are two values for domain 0"),
        ({"l3": "L3:a=f"}, "L3: a domain is a number, got 'a'"),
        ({"l3": "L3:"}, "L3: expected domain=value, got ''"),
        ({"l3": "L3:0=f;"}, "L3: expected domain=value, got ''"),
        ({"l3": ""}, "l3: expected a row such as L3:0=ff;1=ff, got ''"),
        ({"l3": "MB:0=50"}, "l3: expected a row such as L3:0=ff;1=ff, got one for 'MB'"),
        ({"l3": "L3CODE:0=f"}, "l3: resctrl is not mounted with cdp, write L3"),
        ({"l3": "L3:0=f\nL3:1=f"}, "l3: there are two rows for L3"),
        ({"l3": 5}, "l3: expected a row such as L3:0=ff;1=ff"),
        ({"mb": "MB:0=9"}, "MB: 9 of domain 0 is not from 10 to 100 (percent)"),
        ({"mb": "MB:0=101"}, "MB: 101 of domain 0 is not from 10 to 100 (percent)"),
        ({"mb": "MB:0=1f"}, "MB: expected a whole number, got '1f'"),
        ({"l2": "L2:0=f"}, "l2: resctrl does not control the L2 cache on this machine"),
        ({"smba": "SMBA:0=8"}, "smba: resctrl does not control memory bandwidth (SMBA) on this machine"),
        ({"name": 5}, "name: expected a text of at most 100 characters, got 5"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(machine, asked, sentence):
    node = machine(L3, MB)
    assert refused(node, **asked) == sentence
    (answer,) = node.acting.ask({"batch": {"rdt": asked}}).values()
    assert answer == f"failed: {sentence}", "also where it is a mapping, as from a file"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("L3:0=f", "failed: expected an RDTAllocation, got a str"),
        (None, "failed: expected an RDTAllocation, got a NoneType"),
        ({"L3": "0=f"}, "failed: expected name, l3, mb, l2, smba, got 'L3'"),
    ],
)
def test_so_is_something_else(machine, value, sentence):
    (answer,) = machine(L3, MB).acting.ask({"batch": {"rdt": value}}).values()
    assert answer == sentence


@pytest.mark.parametrize("spelling", ["L3:0=f", "l3:0=F", "0=f", "L3: 0 = 0xf", "L3:0=00f\n"])
def test_a_row_may_be_spelt_as_people_do(machine, spelling):
    applied(machine(L3, MB), "L3:0=f;1=7ff", "MB:0=100;1=100", l3=spelling)


def test_without_resctrl_that_is_the_reason(tmp_path):
    node = RdtNode(tmp_path)
    node.task("batch")
    mounts = tmp_path / "proc/self/mountinfo"
    lines = mounts.read_text().splitlines(keepends=True)
    mounts.write_text("".join(line for line in lines if "resctrl" not in line))
    node.act()
    assert node.ask(batch=Rdt(l3="0=f")) == {
        "batch": "failed: resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl"
    }
    assert node.in_force("batch") is None


def test_resctrl_that_only_counts_is_told(tmp_path):
    node = RdtNode(tmp_path)
    node.task("batch")
    for name in ("L3", "MB"):
        (tmp_path / f"sys/fs/resctrl/info/{name}/num_closids").unlink()
    node.act()
    assert node.ask(batch=Rdt(l3="0=f")) == {
        "batch": f"failed: resctrl is mounted, but controls nothing here ({POINT}/info)"
    }
    assert node.in_force("batch") is None


@pytest.mark.parametrize("name", ["cbm_mask", "num_closids", "min_cbm_bits"])
def test_a_file_of_another_form_is_told(tmp_path, name):
    node = RdtNode(tmp_path)
    (tmp_path / f"sys/fs/resctrl/info/L3/{name}").write_text("?\n")
    files, options = find_resctrl_files(ControlFiles(node.resctrl))
    with pytest.raises(NotAvailable, match="info cannot be read"):
        read_control(files, POINT, options)
