"""Parsers of the files of resctrl: where a thread is, what was counted.

Source: Documentation/filesystems/resctrl.rst and fs/resctrl of the kernel.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wca.linux.parse import Malformed, to_number

__all__ = [
    "EVENTS",
    "Place",
    "l3_domains",
    "parse_counter",
    "parse_features",
    "parse_place",
]

#: What is counted of a monitoring group: bytes in the L3 cache now, bytes moved to and from memory
#: in all, and those of the memory beside the L3 cache's own CPUs.
EVENTS = ("llc_occupancy", "mbm_total_bytes", "mbm_local_bytes")

# What the kernel writes instead of a number: the processor does not track the group at the moment,
# no counter is assigned to it, or reading failed.
_NO_COUNT = (b"Unavailable", b"Unassigned", b"Error")

# The sum of an L3 domain. Parts of it (mon_sub_L3_01) lie in its folder, and other resources
# (mon_PERF_PKG_00) beside it.
_L3_DOMAIN = re.compile(r"mon_L3_([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The groups that a thread is in.

    Args:
        control: name of the control group, which decides what the thread may use; empty: the root.
        monitoring: name of the monitoring group in it; empty: the control group itself.
    """

    control: str
    monitoring: str


def parse_place(data: bytes) -> Place | None:
    """Where a thread is; None while resctrl is not mounted.

    Source: /proc/PID/cpu_resctrl_groups (Linux 5.6).

    Raises:
        Malformed: it is not a line ``res:`` followed by a line ``mon:``.
    """
    lines = data.split(b"\n")
    if len(lines) != 3 or not lines[0].startswith(b"res:") or not lines[1].startswith(b"mon:"):
        raise Malformed(
            f"expected the lines res: and mon: of cpu_resctrl_groups, got {data[:80]!r}"
        )
    control, monitoring = os.fsdecode(lines[0][4:]), os.fsdecode(lines[1][4:])
    if not control:
        return None
    return Place("" if control == "/" else control, monitoring)


def parse_counter(data: bytes) -> int | None:
    """What was counted, in bytes; None for Unavailable, Unassigned and Error.

    Source: the files of ``mon_data/mon_L3_*``, in bytes on every processor.

    Raises:
        Malformed: neither a number nor one of these words is in it.
    """
    text = data.strip()
    if text in _NO_COUNT:
        return None
    number = to_number(text)
    if number is None:
        raise Malformed(f"expected a number, Unavailable, Unassigned or Error, got {data[:40]!r}")
    return number


def parse_features(data: bytes) -> tuple[str, ...]:
    """Which of ``EVENTS`` this machine counts.

    Source: ``info/L3_MON/mon_features``.
    """
    words = set(data.split())
    return tuple(event for event in EVENTS if event.encode() in words)


def l3_domains(names: Iterable[str]) -> list[str]:
    """The folders of L3 domains among the names in ``mon_data``, by their number.

    The number is that of the socket on some processors, the id of the cache on others.
    """
    found = [match for match in map(_L3_DOMAIN.fullmatch, names) if match]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]
