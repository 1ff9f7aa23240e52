"""perf_event_open on real cgroups: what is counted, which error means what, no descriptor lost."""

import ctypes
import errno
import os
import resource
import struct

import pytest

from wca.linux.perf import PerfAttr, PerfGroup
from wca.linux.perf_events import PerfEvent, parse_events

SOFTWARE = parse_events(["task_clock_seconds", "task_context_switches", "task_perf_page_faults"])
NO_SUCH = PerfEvent("no_such_event", 1, 999)


@pytest.fixture
def folder(real_cgroups):
    """A group that perf can count, as a descriptor."""
    path = real_cgroups.locate(real_cgroups.make("perf")).directory("perf_event")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        PerfGroup.open(SOFTWARE[:1], descriptor, 0).close()
    except OSError as error:
        os.close(descriptor)
        pytest.skip(f"this machine has no perf: {error}")
    yield descriptor
    os.close(descriptor)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_the_attributes_have_the_size_that_is_told_to_the_kernel():
    assert ctypes.sizeof(PerfAttr) == 112  # PERF_ATTR_SIZE_VER5
    offsets = {name: getattr(PerfAttr, name).offset for name, _ in PerfAttr._fields_}
    expected = {"config": 8, "read_format": 32, "flags": 40, "config1": 56, "config2": 64}
    expected |= {"sample_regs_user": 80, "sample_regs_intr": 96, "aux_watermark": 104}
    assert {name: offsets[name] for name in expected} == expected


def test_a_program_that_is_started_inherits_no_event(folder):
    before = set(os.listdir("/proc/self/fd"))
    group = PerfGroup.open(SOFTWARE, folder, 0)
    opened = [int(name) for name in set(os.listdir("/proc/self/fd")) - before]
    inherited = [number for number in opened if is_open(number) and os.get_inheritable(number)]
    assert len(opened) >= len(SOFTWARE)
    assert inherited == []
    group.close()


def is_open(number):
    return os.path.exists(f"/proc/self/fd/{number}")


def test_a_group_is_read_in_one_call_and_begins_at_zero(folder):
    before = descriptors()
    group = PerfGroup.open(SOFTWARE, folder, 0)
    assert descriptors() == before + len(SOFTWARE)
    group.enable()
    assert group.read() == (0, 0, (0, 0, 0))  # nothing runs in the control group
    assert group.read() is None  # nor is there anything new
    group.close()
    group.close()
    assert descriptors() == before


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_group_that_cannot_be_opened_as_a_whole_leaves_no_descriptor(folder, position):
    events = [*SOFTWARE[:position], NO_SUCH, *SOFTWARE[position:]]
    before = descriptors()
    for _ in range(20):
        with pytest.raises(OSError, match="perf event no_such_event on CPU 0") as refused:
            PerfGroup.open(events, folder, 0)
        assert refused.value.errno == errno.ENOENT
    assert descriptors() == before


def test_run_out_of_descriptors_is_its_own_error_and_gives_back_what_was_opened(folder):
    before = descriptors()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    fillers = [os.dup(0) for _ in range(highest)]  # no free number below the limit but two
    top = max(fillers) + 3
    resource.setrlimit(resource.RLIMIT_NOFILE, (top, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as refused:
            PerfGroup.open(SOFTWARE, folder, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for filler in fillers:
            os.close(filler)
    assert refused.value.errno == errno.EMFILE
    assert descriptors() == before


def test_a_cpu_that_is_not_there_and_a_file_that_is_no_group_are_told_apart(folder, tmp_path):
    with pytest.raises(OSError, match="on CPU 100000") as refused:
        PerfGroup.open(SOFTWARE, folder, 100000)
    assert refused.value.errno in (errno.EINVAL, errno.ENODEV)
    plain = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(OSError, match="task_clock") as refused:
        PerfGroup.open(SOFTWARE, plain, 0)
    os.close(plain)
    assert refused.value.errno == errno.EBADF


def test_an_ordinary_user_is_refused_as_such(folder):
    if os.geteuid() != 0:
        pytest.skip("needs root to become an ordinary user")
    with open("/proc/sys/kernel/perf_event_paranoid") as file:
        if int(file.read()) < 1:
            pytest.skip("this kernel lets everybody count")
    child = os.fork()
    if child == 0:
        code = 0
        try:
            os.setresuid(65534, 65534, 65534)
            PerfGroup.open(SOFTWARE, folder, 0)
        except OSError as error:
            code = error.errno
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (errno.EACCES, errno.EPERM)


def test_the_last_values_stay_readable_when_the_group_is_removed(real_cgroups):
    path = real_cgroups.make("short")
    place = real_cgroups.locate(path).directory("perf_event")
    descriptor = os.open(place, os.O_RDONLY)
    group = PerfGroup.open(SOFTWARE, descriptor, 0)
    os.close(descriptor)
    group.enable()
    real_cgroups.remove(path)
    assert group.read() == (0, 0, (0, 0, 0))
    group.close()


def test_a_cpu_that_went_offline_has_no_news():
    """The kernel answers with nothing at all then, as the end of a pipe does."""
    reader, writer = os.pipe()
    os.write(writer, struct.pack("=5Q", 2, 200, 100, 2**64 - 1, 7))
    os.close(writer)
    group = PerfGroup([reader, os.dup(reader)])
    assert group.read() == (200, 100, (2**64 - 1, 7))
    assert group.read() is None
    assert group.read() is None
    group.close()
