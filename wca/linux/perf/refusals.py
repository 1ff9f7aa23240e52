"""What it means when perf_event_open is refused, in sentences."""

import errno
from collections.abc import Mapping

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree

__all__ = ["NO_DESCRIPTOR", "PARANOID", "perf_refusal", "refusal_sentence"]

#: The file that says who may count what.
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
#: Errors of a process, or a machine, that has no more descriptors.
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

_NO_RIGHT = (errno.EACCES, errno.EPERM)


def perf_refusal(error: OSError, files: FileTree) -> NotAvailable | None:
    """Why this process cannot count at all; None for an error that means something else.

    Args:
        error: of perf_event_open.
        files: where the kernel's setting is looked up.
    """
    if error.errno in _NO_RIGHT:
        return NotAvailable(
            f"perf_event_open is refused (perf_event_paranoid is {_paranoid(files)}): run as "
            f"root, give the agent CAP_PERFMON, or write 0 to {PARANOID}"
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


def _paranoid(files: FileTree) -> str:
    try:
        return files.read(PARANOID).decode("ascii", "replace").strip()
    except (NotAvailable, TargetGone):
        return "not readable"
