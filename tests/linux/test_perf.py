"""perf_event_open on real cgroups: what is counted, which error means what, no descriptor lost."""

import ctypes
import errno
import os
import platform
import resource
import socket
import struct
import subprocess
import time

import pytest

from tests.services import missing, program
from wca.linux.perf import counting as perf
from wca.linux.perf.counting import (
    SYSCALLS,
    GroupReading,
    PerfAttr,
    PerfGroup,
    add_up,
    group_size,
    readings_of,
)
from wca.linux.perf.events import PerfEvent, parse_event

SOFTWARE = [
    parse_event(name)
    for name in ("task_clock_seconds", "task_context_switches", "task_perf_page_faults")
]
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


@pytest.fixture
def compiled(tmp_path):
    """Compiles a C program with the kernel's headers and gives what it prints, as numbers."""
    compiler = program("gcc", "cc", package="gcc")
    if not os.path.exists("/usr/include/linux/perf_event.h"):
        missing("the kernel's headers are not installed (Debian's package linux-libc-dev)")

    def run(*headers, **expressions):
        includes = "".join(f"#include <{header}>\n" for header in headers)
        prints = "".join(
            f'printf("{name} %ld\\n", (long)({expression}));'
            for name, expression in expressions.items()
        )
        source = tmp_path / "facts.c"
        source.write_text(f"{includes}\nint main(void) {{ {prints} return 0; }}\n")
        subprocess.run([compiler, "-o", tmp_path / "facts", source], check=True)
        out = subprocess.run([tmp_path / "facts"], capture_output=True, text=True, check=True)
        return {name: int(number) for name, number in map(str.split, out.stdout.splitlines())}

    return run


def test_every_field_lies_where_the_kernels_header_has_it(compiled):
    """The structure holds fixed-width numbers only, so that it is the same on every machine."""
    fields = [name for name, _ in PerfAttr._fields_ if name not in ("flags", "reserved_2")]
    found = compiled(
        "stddef.h",
        "stdio.h",
        "linux/perf_event.h",
        **{name: f"offsetof(struct perf_event_attr, {name})" for name in fields},
        version_5="PERF_ATTR_SIZE_VER5",
    )
    assert found.pop("version_5") == ctypes.sizeof(PerfAttr)
    assert found == {name: getattr(PerfAttr, name).offset for name in fields}
    # What stands between is the bit field, whose first bit is ``disabled``.
    assert PerfAttr.flags.offset == PerfAttr.read_format.offset + 8
    assert PerfAttr.wakeup_events.offset == PerfAttr.flags.offset + 8


def test_the_bits_and_numbers_are_those_of_the_headers(compiled):
    found = compiled(
        "stdio.h",
        "linux/perf_event.h",
        cgroup="PERF_FLAG_PID_CGROUP",
        cloexec="PERF_FLAG_FD_CLOEXEC",
        enabled="PERF_FORMAT_TOTAL_TIME_ENABLED",
        running="PERF_FORMAT_TOTAL_TIME_RUNNING",
        group="PERF_FORMAT_GROUP",
        enable="PERF_EVENT_IOC_ENABLE",
        whole="PERF_IOC_FLAG_GROUP",
        disabled="({struct perf_event_attr a = {.disabled = 1}; *((unsigned long *)&a + 5);})",
    )
    assert found == {
        "cgroup": perf._FLAG_PID_CGROUP,
        "cloexec": perf._FLAG_FD_CLOEXEC,
        "enabled": perf._FORMAT_ENABLED,
        "running": perf._FORMAT_RUNNING,
        "group": perf._FORMAT_GROUP,
        "enable": perf._IOC_ENABLE,
        "whole": perf._IOC_FLAG_GROUP,
        "disabled": perf._ATTR_DISABLED,
    }


def test_the_numbers_of_the_system_call_are_those_of_the_headers(compiled):
    arm64 = compiled("stdio.h", "asm-generic/unistd.h", number="__NR_perf_event_open")
    assert SYSCALLS["aarch64"] == arm64["number"]
    here = compiled("stdio.h", "sys/syscall.h", number="SYS_perf_event_open")
    assert SYSCALLS.get(platform.machine(), here["number"]) == here["number"]


def test_a_machine_of_another_kind_has_no_perf(monkeypatch, folder):
    perf._perf_event_open.cache_clear()
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    with pytest.raises(OSError, match="not known on sparc64") as refused:
        PerfGroup.open(SOFTWARE, folder, 0)
    assert refused.value.errno == errno.ENOSYS
    perf._perf_event_open.cache_clear()


def test_without_a_control_group_whatever_runs_on_the_cpu_is_counted(folder):
    whole = PerfGroup.open([PerfEvent("cpu_clock", 1, 0)], None, 0)
    whole.enable()
    first = whole.read()
    time.sleep(0.1)
    last = whole.read()
    assert last.enabled - first.enabled == pytest.approx(1e8, rel=0.5)  # idle or not
    whole.close()


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


def test_one_event_of_a_control_group_has_a_companion_that_is_not_counted(folder):
    before = descriptors()
    group = PerfGroup.open(SOFTWARE[:1], folder, 0)
    assert descriptors() == before + group_size(1) == before + 2
    group.enable()
    assert group.read() == (0, 0, (0,))
    data = os.read(group.leader, 1024)
    assert len(data) == group.size
    assert add_up([data, data], 1) == [0]
    assert readings_of([data], 1) == [GroupReading(0, 0, (0,))]
    group.close()
    assert descriptors() == before


def test_an_event_that_went_offline_with_its_companion_is_seen_to_have_ended():
    group = PerfGroup(
        [
            answering((2, 200, 200, 9, 0), (1, 300, 300, 11), (1, 300, 300, 11)),
            answering((1, 0, 0, 0)),
        ],
        events=1,
    )
    assert group.read() == (200, 200, (9,))
    assert group.read() == (300, 300, (11,))
    assert group.ended
    group.close()


def answering(*answers):
    """A descriptor that gives one of the answers for each read, as an event does, then nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        for numbers in answers:
            ours.send(struct.pack(f"={len(numbers)}Q", *numbers))
    return theirs.detach()


def test_a_cpu_that_went_offline_leaves_each_event_alone_with_its_last_value():
    """The kernel dissolves the group, and every event answers for itself then (seen on 6.1)."""
    alone = (1, 300, 200, 2**64 - 1)
    group = PerfGroup(
        [answering((2, 200, 100, 2**64 - 9, 7), alone, alone), answering((1, 300, 200, 9))]
    )
    assert group.read() == (200, 100, (2**64 - 9, 7))
    assert not group.ended
    assert group.read() == (300, 200, (2**64 - 1, 9))
    assert group.ended
    group.close()


def answer(*numbers):
    return struct.pack(f"={len(numbers)}Q", *numbers)


def test_groups_that_counted_all_the_time_are_added_up():
    answers = [answer(2, 9, 9, 2**63, 7), answer(2, 0, 0, 0, 0), answer(2, 1, 1, 2**63, 1)]
    assert add_up(answers, 2) == [2**64, 8]
    assert readings_of(answers, 2)[2] == GroupReading(1, 1, (2**63, 1))


@pytest.mark.parametrize("odd", [(2, 9, 8, 1, 7), (1, 9, 9, 1)])
def test_groups_of_which_one_shared_its_counters_or_was_dissolved_are_not(odd):
    assert add_up([answer(2, 9, 9, 1, 7), answer(*odd)], 2) is None


def test_what_cannot_be_read_any_more_has_no_news():
    group = PerfGroup([answering((2, 200, 100, 2**64 - 1, 7)), answering()])
    assert group.read() == (200, 100, (2**64 - 1, 7))
    assert group.read() is None
    assert group.ended
    assert group.read() is None
    group.close()
