"""Which capabilities this process has, of those that a part of the agent can use."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from wca.config.loader import Loaded
from wca.doctor.findings import Finding
from wca.errors import NotAvailable, TargetGone
from wca.linux.files import Kernel
from wca.linux.perf.refusals import PARANOID

__all__ = [
    "CAPABILITIES",
    "Capability",
    "capability_finding",
    "capability_remedy",
    "effective_capabilities",
    "needed_capabilities",
    "rights_findings",
]


@dataclass(frozen=True)
class Capability:
    """A part of the rights of root.

    Args:
        bit: its number (include/uapi/linux/capability.h).
        name: likewise.
        use: what for.
        parts: classes of components that need it.
        acting: whether they need it only where the runner acts.
    """

    bit: int
    name: str
    use: str
    parts: tuple[str, ...] = ()
    acting: bool = False


CAPABILITIES = (
    Capability(
        1,
        "CAP_DAC_OVERRIDE",
        "control groups and marks of use that belong to other users",
        ("AllocationRunner",),
        acting=True,
    ),
    Capability(5, "CAP_KILL", "an OOMAllocator that may kill", ("OOMAllocator",), acting=True),
    Capability(
        19,
        "CAP_SYS_PTRACE",
        "network and working set of other users' processes",
        ("TaskNetworkCollector", "TaskWssCollector"),
    ),
    Capability(21, "CAP_SYS_ADMIN", "mounting resctrl"),
    Capability(
        23,
        "CAP_SYS_NICE",
        "moving pages of other users' processes",
        ("NUMAAllocator",),
        acting=True,
    ),
    Capability(24, "CAP_SYS_RESOURCE", "more descriptors than the hard limit"),
    Capability(38, "CAP_PERFMON", "perf events", ("TaskPerfCollector", "NodeUncoreCollector")),
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
    """Names of those of ``CAPABILITIES`` that are in force; None: it cannot be told.

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
            return {one.name for one in CAPABILITIES if bits >> one.bit & 1}
    return None


def capability_finding(kernel: Kernel) -> Finding:
    """What this user may do."""
    found = effective_capabilities(kernel)
    user = f"user {os.geteuid()}"
    if found is None:
        return Finding.there("capabilities", f"{user}; not told by the kernel")
    missing = [f"{one.name} ({one.use})" for one in CAPABILITIES if one.name not in found]
    if not missing:
        return Finding.there("capabilities", f"{user}, all that any part can use")
    has = ", ".join(sorted(found)) or "none"
    return Finding.there("capabilities", f"{user} has {has}; without: {'; '.join(missing)}")


def needed_capabilities(loaded: Loaded) -> list[Capability]:
    """Those that parts of a configuration need, where what they look at belongs to other users.

    Args:
        loaded: the configuration.
    """
    parts = [*loaded.components, *getattr(loaded.runner, "collectors", ())]
    names = {cls.__name__ for one in parts for cls in type(one).__mro__}
    acts = bool(getattr(loaded.runner, "act", False))
    return [
        one for one in CAPABILITIES if names.intersection(one.parts) and (acts or not one.acting)
    ]


def rights_findings(loaded: Loaded, kernel: Kernel) -> Iterator[Finding]:
    """Whether the capabilities that a configuration needs are there.

    Args:
        loaded: the configuration.
        kernel: of this machine.
    """
    found = effective_capabilities(kernel)
    for one in needed_capabilities(loaded):
        if found is None or one.name in found:
            yield Finding.there(one.name, f"there, for {one.use}")
        elif one.name == "CAP_PERFMON" and _everybody_may_count(kernel):
            yield Finding.there(one.name, f"not needed for {one.use}: {PARANOID} lets everybody")
        else:
            remedy = f"write AmbientCapabilities={one.name} into its unit, or run it as root"
            yield Finding.gap(one.name, f"missing, for {one.use}", remedy)


def _everybody_may_count(kernel: Kernel) -> bool:
    try:
        return int(kernel.read(PARANOID)) <= 0
    except (NotAvailable, TargetGone, ValueError):
        return False
