"""Input and output of a task on block devices."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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
from wca.linux.io_stat import parse_blkio, parse_io_stat
from wca.metrics import Measurements

__all__ = ["TaskIoCollector"]

_Parse = Callable[[bytes, Sequence[bytes]], Mapping[str, list[int]]]
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


class _Counts:
    """Decoder of a file with numbers of each device: their sums, and by option themselves.

    The kernel forgets the numbers of a device that is taken away. They stay in the sums, which
    only grow.

    Args:
        parse: parser of the file.
        keys: key in the file by metric, without the metric's prefix.
        name_of: name of a device by its number; None: no numbers of devices.
        from_zero: whether a file without devices says that nothing was read or written.
    """

    def __init__(
        self,
        parse: _Parse,
        keys: Mapping[str, bytes],
        name_of: _NameOf | None,
        *,
        from_zero: bool,
    ) -> None:
        self._parse = parse
        self._counted = from_zero
        self._keys = tuple(keys.values())
        self._sums = [f"task_io_{name}" for name in keys]
        self._parts = [f"task_io_device_{name}" for name in keys]
        self._name_of = name_of
        self._names: dict[str, str] = {}  # of devices, by number
        self._last: Mapping[str, list[int]] = {}
        self._gone = [0] * len(keys)  # of devices that were taken away

    def __call__(self, data: bytes) -> Measurements:
        devices = self._parse(data, self._keys)
        for device, last in self._last.items():
            now = devices.get(device)
            if now is None or any(new < old for new, old in zip(now, last, strict=True)):
                self._gone = [gone + old for gone, old in zip(self._gone, last, strict=True)]
        self._last = devices
        self._counted = self._counted or bool(devices)
        if not self._counted:
            return {}
        columns = zip(self._gone, *devices.values(), strict=True)
        values: Measurements = dict(zip(self._sums, map(sum, columns), strict=True))
        if self._name_of is not None and devices:
            self._names = {
                device: self._names.get(device) or self._name_of(device) for device in devices
            }
            for position, name in enumerate(self._parts):
                values[name] = {
                    self._names[device]: counts[position] for device, counts in devices.items()
                }
        return values


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
    it: on cgroup v2 for the task (ext4, btrfs and xfs), on v1 for the root group.

    On v1 there are no numbers before the first I/O, and since Linux 6.10 none at all for a device
    for which no group has ever had a limit (``blkio.throttle.*_device``): the kernel counts only
    then.

    Source: ``io.stat`` of cgroup v2, ``blkio.throttle.io_service_bytes_recursive`` and
    ``blkio.throttle.io_serviced_recursive`` of v1. Without the io controller there are no numbers.

    Args:
        interval: time between two readings; the runner's when left out.
        per_device: give also the numbers of each device, under names of their own.
        discards: count also what was discarded (the trim of an SSD).
    """

    emits = tuple(
        f"task_io_{part}{name}" for part in ("", "device_") for name in (*_TRANSFERS, *_DISCARDS)
    )

    def __init__(
        self,
        interval: Annotated[float, INTERVAL] | None = None,
        per_device: bool = False,
        discards: bool = False,
    ) -> None:
        super().__init__(interval)
        self._per_device = per_device
        self._wanted = _TRANSFERS | (_DISCARDS if discards else {})

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        name_of = partial(_device_name, task.node) if self._per_device else None
        return attach_files(self._files(task.cgroup, name_of))

    def _files(
        self, cgroup: Cgroup, name_of: _NameOf | None
    ) -> Iterator[tuple[Callable[[], Readable], Decoder]]:
        if cgroup.version("blkio") != 1:
            decode = _Counts(parse_io_stat, self._wanted, name_of, from_zero=True)
            yield partial(cgroup.open, "io", "io.stat"), decode
            return
        for file, known in _FILES_V1.items():
            keys = {name: key for name, key in known.items() if name in self._wanted}
            # A kernel that does not count (see above) shows the same as a task without I/O.
            decode = _Counts(parse_blkio, keys, name_of, from_zero=False)
            yield partial(cgroup.open, "blkio", file), decode
