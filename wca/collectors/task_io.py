"""Input and output of a task on block devices."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import add, lt, sub
from typing import Annotated, cast

from wca.collectors.api import (
    INTERVAL,
    Cgroup,
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    Readable,
    TargetGone,
    TaskTarget,
)
from wca.collectors.decoders import Decoder
from wca.collectors.file_probe import attach_files
from wca.linux.io_stat import DeviceNumbers, ParseDevices, parse_blkio, parse_io_stat
from wca.metrics import Measurements

__all__ = ["TaskIoCollector"]

_NameOf = Callable[[str], str]

# Metric without its prefix, key in io.stat of v2.
_TRANSFERS = {
    "read_bytes": b"rbytes",
    "written_bytes": b"wbytes",
    "reads": b"rios",
    "writes": b"wios",
}
_DISCARDS = {"discarded_bytes": b"dbytes", "discards": b"dios"}
# File of v1, and the metrics that are in it with their key.
_FILES_V1 = {
    "blkio.throttle.io_service_bytes_recursive": {
        "read_bytes": b"Read",
        "written_bytes": b"Write",
        "discarded_bytes": b"Discard",
    },
    "blkio.throttle.io_serviced_recursive": {
        "reads": b"Read",
        "writes": b"Write",
        "discards": b"Discard",
    },
}


# Major number of loop devices, whose file lies on a file system (admin-guide/devices.txt).
_LOOP = "7"


class _Counts:
    """Decoder of a file with numbers of each device: their sums, and by option themselves.

    The kernel forgets the numbers of a device that is taken away. They stay in the sums, which
    only grow. What goes through a device that lies on others (LVM, LUKS, RAID, loop) is counted
    for it and once more for those below, so that it is left out of the sums.

    On v1 a number is a sum over the groups below, out of which the kernel takes a group that is
    removed. A number that has become smaller stays where it was, and what it gains from then on is
    added: what the other groups did since the reading before may be hidden behind what was taken
    out, and is lost then, but nothing counts twice. On v2 a group that is removed stays in the
    number, and a smaller one is that of another device.

    Args:
        parse: parser of the file.
        keys: key in the file by metric, without the metric's prefix.
        is_stacked: whether the device of a number lies on others.
        name_of: name of a device by its number; None: no numbers of devices.
        version: of the cgroup hierarchy.
    """

    __slots__ = (
        "_added",
        "_counted",
        "_devices",
        "_file",
        "_gone",
        "_is_stacked",
        "_name_of",
        "_names",
        "_numbers",
        "_parts",
        "_places",
        "_read",
        "_sums",
        "_version",
    )

    def __init__(
        self,
        parse: ParseDevices,
        keys: Mapping[str, bytes],
        is_stacked: Callable[[str], bool],
        name_of: _NameOf | None,
        version: int,
    ) -> None:
        self._is_stacked = is_stacked
        self._file = DeviceNumbers(parse, tuple(keys.values()))
        self._version = version
        # A v1 kernel that does not count (see the collector) shows the same as a task without I/O.
        self._counted = version != 1
        # The same text for all tasks, so that it stays in the processor's caches.
        self._sums = [sys.intern(f"task_io_{name}") for name in keys]
        self._parts = [sys.intern(f"task_io_device_{name}") for name in keys]
        self._name_of = name_of
        self._names: dict[str, str] = {}  # of devices, by number
        self._devices: tuple[str, ...] = ()
        self._read: list[int] = []  # of all devices, one device after the other
        self._added: list[int] = []  # to what is read; empty as long as that is nothing
        self._numbers: list[int] = []  # both together
        self._places: list[int] = []  # of the devices that are in the sums
        self._gone = [0] * len(keys)  # of devices that were taken away

    def __call__(self, data: bytes) -> Measurements:
        numbers = self._file.read(data)
        devices = self._file.devices
        if devices != self._devices or any(map(lt, numbers, self._read)):
            self._keep(devices, numbers)
        self._devices, self._read = devices, numbers
        self._numbers = list(map(add, numbers, self._added)) if self._added else numbers
        self._counted = self._counted or bool(devices)
        if not self._counted:
            return {}
        values: Measurements = {}
        for place, name in enumerate(self._sums):
            column = self._numbers[place :: len(self._sums)]
            values[name] = sum([column[one] for one in self._places], self._gone[place])
        if self._name_of is not None and devices:
            self._add_parts(values, self._name_of)
        return values

    def _by_device(self, devices: Sequence[str], numbers: list[int]) -> dict[str, list[int]]:
        width = len(self._sums)
        return {
            device: numbers[place * width : (place + 1) * width]
            for place, device in enumerate(devices)
        }

    def _keep(self, devices: Sequence[str], numbers: list[int]) -> None:
        """Keep what had been counted last of devices that are not there any more, or step back."""
        now = self._by_device(devices, numbers)
        added = {device: [0] * len(self._sums) for device in devices}
        given = self._by_device(self._devices, self._numbers)
        for device, read in self._by_device(self._devices, self._read).items():
            steps_back = device in now and any(map(lt, now[device], read))
            if device not in now or (steps_back and self._version != 1):
                if not self._is_stacked(device):
                    self._gone = list(map(add, self._gone, given[device]))
            else:
                lowest = map(min, now[device], read)
                added[device] = list(map(sub, given[device], lowest))
        flat = [number for each in added.values() for number in each]
        self._added = flat if any(flat) else []
        if devices != self._devices:
            self._places = [place for place, one in enumerate(devices) if not self._is_stacked(one)]

    def _add_parts(self, values: Measurements, name_of: _NameOf) -> None:
        self._names = {
            device: self._names.get(device) or name_of(device) for device in self._devices
        }
        names = self._names.values()
        for place, name in enumerate(self._parts):
            values[name] = dict(zip(names, self._numbers[place :: len(self._parts)], strict=True))


def _device_name(node: NodeTarget, number: str) -> str:
    """The name of a block device such as ``nvme0n1``; its number where sysfs does not say."""
    try:
        lines = node.read(f"/sys/dev/block/{number}/uevent").decode("utf-8", "replace")
    except (NotAvailable, TargetGone):
        return number
    names = [line[8:] for line in lines.splitlines() if line.startswith("DEVNAME=")]
    return names[0] if names else number


class TaskIoCollector(Collector):
    """Bytes and operations that a task read from block devices and wrote to them.

    What the page cache answers is not among them, nor are file systems without a block device,
    such as NFS and tmpfs. What a task leaves in the page cache is counted when the kernel writes
    it: on cgroup v2 for the task (ext4, btrfs and xfs), on v1 for the root group. What goes through
    a device that lies on others (LVM, LUKS, RAID, loop) is counted below it, and once.

    On v1 a group below the task's is taken out of its numbers when it is removed: what the others
    did between two readings in which that happens may be missing from the sums. There are no
    numbers before the first I/O, and since Linux 6.10 none at all for a device
    for which no group has ever had a limit (``blkio.throttle.*_device``): the kernel counts only
    then.

    Source: ``io.stat`` of cgroup v2, ``blkio.throttle.io_service_bytes_recursive`` and
    ``blkio.throttle.io_serviced_recursive`` of v1. Without the io controller there are no numbers.

    Args:
        per_device: give also the numbers of each device, under names of their own.
        discards: count also what was discarded (the trim of an SSD).
        interval: time between two readings; the runner's when left out.
    """

    emits = tuple(
        f"task_io_{part}{name}" for part in ("", "device_") for name in (*_TRANSFERS, *_DISCARDS)
    )

    def __init__(
        self,
        per_device: bool = False,
        discards: bool = False,
        interval: Annotated[float, INTERVAL] | None = None,
    ) -> None:
        super().__init__(interval)
        self._per_device = per_device
        self._stacked: dict[str, bool] = {}  # by number of the device
        self._wanted = _TRANSFERS | (_DISCARDS if discards else {})

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        name_of = partial(_device_name, task.node) if self._per_device else None
        stacked = partial(self._is_stacked, task.node)
        return attach_files(self._files(task.cgroup, stacked, name_of))

    def _is_stacked(self, node: NodeTarget, number: str) -> bool:
        """Whether a device lies on others; looked up once for all tasks."""
        known = self._stacked.get(number)
        if known is None:
            loop = number.partition(":")[0] == _LOOP
            known = loop or bool(node.listdir(f"/sys/dev/block/{number}/slaves"))
            self._stacked[number] = known
        return known

    def _files(
        self, cgroup: Cgroup, stacked: Callable[[str], bool], name_of: _NameOf | None
    ) -> Iterator[tuple[Callable[[], Readable], Decoder]]:
        if cgroup.version("blkio") != 1:
            decode = _Counts(parse_io_stat, self._wanted, stacked, name_of, 2)
            yield partial(cgroup.open, "io", "io.stat"), decode
            return
        for file, known in _FILES_V1.items():
            keys = {name: key for name, key in known.items() if name in self._wanted}
            decode = _Counts(parse_blkio, keys, stacked, name_of, 1)
            yield partial(cgroup.open, "blkio", file), decode
