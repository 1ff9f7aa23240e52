"""Labels of an orchestrator under names that Prometheus takes, no two of them the same."""

import re
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase

__all__ = ["safe_labels", "safe_name"]

_UNFIT = re.compile(r"[^A-Za-z0-9_]")


def safe_name(name: str) -> str:
    """A name as Prometheus takes it: ``app.kubernetes.io/name`` is ``app_kubernetes_io__name``."""
    fit = _UNFIT.sub("_", name.replace("/", "__"))
    if not fit or fit[0].isdigit():
        fit = "_" + fit
    return "label" + fit if fit.startswith("__") else fit


def safe_labels(
    labels: Mapping[str, str],
    allowed: Sequence[str] | None = None,
    name_of: Callable[[str], str] = safe_name,
    taken: Collection[str] = (),
) -> dict[str, str]:
    """Labels under names that can be exported, in the order of their own names.

    Where two have one name, the first keeps it; each other one gets eight hexadecimal digits of its
    own name behind it, so that it is the same on every node.

    Args:
        labels: by the orchestrator's names.
        allowed: names, or patterns as those of file names (``app.kubernetes.io/*``), of the labels
            to take; None: all.
        name_of: makes a name that can be exported.
        taken: names that mean something else already, as if the first label had them.
    """
    safe: dict[str, str] = {}
    for name in sorted(labels):
        if allowed is not None and not any(fnmatchcase(name, pattern) for pattern in allowed):
            continue
        fit = name_of(name)
        if fit in safe or fit in taken:
            fit = f"{fit.rstrip('_') or 'label'}_{zlib.crc32(name.encode()):08x}"
        safe[fit] = labels[name]
    return safe
