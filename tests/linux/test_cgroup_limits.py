"""Limits of control groups on both versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.cgroup_limits import CgroupLimits, read_limits
from wca.linux.cgroups import CgroupHierarchies
from wca.testing import KernelTree

NONE = CgroupLimits(None, None, None)


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v2"))
    tree.add_task("/a")
    yield tree
    tree.kernel.close()


def limits(tree):
    return read_limits(CgroupHierarchies(tree.kernel).locate("/a"))


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together", "v2", "hybrid"], indirect=True)
def test_what_nobody_has_set_is_none(tree):
    assert limits(tree) == NONE


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("cpu.max", "20000 100000", CgroupLimits(0.2, None, None)),
        ("cpu.max", "400000 100000", CgroupLimits(4.0, None, None)),
        ("cpu.max", "max 100000", NONE),
        ("cpu.max", "", NONE),
        ("cpu.max", "20000", NONE),
        ("cpu.max", "20000 0", NONE),
        ("cpu.max", "x y", NONE),
        ("cpu.weight", "100", NONE),
        ("cpu.weight", "1", CgroupLimits(None, 1, None)),
        ("cpu.weight", "10000", CgroupLimits(None, 10000, None)),
        ("cpu.weight", "odd", NONE),
        ("memory.max", "1048576", CgroupLimits(None, None, 1 << 20)),
        ("memory.max", "0", CgroupLimits(None, None, 0)),
        ("memory.max", "max", NONE),
        ("memory.max", "odd", NONE),
    ],
)
def test_files_of_v2(tree, name, text, expected):
    tree.write(f"{tree.groups('/a')['v2']}/{name}", f"{text}\n")
    assert limits(tree) == expected


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together", "hybrid"], indirect=True)
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"},
            CgroupLimits(0.5, None, None),
        ),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, NONE),
        ({"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": ""}, NONE),
        ({"cpu.shares": "1024"}, NONE),
        ({"cpu.shares": "512"}, CgroupLimits(None, 50, None)),
        ({"cpu.shares": "2"}, CgroupLimits(None, 1, None)),
        ({"memory.limit_in_bytes": "1048576"}, CgroupLimits(None, None, 1 << 20)),
        ({"memory.limit_in_bytes": "9223372036854771712"}, NONE),
    ],
)
def test_files_of_v1(tree, files, expected):
    for name, text in files.items():
        tree.write(f"{tree.groups('/a')[name.partition('.')[0]]}/{name}", f"{text}\n")
    assert limits(tree) == expected


def test_a_group_that_is_gone_has_none(tree):
    cgroup = CgroupHierarchies(tree.kernel).locate("/a")
    tree.remove_task("/a")
    assert read_limits(cgroup) == NONE


@given(st.binary(max_size=30))
def test_whatever_is_in_a_file_is_a_limit_or_none(data):
    class Odd:
        def version(self, controller):
            return 2

        def read(self, controller, name):
            return data

    found = read_limits(Odd())
    assert found.cpus is None or found.cpus > 0
    assert found.memory is None or found.memory >= 0
