"""What this machine offers to any configuration. Nothing is changed by looking."""

import os
import platform
import resource
from collections.abc import Callable, Iterator, Sequence

from wca.doctor.findings import Finding
from wca.doctor.perf import perf_findings
from wca.doctor.rights import capability_finding
from wca.errors import NotAvailable, TargetGone
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

__all__ = ["machine_findings"]

_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "io", "pids")
#: On cgroup v2 the time of a group is counted with or without the controller.
_WITHOUT_CONTROLLER = ("cpuacct",)
_ON_COMMAND_LINE = {
    "memory": "cgroup_enable=memory",
    "io": "cgroup_no_v1=blkio",
    "cpu": "cgroup_no_v1=cpu",
}
_PRESSURE = "/proc/pressure"
_RESCTRL = "/sys/fs/resctrl"
_NODES = "/sys/devices/system/node"
#: Of Intel and of AMD: monitoring, then control (arch/x86/include/asm/cpufeatures.h).
_MONITORING = frozenset(("cqm_occup_llc", "cqm_mbm_total", "cqm_mbm_local"))
_CONTROL = frozenset(("cat_l3", "cat_l2", "cdp_l3", "mba"))
#: Files of an agent with some hundred tasks, see docs/performance.md.
_ENOUGH_FILES = 8192


def machine_findings(kernel: Kernel) -> list[Finding]:
    """All that can be said without a configuration.

    Args:
        kernel: of this machine.
    """
    parts: Sequence[Callable[[Kernel], Iterator[Finding]]] = (
        _system,
        _cgroups,
        _pressure,
        perf_findings,
        _resctrl,
        _numa,
        _rights,
        _descriptors,
    )
    return [finding for part in parts for finding in part(kernel)]


def _system(_kernel: Kernel) -> Iterator[Finding]:
    yield Finding.there("kernel", f"{platform.system()} {platform.release()}")


def _cgroups(kernel: Kernel) -> Iterator[Finding]:
    """Which version has each controller: hosts may mix them."""
    hierarchies = CgroupHierarchies(kernel)
    root = hierarchies.locate("/")
    found: dict[str, list[str]] = {}
    for name in _CONTROLLERS:
        asked = ("io", "blkio") if name == "io" else (name,)
        version = next((v for one in asked if (v := root.version(one)) is not None), None)
        if version is not None:
            found.setdefault(f"v{version}", []).append(name)
        elif name not in _WITHOUT_CONTROLLER:
            found.setdefault("missing", []).append(name)
    for word in ("v1", "v2"):
        if names := found.get(word):
            yield Finding.there("cgroups", f"{word}: {', '.join(names)}")
    for name in found.get("missing", []):
        option = _ON_COMMAND_LINE.get(name, f"cgroup_enable={name}")
        yield Finding.gap(
            "cgroups",
            f"no hierarchy has the controller {name}",
            f"add {option} to the kernel's command line, and boot",
        )


def _pressure(kernel: Kernel) -> Iterator[Finding]:
    names = kernel.listdir(_PRESSURE)
    if not names:
        yield Finding.gap(
            "pressure (PSI)",
            f"there is no {_PRESSURE}",
            "add psi=1 to the kernel's command line, and boot",
        )
        return
    yield Finding.there("pressure (PSI)", f"of the machine: {', '.join(names)}")
    tells = CgroupHierarchies(kernel).version("psi") is not None
    yield Finding(
        "pressure of tasks",
        tells,
        "of each task" if tells else "tasks have no group in a hierarchy of cgroup v2",
        "" if tells else "mount -t cgroup2 none /sys/fs/cgroup/unified",
    )


def _resctrl(kernel: Kernel) -> Iterator[Finding]:
    flags = _cpu_flags(kernel)
    can = [
        word
        for word, names in (("monitoring", _MONITORING), ("control", _CONTROL))
        if names & flags
    ]
    if not can:
        yield Finding.gap("resctrl", "this CPU, or this virtual machine, has none")
    elif kernel.subfolders(_RESCTRL + "/info") is None:
        yield Finding.gap(
            "resctrl",
            f"the CPU has {' and '.join(can)} of caches and memory bandwidth, not mounted",
            f"mount -t resctrl resctrl {_RESCTRL}",
        )
    else:
        kinds = ", ".join(kernel.subfolders(_RESCTRL + "/info") or ())
        yield Finding.there("resctrl", f"{' and '.join(can)}: {kinds}")


def _cpu_flags(kernel: Kernel) -> frozenset[str]:
    try:
        text = kernel.read("/proc/cpuinfo").decode("ascii", "replace")
    except (NotAvailable, TargetGone):
        return frozenset()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def _numa(kernel: Kernel) -> Iterator[Finding]:
    names = [one for one in kernel.listdir(_NODES) if one[:4] == "node" and one[4:].isdigit()]
    if len(names) > 1:
        yield Finding.there("NUMA", f"{len(names)} nodes")
    else:
        yield Finding.there("NUMA", "one node: there is nothing to place")


def _rights(kernel: Kernel) -> Iterator[Finding]:
    yield capability_finding(kernel)


def _descriptors(_kernel: Kernel) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = float("inf") if hard == resource.RLIM_INFINITY else hard
    good = limit >= _ENOUGH_FILES
    yield Finding(
        "descriptors",
        good,
        "no limit" if limit == float("inf") else f"at most {hard} of a process",
        ""
        if good
        else f"set LimitNOFILE=65536 in its unit, or: prlimit --pid {os.getppid()} --nofile=65536",
    )
