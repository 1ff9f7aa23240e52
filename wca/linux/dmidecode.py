"""The memory modules of the machine, from what ``dmidecode --quiet -t memory`` prints."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wca.linux.programs import SYSTEM_FOLDERS, run_program

__all__ = ["MemoryModule", "ModuleKind", "parse_memory_modules", "run_dmidecode"]

ModuleKind = Literal["ram", "nvm", "hbm", "cxl"]

_TIMEOUT = 10.0
_SECTION = "Memory Device"
# dmidecode counts in binary units, whatever it calls them.
_SIZE = re.compile(r"([0-9]{1,12}) (bytes|[kK]B|MB|GB|TB|PB)")
_UNITS = {"bytes": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40, "PB": 50}
_SPEED = re.compile(r"([0-9]{1,7}) (?:MT/s|MHz)")  # old versions call transfers MHz
_WIDTH = re.compile(r"([0-9]{1,6}) bits")
_USUAL_WIDTH = 64
_EMPTY = ("No Module Installed", "Not Installed", "Not Available")
_READ_ONLY = ("Flash", "ROM", "EEPROM", "FEPROM", "EPROM")
_SPEEDS = ("Configured Memory Speed", "Configured Clock Speed", "Speed")


@dataclass(frozen=True, slots=True)
class MemoryModule:
    """One memory module that is plugged in or soldered on.

    Args:
        kind: ``ram``; ``nvm``: keeps its content without power; ``hbm``: on the processor's
            package; ``cxl``: behind a CXL link.
        size: bytes; None when the firmware does not tell.
        speed: bytes per second that its interface can carry; None when the firmware does not tell.
    """

    kind: ModuleKind
    size: int | None
    speed: float | None


def run_dmidecode(folders: Sequence[str] = SYSTEM_FOLDERS, timeout: float = _TIMEOUT) -> str:
    """What dmidecode prints of the memory; it needs root.

    Args:
        folders: where to look for the program.
        timeout: seconds after which it is ended.

    Raises:
        NotAvailable: it is not installed, takes too long, or cannot tell.
    """
    arguments = ("--quiet", "-t", "memory")
    return run_program(
        "dmidecode", arguments, package="dmidecode", folders=folders, timeout=timeout
    )


def parse_memory_modules(text: str) -> list[MemoryModule]:
    """The modules that are there, in the order of the firmware; empty slots are left out.

    Read-only memory, such as the firmware's flash, is no module. A field that is missing or says
    ``Unknown`` makes its number None. What does not look like dmidecode gives nothing.

    Args:
        text: the output, with or without ``--quiet``.
    """
    return [module for fields in _sections(text) if (module := _module(fields)) is not None]


def _sections(text: str) -> Iterator[Mapping[str, str]]:
    for section in re.split(r"\n\s*\n", text):
        lines = [line for line in section.split("\n") if not line.startswith(("Handle ", "#"))]
        if _SECTION in (line.rstrip() for line in lines if not line[:1].isspace()):
            pairs = (line.strip().partition(":") for line in lines if line[:1].isspace())
            yield {key: value.strip() for key, colon, value in pairs if colon}


def _module(fields: Mapping[str, str]) -> MemoryModule | None:
    size = fields.get("Size", "")
    if not size or size in _EMPTY or fields.get("Type") in _READ_ONLY:
        return None
    count = _SIZE.fullmatch(size)
    if count is not None and not int(count[1]):
        return None
    number = int(count[1]) << _UNITS[count[2].replace("kB", "KB")] if count else None
    return MemoryModule(_kind(fields), number, _speed(fields))


def _kind(fields: Mapping[str, str]) -> ModuleKind:
    type_ = fields.get("Type", "")
    technology = fields.get("Memory Technology", "")
    places = ("Locator", "Bank Locator", "Form Factor", "Memory Technology")
    if any("CXL" in fields.get(place, "") for place in places):
        return "cxl"
    if type_.startswith("HBM"):
        return "hbm"
    lasting = type_.lower() == "logical non-volatile device" or "NVDIMM" in technology
    if lasting or "persistent" in technology or "Non-Volatile" in fields.get("Type Detail", ""):
        return "nvm"
    return "ram"


def _speed(fields: Mapping[str, str]) -> float | None:
    """Transfers per second, times the bytes of one; as configured, where that is told."""
    for name in _SPEEDS:
        transfers = _SPEED.fullmatch(fields.get(name, ""))
        if transfers is not None and int(transfers[1]):
            width = _WIDTH.fullmatch(fields.get("Data Width", ""))
            bits = int(width[1]) if width and int(width[1]) else _USUAL_WIDTH
            return int(transfers[1]) * 1e6 * bits / 8
    return None
