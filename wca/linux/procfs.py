"""Parsers of files that only /proc has: stat, mountinfo, cgroup, statm."""

import os
import re
from dataclasses import dataclass

from wca.linux.parse import Malformed, to_number

__all__ = [
    "CPU_MODES",
    "Mount",
    "parse_cpu_ticks",
    "parse_mountinfo",
    "parse_process_cgroups",
    "parse_resident_bytes",
]

#: The first columns of a ``cpu`` line of /proc/stat. Guest time, which follows, is part of user.
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


def parse_cpu_ticks(data: bytes) -> tuple[list[int], dict[str, list[int]]]:
    """Clock ticks in each of ``CPU_MODES`` since boot.

    Source: /proc/stat (man 5 proc_stat). Only CPUs that are online have a line of their own; the
    first line, the sum, keeps counting those that went offline.

    Returns:
        The ticks of the machine, and those of each CPU by its number as text.

    Raises:
        Malformed: the file has no such lines at its beginning.
    """
    end = data.find(b"\nintr ")
    total: list[int] | None = None
    by_cpu: dict[str, list[int]] = {}
    for line in data[: end if end >= 0 else data.rfind(b"\n")].split(b"\n"):
        if not line.startswith(b"cpu"):
            break
        name, *columns = line.split()
        numbers = [to_number(column) for column in columns[: len(CPU_MODES)]]
        ticks = [number for number in numbers if number is not None]
        number = name[3:]
        if len(ticks) != len(CPU_MODES) or not (number.isdigit() or number == b""):
            raise Malformed(f"/proc/stat has a line of another form: {line[:40]!r}")
        if number:
            by_cpu[number.decode()] = ticks
        else:
            total = ticks
    if total is None:
        raise Malformed("/proc/stat does not begin with the line cpu")
    return total, by_cpu


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Args:
        root: folder of the file system that was mounted, ``/`` for all of it.
        point: where it is mounted.
        type: type of the file system, such as ``cgroup2``.
        options: options of the file system itself; for cgroup v1 its controllers.
    """

    root: str
    point: str
    type: str
    options: tuple[str, ...]


def _unescape(field: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field))


def parse_mountinfo(data: bytes) -> list[Mount]:
    """Mounted file systems in the order of mounting; lines of another form are left out.

    Source: /proc/self/mountinfo (man 5 proc_pid_mountinfo). Spaces, tabs, line ends and
    backslashes of a path are written there as a backslash and three octal digits.
    """
    mounts: list[Mount] = []
    for line in data.split(b"\n"):
        front, separator, back = line.partition(b" - ")
        fields, rest = front.split(b" "), back.split(b" ")
        if separator and len(fields) >= 6 and len(rest) >= 3:
            options = tuple(_unescape(rest[2]).split(","))
            mounts.append(
                Mount(_unescape(fields[3]), _unescape(fields[4]), _unescape(rest[0]), options)
            )
    return mounts


def parse_process_cgroups(data: bytes) -> dict[frozenset[str], str]:
    """A process's path in each hierarchy, by the hierarchy's controllers.

    Source: /proc/PID/cgroup (man 7 cgroups). cgroup v2 has the empty set.
    """
    paths: dict[frozenset[str], str] = {}
    for line in data.split(b"\n"):
        number, _, rest = line.partition(b":")
        controllers, separator, path = rest.partition(b":")
        if number.isdigit() and separator and path.startswith(b"/"):
            names = frozenset(os.fsdecode(controllers).split(",")) - {""}
            paths[names] = os.fsdecode(path)
    return paths


def parse_resident_bytes(data: bytes) -> int:
    """Resident memory of a process in bytes.

    Source: /proc/PID/statm (man 5 proc_pid_statm), the second number, in pages.

    Raises:
        Malformed: there is no such number.
    """
    words = data.split()
    pages = to_number(words[1]) if len(words) > 1 else None
    if pages is None:
        raise Malformed(f"expected the numbers of statm, got {data[:40]!r}")
    return pages * os.sysconf("SC_PAGE_SIZE")
