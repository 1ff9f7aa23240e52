"""Moving the pages of a process to another NUMA node: migrate_pages(2)."""

import errno
import functools
import os
import platform
from collections.abc import Callable, Iterable

__all__ = ["SYSCALLS", "migrate_pages", "node_mask"]

#: Number of the system call by machine: arch/x86/entry/syscalls/syscall_64.tbl,
#: include/uapi/asm-generic/unistd.h.
SYSCALLS = {"x86_64": 256, "aarch64": 238}

_BITS = 64  # of unsigned long on both


def migrate_pages(pid: int, sources: Iterable[int], target: int) -> int:
    """Move the pages that a process has on some nodes to another one. Takes its time.

    Needs CAP_SYS_NICE for processes of others, and a cpuset of our own that has the target node.

    Args:
        pid: of the process.
        sources: NUMA nodes; those that there are not have no pages.
        target: NUMA node.

    Returns:
        How many pages could not be moved.

    Raises:
        OSError: ESRCH: there is no such process; EINVAL: it has no memory of its own any more, or
            our own cpuset has not the target node; ENODEV: there is no such node; EPERM: no right;
            ENOSYS: the kernel has no such call.
    """
    import ctypes  # which most agents do not need

    sources = [*sources]
    words = max([*sources, target]) // _BITS + 1
    masks = [(ctypes.c_ulong * words)(*node_mask(nodes, words)) for nodes in (sources, (target,))]
    # The kernel counts one bit less than it is told: get_nodes() of mm/mempolicy.c.
    arguments = ctypes.c_int(pid), ctypes.c_ulong(words * _BITS + 1), *map(ctypes.byref, masks)
    left = int(_call()(*arguments))
    if left < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return left


def node_mask(nodes: Iterable[int], words: int) -> list[int]:
    """A bit for each of the nodes, in words as the kernel's node masks have them.

    Args:
        nodes: their numbers.
        words: how many.
    """
    mask = [0] * words
    for node in nodes:
        mask[node // _BITS] |= 1 << node % _BITS
    return mask


@functools.cache
def _call() -> Callable[..., int]:
    import ctypes

    number = SYSCALLS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"migrate_pages is not known on {platform.machine()}")
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return functools.partial(call, ctypes.c_long(number))
