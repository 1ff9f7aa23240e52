"""The resctrl of a run: found at the start, and cleared of what earlier ones have left."""

import errno
import logging
import os

from wca.allocations.files import KernelFiles
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.paths import PREFIX
from wca.linux.procfs import parse_mountinfo

__all__ = ["find_resctrl_files", "remove_all_groups"]

log = logging.getLogger(__name__)

_GONE = (errno.ENOENT, errno.ENODEV)


def find_resctrl_files(files: KernelFiles) -> tuple[RdtFiles, tuple[str, ...]]:
    """The kernel's files with those of resctrl, and the options that it is mounted with.

    Source: /proc/self/mountinfo.
    """
    try:
        mounts = parse_mountinfo(files.read_all("/proc/self/mountinfo").encode())
    except OSError:
        mounts = []
    for mount in mounts:
        if mount.type == "resctrl" and mount.root == "/":
            return RdtFiles(files, mount.point), mount.options
    return RdtFiles(files, None), ()


def remove_all_groups(files: RdtFiles) -> int:
    """Remove all control groups and monitoring groups of our prefix; no others.

    Their threads go to the group above, as the kernel does it.

    Returns:
        How many there were.
    """
    if files.point is None:
        return 0
    removed = 0
    for above in ("", *(f"/{name}" for name in _folders(files, files.point))):
        place = f"{files.point}{above}/mon_groups"
        for name in _folders(files, place):
            removed += _removed(files, f"{place}/{name}")
    for name in _folders(files, files.point):
        removed += _removed(files, f"{files.point}/{name}")
    return removed


def _folders(files: RdtFiles, path: str) -> list[str]:
    try:
        return files.subfolders(path)
    except OSError:
        return []


def _removed(files: RdtFiles, path: str) -> bool:
    if not path.rpartition("/")[2].startswith(PREFIX):
        return False
    try:
        files.remove(path)
    except OSError as error:
        if error.errno not in _GONE:
            reason = os.strerror(error.errno or 0)
            log.warning("the group %s cannot be removed: %s", path, reason)
        return False
    return True
