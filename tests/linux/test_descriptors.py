"""How many descriptors are open: counted, whatever numbers they have."""

import os
import resource

import pytest

from wca.linux.descriptors import DescriptorCount, count_descriptors, descriptor_limit
from wca.linux.files import Kernel, KernelFile, TransientFile


@pytest.fixture
def limit():
    """Sets the limit of open files to so many more than are open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def set_limit(more):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count_descriptors() + more, hard))

    yield set_limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def fill():
    """Opens descriptors that are closed at the end."""
    opened = []

    def open_some(number):
        opened.extend(os.dup(0) for _ in range(number))
        return opened

    yield open_some
    for descriptor in opened:
        os.close(descriptor)


def listed():
    return len(os.listdir("/proc/self/fd")) - 1


def test_what_is_open_is_counted_holes_or_not(fill):
    before = count_descriptors()
    assert before == listed()
    opened = fill(50)
    for _ in range(40):
        os.close(opened.pop(0))
    assert count_descriptors() == listed() == before + 10


def test_a_kernel_that_does_not_tell_is_listed_and_then_asked_seldom(fill):
    listings = []

    def listing():
        listings.append(listed())
        return listings[-1]

    count = DescriptorCount(told=lambda: 0, listed=listing)
    for _ in range(100):
        fill(1)
        assert listed() <= count.in_use() <= listed() + 1
    assert 1 < len(listings) < 10


def test_where_it_cannot_be_told_everything_counts_as_used():
    def refuse():
        raise OSError("no descriptor is left to list them with")

    count = DescriptorCount(told=lambda: 0, listed=refuse)
    assert count.in_use() == descriptor_limit()
    assert not count.leaves_enough()


def test_a_low_number_of_a_new_file_does_not_hide_that_many_are_in_use(tmp_path, limit, fill):
    (tmp_path / "number").write_text("1")
    kernel = Kernel(str(tmp_path))
    opened = fill(400)
    limit(170)
    lowest = opened.pop(0)
    os.close(lowest)
    kept = kernel.open("/number")
    assert type(kept) is KernelFile
    assert kept.descriptor == lowest
    kept.close()
    limit(20)
    file = kernel.open("/number")  # it would get the same low number again
    assert type(file) is TransientFile
    assert file.read() == b"1"
    kernel.close()
