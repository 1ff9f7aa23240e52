"""What it means when perf_event_open is refused, in sentences."""

import errno
from collections.abc import Mapping

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree

__all__ = [
    "NO_DESCRIPTOR",
    "PARANOID",
    "is_strictest",
    "paranoid",
    "perf_refusal",
    "refusal_sentence",
]

#: The file that says who may count what.
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
#: Errors of a process, or a machine, that has no more descriptors.
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

_NO_RIGHT = (errno.EACCES, errno.EPERM)
#: More means nothing else to Linux itself; kernels of Debian and Ubuntu want CAP_SYS_ADMIN then.
_MOST_OF_LINUX = 2


def perf_refusal(error: OSError, files: FileTree) -> NotAvailable | None:
    """Why this process cannot count at all; None for an error that means something else.

    Args:
        error: of perf_event_open.
        files: where the kernel's setting is looked up.
    """
    if error.errno in _NO_RIGHT:
        setting = paranoid(files)
        refused = f"perf_event_open is refused (perf_event_paranoid is {setting})"
        if is_strictest(setting):
            return NotAvailable(
                f"{refused}: above 2, kernels of Debian and Ubuntu count for nobody but root; "
                f"write 2 to {PARANOID} and give the agent CAP_PERFMON, or write 0"
            )
        return NotAvailable(
            f"{refused}: run as root, give the agent CAP_PERFMON, or write 0 to {PARANOID}"
        )
    if error.errno == errno.ENOSYS:
        return NotAvailable("this kernel, or a seccomp filter, has no perf_event_open")
    return None


def refusal_sentence(refused: Mapping[str, str]) -> str:
    """Each reason once, with the metrics that it is of.

    Args:
        refused: reason by metric.
    """
    metrics: dict[str, list[str]] = {}
    for metric, reason in refused.items():
        metrics.setdefault(reason, []).append(metric)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in metrics.items())


def is_strictest(setting: str) -> bool:
    """Whether a kernel with Debian's patch refuses to count although there is CAP_PERFMON.

    Args:
        setting: of ``paranoid``.
    """
    return setting.isdecimal() and int(setting) > _MOST_OF_LINUX


def paranoid(files: FileTree) -> str:
    """The kernel's setting, as it is written there.

    Args:
        files: where it is read.
    """
    try:
        return files.read(PARANOID).decode("ascii", "replace").strip()
    except (NotAvailable, TargetGone):
        return "not readable"
