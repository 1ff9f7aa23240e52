"""Whether there is swap space."""

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import KeyedNumbers

__all__ = ["swap_enabled"]


def swap_enabled(files: FileTree) -> bool:
    """Whether there is swap space now; source: /proc/meminfo, SwapTotal.

    Raises:
        Malformed: the file has another form than documented.
    """
    try:
        meminfo = files.read("/proc/meminfo")
    except (NotAvailable, TargetGone):
        return False
    (total,) = KeyedNumbers((b"SwapTotal:",), unit=b" kB").parse(meminfo)
    return bool(total)
