"""Several kernel files read in one go."""

import dataclasses
import os
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wca.errors import NotAvailable, TargetGone
from wca.linux.file_group import FileGroup
from wca.linux.files import Kernel

NAMES = ("/a", "/b", "/c")
sizes = st.one_of(st.integers(0, 2000), st.sampled_from([478, 479, 480, 3584, 3585, 4096, 9000]))


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(str(tmp_path))
    yield kernel
    kernel.close()


def write(tmp_path, *contents):
    for name, content in zip(NAMES, contents, strict=False):
        (tmp_path / name[1:]).write_bytes(content)


def reads_of(kernel, group):
    before = dataclasses.replace(kernel.calls)
    group.read()
    assert kernel.calls == dataclasses.replace(before, reads=kernel.calls.reads)
    return kernel.calls.reads - before.reads


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=5))
def test_contents_of_any_size_come_whole_and_in_order(tmp_path, rounds):
    write(tmp_path, b"", b"", b"")
    kernel = Kernel(str(tmp_path))
    group = FileGroup([kernel.open(name) for name in NAMES])
    try:
        for lengths in rounds:
            contents = [bytes([65 + i]) * length for i, length in enumerate(lengths)]
            write(tmp_path, *contents)
            assert group.read() == contents
    finally:
        group.close()


@pytest.mark.parametrize("size", [10, 478, 479, 2000, 20_000])
def test_in_steady_state_every_file_costs_one_read_and_nothing_else(kernel, tmp_path, size):
    write(tmp_path, b"x" * size, b"short", b"y" * 600)
    group = FileGroup([kernel.open(name) for name in NAMES])
    group.read()
    assert reads_of(kernel, group) == 3


def test_a_file_that_the_kernel_gives_page_by_page_costs_no_more_than_by_itself():
    kernel = Kernel()
    file = kernel.open("/proc/self/maps")
    group = FileGroup([file])
    group.read()
    start = kernel.calls.reads
    file.read()
    by_itself = kernel.calls.reads - start
    assert by_itself > 1, "the file is too short for what this test is about"
    assert reads_of(kernel, group) == by_itself
    kernel.close()


def test_a_file_that_is_refused_is_none_and_costs_the_others_nothing(kernel, tmp_path):
    write(tmp_path, b"first", b"second")
    (tmp_path / "folder").mkdir()
    group = FileGroup([kernel.open(name) for name in ("/a", "/folder", "/b")])
    assert [group.read(), group.read()] == [[b"first", None, b"second"]] * 2
    assert reads_of(kernel, group) == 3


class Stubborn:
    """A file of somebody else's, refused every other time."""

    def __init__(self):
        self.asked = 0
        self.closed = False

    def read(self):
        self.asked += 1
        if self.asked % 2 == 0:
            raise NotAvailable("not now")
        return b"here"

    def close(self):
        self.closed = True


def test_a_file_that_is_no_kernel_file_is_read_by_itself(kernel, tmp_path):
    write(tmp_path, b"first")
    other = Stubborn()
    group = FileGroup([kernel.open("/a"), other])
    assert [group.read() for _ in range(3)] == [
        [b"first", b"here"],
        [b"first", None],
        [b"first", b"here"],
    ]
    group.close()
    assert other.closed


def test_what_was_removed_is_gone(kernel):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    own = Kernel()
    group = FileGroup([own.open("/proc/self/stat"), own.open(f"/proc/{pid}/stat")])
    assert None not in group.read()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with pytest.raises(TargetGone, match=f"/proc/{pid}/stat"):
        group.read()
    group.close()


def test_without_descriptors_files_are_opened_for_each_read(tmp_path):
    write(tmp_path, b"first", b"second")
    kernel = Kernel(str(tmp_path), max_kept=1)
    group = FileGroup([kernel.open("/a"), kernel.open("/b")])
    opens = kernel.calls.opens
    assert [group.read(), group.read()] == [[b"first", b"second"]] * 2
    assert kernel.calls.opens == opens + 2
    group.close()


def test_each_kernel_counts_its_own_reads(tmp_path):
    write(tmp_path, b"first", b"second")
    one, two = Kernel(str(tmp_path)), Kernel(str(tmp_path))
    group = FileGroup([one.open("/a"), two.open("/b"), one.open("/b")])
    assert group.read() == [b"first", b"second", b"second"]
    assert (one.calls.reads, two.calls.reads) == (2, 1)
    group.close()


def test_a_closed_group_reads_nothing_and_closing_is_safe_twice(kernel, tmp_path):
    write(tmp_path, b"first", b"second")
    before = len(os.listdir("/proc/self/fd"))
    group = FileGroup([kernel.open("/a"), kernel.open("/b")])
    group.close()
    group.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert group.read() == [None, None]


def test_an_empty_group_has_nothing_to_read():
    assert FileGroup([]).read() == []
