"""Limits of a cgroup at block devices: ``io.max`` of v2, ``blkio.throttle.*_device`` of v1."""

import re

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import Malformed, to_number

__all__ = ["IO_LIMITS", "DeviceLimits", "device_number", "parse_device_values", "parse_io_max"]

#: Of a device: bytes and operations per second, read and written; the kernel's order.
IO_LIMITS = ("rbps", "wbps", "riops", "wiops")

#: By device ``major:minor``; None: without a limit.
DeviceLimits = dict[str, dict[str, int | None]]

_DEVICE = re.compile(rb"\d{1,10}:\d{1,10}")
_NAME = re.compile(r"[A-Za-z0-9_.!-]{1,64}")


def parse_io_max(data: bytes) -> DeviceLimits:
    """The limits of each device that has some.

    Source: ``io.max`` (Documentation/admin-guide/cgroup-v2.rst), lines ``8:16 rbps=2097152 wbps=max
    riops=max wiops=120``.

    Raises:
        Malformed: a line of another form.
    """
    found: DeviceLimits = {}
    for line in data.splitlines():
        device, *parts = line.split()[:99] or [b""]
        limits: dict[str, int | None] = {}
        for part in parts:
            key, _, text = part.partition(b"=")
            number = to_number(text)
            if number is None and text != b"max":
                raise Malformed(f"expected limits of a device, got {line[:60]!r}")
            limits[key.decode("ascii", "replace")] = number
        if not _DEVICE.fullmatch(device) or limits.keys() != set(IO_LIMITS):
            raise Malformed(f"expected limits of a device, got {line[:60]!r}")
        found[device.decode()] = limits
    return found


def parse_device_values(data: bytes) -> dict[str, int]:
    """The number of each device that has one.

    Source: ``blkio.throttle.read_bps_device`` and the like
    (Documentation/admin-guide/cgroup-v1/blkio-controller.rst), lines ``8:16 1048576``.

    Raises:
        Malformed: a line of another form.
    """
    found: dict[str, int] = {}
    for line in data.splitlines():
        words = line.split()
        number = to_number(words[1]) if len(words) == 2 else None
        if number is None or not _DEVICE.fullmatch(words[0]):
            raise Malformed(f"expected a device and a number, got {line[:60]!r}")
        found[words[0].decode()] = number
    return found


def device_number(files: FileTree, name: str) -> str:
    """The number ``major:minor`` of a disk.

    Source: /sys/class/block/NAME/dev.

    Args:
        files: what to read through.
        name: such as ``nvme0n1`` or ``/dev/nvme0n1``.

    Raises:
        NotAvailable: there is none, or it is a part of one, with the reason.
    """
    plain = name.removeprefix("/dev/")
    folder = f"/sys/class/block/{plain}"
    if not _NAME.fullmatch(plain) or plain.strip(".") == "":
        raise NotAvailable(f"there is no block device {name[:60]!r}")
    try:
        number = files.read(f"{folder}/dev").decode("ascii", "replace").strip()
    except (NotAvailable, TargetGone):
        raise NotAvailable(f"there is no block device {name!r}") from None
    if "partition" in files.listdir(folder):
        raise NotAvailable(f"{name} is a partition: name its disk")
    return number
