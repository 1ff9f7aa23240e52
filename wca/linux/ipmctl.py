"""Modules of Intel Optane persistent memory, from what ``ipmctl show`` prints.

Both forms are read: that of version 1, and the table that later versions have for
``-memoryresources``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wca.linux.programs import SYSTEM_FOLDERS, run_program

__all__ = [
    "MEMORY",
    "MODULES",
    "MODULES_2",
    "REGIONS",
    "OptaneModule",
    "module_bandwidth",
    "parse_memory_mode_bytes",
    "parse_modules",
    "parse_regions",
    "run_ipmctl",
]

#: What to ask for: how the memory is used, the modules, and the regions made of them.
MEMORY = ("show", "-u", "B", "-memoryresources")
MODULES = ("show", "-u", "B", "-d", "AvgPowerBudget,Capacity,SocketID", "-dimm")
#: Version 2 and later call the power budget a limit.
MODULES_2 = ("show", "-u", "B", "-d", "AvgPowerLimit,Capacity,SocketID", "-dimm")
REGIONS = ("show", "-a", "-u", "B", "-region")

_TIMEOUT = 30.0  # its firmware calls may take seconds for each module
_HEAD = re.compile(r"---(\w+)=(0x[0-9a-fA-F]{1,16})---")
_BYTES = re.compile(r"([0-9]{1,20})(?:\.0+)? B")
_MILLIWATTS = re.compile(r"([0-9]{1,9}) mW")
_ID = re.compile(r"0x[0-9a-fA-F]{1,8}")
# GB per second that a module can read and write, by the least power in watts, for modules of less
# than 200 GB, of less than 500 GB, and larger ones. A combination that is not made has no number.
_LARGEST = (200e9, 500e9)
_BANDWIDTHS: tuple[dict[int, tuple[float, float]], ...] = (
    {10: (2.4, 0.88), 12: (4.3, 1.48), 15: (6.8, 1.85)},
    {12: (4.1, 1.45), 15: (6.8, 2.3), 18: (8.3, 3.0)},
    {12: (2.65, 1.02), 15: (5.3, 1.89), 18: (7.8, 2.68)},
)
_MOST_POWER = 18


@dataclass(frozen=True, slots=True)
class OptaneModule:
    """One module.

    Args:
        id: of ipmctl.
        socket: its number, as text; None when it is not told.
        capacity: bytes; None when it is not told.
        power: watts that it may use on average; None when it is not told.
    """

    id: str
    socket: str | None
    capacity: int | None
    power: float | None


def run_ipmctl(
    arguments: Sequence[str],
    folders: Sequence[str] = SYSTEM_FOLDERS,
    timeout: float = _TIMEOUT,
) -> str:
    """What ipmctl prints; it needs root.

    Args:
        arguments: one of ``MEMORY``, ``MODULES``, ``REGIONS``.
        folders: where to look for the program.
        timeout: seconds after which it is ended.

    Raises:
        NotAvailable: it is not installed, takes too long, or cannot tell.
    """
    return run_program("ipmctl", arguments, package="ipmctl", folders=folders, timeout=timeout)


def parse_memory_mode_bytes(text: str) -> int | None:
    """Bytes of the modules that serve as main memory, of ``MEMORY``; None when it is not told."""
    heads: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if cells[0] == "MemoryType":
            heads = cells
        elif cells[0] == "Volatile" and len(cells) == len(heads) > 2:
            return _bytes(cells[2])  # behind that of DDR
        elif line.strip().startswith("MemoryCapacity="):
            return _bytes(line.partition("=")[2].partition("|")[0].strip())
    return None


def parse_modules(text: str) -> list[OptaneModule]:
    """The modules, of ``MODULES`` or ``MODULES_2``; what else is in the text is passed over."""
    return [
        OptaneModule(
            number,
            _socket(fields.get("SocketID", "")),
            _bytes(fields.get("Capacity", "")),
            _watts(fields.get("AvgPowerBudget", fields.get("AvgPowerLimit", ""))),
        )
        for kind, number, fields in _sections(text)
        if kind == "DimmID"
    ]


def parse_regions(text: str) -> dict[str, set[str]]:
    """Ids of the modules that regions are made of, by socket, of ``REGIONS``."""
    regions: dict[str, set[str]] = {}
    for kind, _, fields in _sections(text):
        socket = _socket(fields.get("SocketID", ""))
        if kind == "ISetID" and socket is not None:
            regions.setdefault(socket, set()).update(_ID.findall(fields.get("DimmID", "")))
    return regions


def module_bandwidth(module: OptaneModule) -> tuple[float, float] | None:
    """Bytes per second that a module can read and write at most; None when that is not known."""
    if module.capacity is None or module.power is None:
        return None
    size = sum(module.capacity >= largest for largest in _LARGEST)
    steps = _BANDWIDTHS[size]
    step = max((watts for watts in steps if watts <= module.power), default=None)
    if step is None or (module.power >= _MOST_POWER and _MOST_POWER not in steps):
        return None
    read, write = steps[step]
    return read * 1e9, write * 1e9


def _sections(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What each ``---DimmID=0x0001---`` is of, its number, and the fields below it."""
    kind, number, fields = "", "", dict[str, str]()
    for line in text.splitlines():
        head = _HEAD.fullmatch(line.strip())
        if head is None:
            key, _, value = line.partition("=")
            fields[key.strip()] = value.strip()
            continue
        if kind:
            yield kind, number, fields
        kind, number, fields = head[1], head[2], {}
    if kind:
        yield kind, number, fields


def _bytes(text: str) -> int | None:
    found = _BYTES.fullmatch(text)
    return int(found[1]) if found else None


def _watts(text: str) -> float | None:
    found = _MILLIWATTS.fullmatch(text)
    return int(found[1]) / 1000 if found else None


def _socket(text: str) -> str | None:
    return str(int(text, 16)) if _ID.fullmatch(text) else None
