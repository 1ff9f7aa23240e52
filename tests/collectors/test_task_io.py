"""Input and output of tasks: sums that only grow, and by option the numbers of each device."""

import tempfile
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.collectors import NotAvailable
from wca.collectors.task_io import TaskIoCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.parse import Malformed
from wca.testing.kernel import KernelTree
from wca.testing.kernel_files import blkio

LAYOUTS = ["v1_apart", "v2", "hybrid"]
PER_DEVICE = partial(TaskIoCollector, per_device=True)


@pytest.fixture(params=LAYOUTS)
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, request.param)
    yield tree
    tree.kernel.close()


def attach(tree, collector=TaskIoCollector):
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    return collector().attach(SimpleNamespace(cgroup=cgroup, node=tree.kernel))


def read(probe):
    out = {}
    probe.read(out)
    return out


def test_bytes_and_operations_are_summed_over_devices(tree):
    tree.add_task("/job", io={"8:0": (40960, 8192), "259:3": (4096, 0)})
    assert read(attach(tree)) == {
        "task_io_read_bytes": 45056,
        "task_io_written_bytes": 8192,
        "task_io_reads": 11,
        "task_io_writes": 2,
    }


def test_a_task_without_io_has_zeros_on_v2_and_nothing_on_v1_where_it_may_not_be_counted(tree):
    tree.add_task("/job")
    probe = attach(tree)
    assert set(read(probe).values()) == ({0} if tree.layout == "v2" else set())
    tree.add_task("/job", io={"8:0": (4096, 0)})
    assert read(probe)["task_io_reads"] == 1
    tree.add_task("/job")
    assert read(probe)["task_io_reads"] == 1


def test_discards_are_counted_by_option(tree):
    tree.add_task("/job", io={"8:0": (0, 409600)})
    measured = read(attach(tree, partial(TaskIoCollector, discards=True)))
    assert measured["task_io_discarded_bytes"] == 40960
    assert measured["task_io_discards"] == 10


def test_a_device_that_is_taken_away_stays_in_the_sums(tree):
    tree.add_task("/job", io={"8:0": (40960, 8192), "8:16": (4096, 4096)})
    probe = attach(tree)
    before = read(probe)
    tree.add_task("/job", io={"8:0": (40960, 8192)})
    assert read(probe) == before
    tree.add_task("/job", io={"8:0": (40960, 8192), "8:16": (8192, 0)})  # another one, same number
    after = read(probe)
    assert after["task_io_read_bytes"] == before["task_io_read_bytes"] + 8192
    assert after["task_io_written_bytes"] == before["task_io_written_bytes"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["8:0", "8:16", "9:0"]), st.integers(0, 99)), max_size=6
    )
)
def test_sums_never_step_back_whatever_devices_do(tmp_path_factory, samples):
    tree = KernelTree(tmp_path_factory.mktemp("tree"), "v2")
    tree.add_task("/job")
    probe = attach(tree)
    last = read(probe)
    for sample in samples:
        tree.add_task("/job", io={device: (blocks * 4096, 0) for device, blocks in sample.items()})
        now = read(probe)
        assert all(now[name] >= value for name, value in last.items())
        last = now
    tree.kernel.close()


PIECE = 4096


def steps(tree, *readings):
    """Bytes that a task has read, by its sum and by its one device, after each of these."""
    tree.add_task("/job")
    probe, given = attach(tree, PER_DEVICE), []
    for blocks in readings:
        tree.add_task("/job", io={"8:0": (blocks * PIECE, 0)})
        measured = read(probe)
        given.append(
            (measured["task_io_read_bytes"], *measured["task_io_device_read_bytes"].values())
        )
    return [tuple(number // PIECE for number in each) for each in given]


@pytest.mark.parametrize("tree", ["v1_apart", "hybrid"], indirect=True)
def test_on_v1_a_group_below_that_was_removed_counts_once(tree):
    """A container of 4 goes, out of 12 of the pod; then the other one goes on."""
    assert steps(tree, 12, 8, 8, 10) == [(12, 12), (12, 12), (12, 12), (14, 14)]


@pytest.mark.parametrize("tree", ["v2"], indirect=True)
def test_on_v2_a_smaller_number_is_that_of_another_device(tree):
    assert steps(tree, 12, 8, 10) == [(12, 12), (20, 8), (22, 10)]


containers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(containers, st.sets(st.integers(0, 3))), max_size=12))
def test_on_v1_no_more_is_counted_than_was_done_and_only_what_is_beside_an_end_is_lost(intervals):
    """In each interval containers read so much, and some of them end."""
    decode = _decoder_v1()
    living, done, hidden, last = {}, 0, 0, 0
    for work, ended in intervals:
        for container, blocks in work:
            living[container] = living.get(container, 0) + blocks
        now = sum(blocks for _, blocks in work)
        done += now
        hidden += now if ended & living.keys() else 0
        living = {one: blocks for one, blocks in living.items() if one not in ended}
        counted = decode(blkio({"8:0": (sum(living.values()), 0)}).encode())["task_io_read_bytes"]
        assert last <= counted <= done
        assert counted >= done - hidden
        last = counted


def _decoder_v1():
    with tempfile.TemporaryDirectory() as folder:
        tree = KernelTree(folder)
        tree.add_task("/job")
        probe = attach(tree)
        probe.close()
        return probe.sources[0][1]


def test_the_numbers_of_each_device_have_names_of_their_own(tree):
    tree.write("/sys/dev/block/259:3/uevent", "MAJOR=259\nMINOR=3\nDEVNAME=nvme0n1\nDEVTYPE=disk\n")
    tree.add_task("/job", io={"8:0": (40960, 8192), "259:3": (4096, 0)})
    probe = attach(tree, PER_DEVICE)
    measured = read(probe)
    assert measured["task_io_read_bytes"] == 45056
    assert measured["task_io_device_read_bytes"] == {"8:0": 40960, "nvme0n1": 4096}
    assert measured["task_io_device_writes"] == {"8:0": 2, "nvme0n1": 0}
    tree.add_task("/job", io={"8:0": (40960, 8192)})
    measured = read(probe)
    assert measured["task_io_read_bytes"] == 45056
    assert measured["task_io_device_read_bytes"] == {"8:0": 40960}


def test_a_device_that_sysfs_does_not_name_has_its_number(tree):
    tree.write("/sys/dev/block/8:0/uevent", "MAJOR=8\n")
    tree.add_task("/job", io={"8:0": (4096, 0)})
    assert read(attach(tree, PER_DEVICE))["task_io_device_reads"] == {"8:0": 1}


def test_a_file_of_another_form_costs_its_own_numbers(tree):
    tree.add_task("/job", io={"8:0": (4096, 0)})
    probe = attach(tree)
    read(probe)
    groups = tree.groups("/job")
    file = (
        f"{groups['v2']}/io.stat"
        if tree.layout == "v2"
        else (f"{groups['blkio']}/blkio.throttle.io_serviced_recursive")
    )
    tree.write(file, "8:0 rbytes=x Read\n")
    out = {}
    with pytest.raises(Malformed, match="8:0"):
        probe.read(out)
    assert out.keys() == (
        set() if tree.layout == "v2" else {"task_io_read_bytes", "task_io_written_bytes"}
    )


def test_without_the_controller_there_are_no_numbers(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/job")
    tree.write(f"{tree.groups('/job')['v2']}/cgroup.controllers", "cpu memory\n")
    with pytest.raises(NotAvailable, match="/job has no group for io"):
        attach(tree)


def test_what_goes_through_a_device_that_lies_on_another_is_counted_once(tree):
    tree.write("/sys/dev/block/253:0/slaves/sda/dev", "8:0\n")  # an LVM volume
    tree.add_task("/job", io={"8:0": (8192, 0), "253:0": (8192, 0), "7:0": (4096, 0)})
    probe = attach(tree, PER_DEVICE)
    values = read(probe)
    assert values["task_io_read_bytes"] == 8192
    assert set(values["task_io_device_read_bytes"].values()) == {8192, 4096}
    tree.add_task("/job", io={"8:0": (12288, 0)})  # the volume was taken away
    assert read(probe)["task_io_read_bytes"] == 12288
