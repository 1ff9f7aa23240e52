"""Which capabilities this process has, of those that a part of the agent can use."""

import os
import re

from wca.doctor.findings import Finding
from wca.errors import NotAvailable, TargetGone
from wca.linux.files import Kernel

__all__ = ["USES", "capability_finding", "capability_remedy", "effective_capabilities"]

#: Bit of each (include/uapi/linux/capability.h), its name, and what for.
USES: tuple[tuple[int, str, str], ...] = (
    (1, "CAP_DAC_OVERRIDE", "control groups and marks of use that belong to other users"),
    (5, "CAP_KILL", "an OOMAllocator that may kill"),
    (19, "CAP_SYS_PTRACE", "network and working set of other users' processes"),
    (21, "CAP_SYS_ADMIN", "mounting resctrl"),
    (23, "CAP_SYS_NICE", "moving pages of other users' processes"),
    (24, "CAP_SYS_RESOURCE", "more descriptors than the hard limit"),
    (38, "CAP_PERFMON", "perf events"),
)


def capability_remedy(reason: str) -> str:
    """How an agent gets the capabilities that a refusal names; empty: it names none.

    Args:
        reason: the sentence of the refusal.
    """
    names = sorted(set(re.findall(r"CAP_[A-Z_]+", reason)))
    if not names:
        return ""
    return f"add {' '.join(names)} to AmbientCapabilities and CapabilityBoundingSet of its unit"


def effective_capabilities(kernel: Kernel) -> set[str] | None:
    """Names of those of ``USES`` that are in force; None: it cannot be told.

    Args:
        kernel: whose /proc/self/status is read (``CapEff``, proc_pid_status(5)).
    """
    try:
        text = kernel.read("/proc/self/status").decode("ascii", "replace")
    except (NotAvailable, TargetGone):
        return None
    for line in text.splitlines():
        if line.startswith("CapEff:"):
            bits = int(line.split()[1], 16)
            return {name for bit, name, _ in USES if bits >> bit & 1}
    return None


def capability_finding(kernel: Kernel) -> Finding:
    """What this user may do."""
    found = effective_capabilities(kernel)
    user = f"user {os.geteuid()}"
    if found is None:
        return Finding.there("capabilities", f"{user}; not told by the kernel")
    missing = [f"{name} ({use})" for _, name, use in USES if name not in found]
    if not missing:
        return Finding.there("capabilities", f"{user}, all that any part can use")
    has = ", ".join(sorted(found)) or "none"
    return Finding.there("capabilities", f"{user} has {has}; without: {'; '.join(missing)}")
