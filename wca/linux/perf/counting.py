"""``perf_event_open`` (man 2 perf_event_open), without the perf tool.

Numbers in, numbers out: which events to count, and what an error means, others decide.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import platform
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wca.linux.perf.events import COMPANION, PerfEvent

__all__ = [
    "SYSCALLS",
    "GroupReading",
    "OpenGroup",
    "PerfAttr",
    "PerfGroup",
    "add_up",
    "group_size",
    "readings_of",
]

#: Number of the system call by machine: arch/x86/entry/syscalls/syscall_64.tbl,
#: include/uapi/asm-generic/unistd.h.
SYSCALLS = {"x86_64": 298, "aarch64": 241}

_FLAG_PID_CGROUP, _FLAG_FD_CLOEXEC = 4, 8
_FORMAT_ENABLED, _FORMAT_RUNNING, _FORMAT_GROUP = 1, 2, 8
_ATTR_DISABLED = 1
_ANY_PROCESS = -1
# How many events, time enabled, time running.
_BEFORE_VALUES = 3
# Events of a group that can be seen to be dissolved.
_LEAST = 2
# What one event alone answers: how many (1), time enabled, time running, value.
_ALONE = struct.Struct("=4Q")
# _IO('$', 0) and PERF_IOC_FLAG_GROUP
_IOC_ENABLE, _IOC_FLAG_GROUP = 0x2400, 1


class PerfAttr(ctypes.Structure):
    """``struct perf_event_attr`` as of PERF_ATTR_SIZE_VER5 (Linux 4.1), 112 bytes.

    The bit field after ``read_format`` is one number here: bit 0 is ``disabled``.
    """

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64),
        ("sample_period", ctypes.c_uint64),
        ("sample_type", ctypes.c_uint64),
        ("read_format", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("wakeup_events", ctypes.c_uint32),
        ("bp_type", ctypes.c_uint32),
        ("config1", ctypes.c_uint64),
        ("config2", ctypes.c_uint64),
        ("branch_sample_type", ctypes.c_uint64),
        ("sample_regs_user", ctypes.c_uint64),
        ("sample_stack_user", ctypes.c_uint32),
        ("clockid", ctypes.c_int32),
        ("sample_regs_intr", ctypes.c_uint64),
        ("aux_watermark", ctypes.c_uint32),
        ("sample_max_stack", ctypes.c_uint16),
        ("reserved_2", ctypes.c_uint16),
    )


class GroupReading(NamedTuple):
    """What one group has counted since it was enabled.

    Args:
        enabled: nanoseconds in which it should have counted; for a control group those in which
            it ran on the CPU.
        running: nanoseconds in which it did count; fewer where counters had to be shared.
        values: one for each event, in their order, unscaled.
    """

    enabled: int
    running: int
    values: tuple[int, ...]


class PerfGroup:
    """Events on one CPU that are counted at the same time.

    Those of a control group count its descendants too. After the control group was removed, or the
    CPU went offline, the last values stay readable.

    Args:
        descriptors: of the events, the leader's first; the group closes them.
        events: how many of them are counted; the rest are companions. None: all.
    """

    __slots__ = ("_descriptors", "_events", "_form", "_last", "ended")

    def __init__(self, descriptors: Sequence[int], events: int | None = None) -> None:
        self._descriptors = tuple(descriptors)
        self._events = len(self._descriptors) if events is None else events
        self._form = _form(len(self._descriptors))
        self._last = b""
        #: Whether it was seen that the CPU went offline: the events count no more, not even when
        #: it comes back.
        self.ended = False

    @classmethod
    def open(cls, events: Sequence[PerfEvent], cgroup: int | None, cpu: int) -> "PerfGroup":
        """Open the events; they do not count before ``enable``.

        A group that is dissolved, because its CPU went offline, is seen by the length of its
        answer. One event of a control group is therefore given a companion that counts nothing.

        Args:
            events: at least one; the first becomes the leader.
            cgroup: descriptor of a folder in the hierarchy that holds the perf_event controller;
                may be closed afterwards. None: whatever runs on the CPU.
            cpu: number of a CPU.

        Raises:
            OSError: with the kernel's ``errno``; nothing stays open. ENOENT: no such event here, or
                the folder is in another hierarchy or removed. EACCES, EPERM: no right. EMFILE,
                ENFILE: descriptors have run out. ENODEV: the CPU is offline. EINVAL: the processor
                has no such event, or not the counters for the whole group. ENOSYS: no perf.
        """
        descriptors: list[int] = []
        members = [*events, COMPANION] if cgroup is not None and len(events) < _LEAST else events
        try:
            for event in members:
                leader = descriptors[0] if descriptors else -1
                descriptors.append(_open_event(event, cgroup, cpu, leader))
        except BaseException:
            _close_all(descriptors)
            raise
        return cls(descriptors, len(events))

    @property
    def leader(self) -> int:
        """The descriptor that answers for the whole group; -1 once it is closed."""
        return self._descriptors[0] if self._descriptors else -1

    @property
    def size(self) -> int:
        """Length of its answer in bytes."""
        return self._form.size

    def enable(self) -> None:
        """Start to count. Raises OSError."""
        fcntl.ioctl(self._descriptors[0], _IOC_ENABLE, _IOC_FLAG_GROUP)

    def read(self) -> GroupReading | None:
        """What was counted so far, in one call; None when it is the same as the last time.

        Raises:
            OSError: the kernel refuses to answer.
        """
        data = os.read(self._descriptors[0], self._form.size)
        if data == self._last:  # most tasks did not run on most CPUs
            return None
        self._last = data
        if len(data) != self._form.size:
            return self._read_apart()
        numbers = self._form.unpack(data)
        return GroupReading(numbers[1], numbers[2], numbers[3 : 3 + self._events])

    def _read_apart(self) -> GroupReading | None:
        """The last values of events that are no group any more, as when their CPU went offline."""
        self.ended = True
        parts = [os.read(descriptor, self._form.size) for descriptor in self._descriptors]
        if {len(part) for part in parts} != {_ALONE.size}:
            return None
        readings = [_ALONE.unpack(part) for part in parts]
        _, enabled, running, _ = readings[0]
        values = tuple(value for *_, value in readings[: self._events])
        return GroupReading(enabled, running, values)

    def close(self) -> None:
        """Stop counting and give back the descriptors; safe twice."""
        descriptors, self._descriptors = self._descriptors, ()
        _close_all(descriptors)


def group_size(events: int) -> int:
    """How many descriptors a group of so many events of a control group takes."""
    return max(_LEAST, events)


def add_up(answers: Sequence[bytes], events: int) -> list[int] | None:
    """What groups of the same events have counted together, for each event.

    Args:
        answers: what ``read(2)`` gave of each group.
        events: how many each of them counts.

    Returns:
        The sums; None where one of them has not counted all the time, or is no group any more.
    """
    form, slices = _form_of_several(len(answers), events)
    data = b"".join(answers)
    if len(data) != form.size:  # a group that was dissolved answers with less
        return None
    numbers = form.unpack(data)
    enabled, running, *sums = [sum(numbers[one]) for one in slices]
    return sums if enabled == running else None  # none counts for longer than it is enabled


def readings_of(answers: Sequence[bytes], events: int) -> list[GroupReading]:
    """What each of these groups has counted; arguments as of ``add_up``, which gave sums."""
    numbers = map(_form(group_size(events)).unpack, answers)
    return [
        GroupReading(enabled, running, tuple(values[:events]))
        for _, enabled, running, *values in numbers
    ]


#: ``PerfGroup.open``, or what stands for it in a test.
OpenGroup = Callable[[Sequence[PerfEvent], int | None, int], PerfGroup]


def _open_event(event: PerfEvent, cgroup: int | None, cpu: int, leader: int) -> int:
    attr = PerfAttr(
        type=event.type,
        size=ctypes.sizeof(PerfAttr),
        config=event.config,
        config1=event.config1,
        config2=event.config2,
        read_format=_FORMAT_ENABLED | _FORMAT_RUNNING | _FORMAT_GROUP,
        flags=_ATTR_DISABLED if leader < 0 else 0,  # the members follow their leader
    )
    # Every member names the control group, as its leader does: without it, it counts the whole CPU.
    target = _ANY_PROCESS if cgroup is None else cgroup
    flags = _FLAG_FD_CLOEXEC | (0 if cgroup is None else _FLAG_PID_CGROUP)
    arguments = map(ctypes.c_long, (target, cpu, leader, flags))
    descriptor = int(_perf_event_open()(ctypes.byref(attr), *arguments))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"perf event {event.name} on CPU {cpu}: {os.strerror(code)}")
    return descriptor


@functools.cache
def _form_of_several(groups: int, events: int) -> tuple[struct.Struct, list[slice]]:
    """The answers of groups one behind the other: where in it times and values are."""
    width = _BEFORE_VALUES + group_size(events)
    places = range(1, _BEFORE_VALUES + events)
    return struct.Struct(f"={groups * width}Q"), [slice(place, None, width) for place in places]


@functools.cache
def _form(events: int) -> struct.Struct:
    """What a group answers: how many events, time enabled, time running, and their values."""
    return struct.Struct(f"=3Q{events}Q")


@functools.cache
def _perf_event_open() -> Callable[..., int]:
    number = SYSCALLS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"perf_event_open is not known on {platform.machine()}")
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return functools.partial(call, ctypes.c_long(number))


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in reversed(descriptors):  # members first, the leader last
        with contextlib.suppress(OSError):
            os.close(descriptor)
