"""Which processor this is, from /proc/cpuinfo, and its family in the kernel's tables of events.

The families are those of tools/perf/pmu-events/arch/x86/mapfile.csv and arm64/mapfile.csv.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType

from wca.errors import NotAvailable
from wca.linux.files import FileTree
from wca.linux.parse import Malformed, to_number

__all__ = ["CpuModel", "event_family", "parse_cpu_model", "read_cpu_model"]

_LINE = re.compile(rb"([^:\n]*?)[ \t]*:[ \t]*([^\n]*)(?:\n|\Z)")
_X86 = (b"cpu family", b"model", b"stepping")
_HEXADECIMAL = re.compile(rb"0x[0-9a-fA-F]{1,8}")

_INTEL = MappingProxyType(
    {
        0x3D: "broadwell",
        0x47: "broadwell",
        0x4F: "broadwellx",
        0x56: "broadwellde",
        0x4E: "skylake",
        0x5E: "skylake",
        0x8E: "skylake",
        0x9E: "skylake",
        0xA5: "skylake",
        0xA6: "skylake",
        0x6A: "icelakex",
        0x6C: "icelakex",
        0x7D: "icelake",
        0x7E: "icelake",
        0x8F: "sapphirerapids",
        0xAD: "graniterapids",
        0xAE: "graniterapids",
        0xAF: "sierraforest",
        0xCF: "emeraldrapids",
    }
)
_SKYLAKE_SERVER = 0x55
_ARM = MappingProxyType(
    {0xD0C: "neoverse-n1", 0xD40: "neoverse-v1", 0xD49: "neoverse-n2-v2", 0xD4F: "neoverse-n2-v2"}
)
_ARM_LIMITED = 0x41


@dataclass(frozen=True, slots=True)
class CpuModel:
    """What identifies a processor.

    Args:
        vendor: ``GenuineIntel``, ``AuthenticAMD``; for arm64 the implementer, such as ``0x41``.
        family: on arm64 0.
        model: on arm64 the part, bits 4 to 15 of MIDR.
        stepping: on arm64 the revision.
    """

    vendor: str
    family: int
    model: int
    stepping: int


def parse_cpu_model(data: bytes) -> CpuModel:
    """The first CPU of /proc/cpuinfo.

    Raises:
        Malformed: it has neither the lines of x86 nor those of arm64.
    """
    first = data.lstrip(b"\n").split(b"\n\n", 1)[0]
    lines = {match[1]: match[2].strip() for match in _LINE.finditer(first)}
    if b"vendor_id" in lines:
        numbers = [to_number(lines.get(name, b"")) for name in _X86]
        if None not in numbers:
            vendor = lines[b"vendor_id"].decode("ascii", "replace")
            return CpuModel(vendor, *(number or 0 for number in numbers))
    implementer, part = lines.get(b"CPU implementer", b""), lines.get(b"CPU part", b"")
    if _HEXADECIMAL.fullmatch(implementer) and _HEXADECIMAL.fullmatch(part):
        revision = to_number(lines.get(b"CPU revision", b"")) or 0
        return CpuModel(f"{int(implementer, 16):#x}", 0, int(part, 16), revision)
    raise Malformed(
        "/proc/cpuinfo names neither vendor_id, cpu family, model and stepping nor part"
    )


def read_cpu_model(files: FileTree) -> CpuModel | None:
    """The processor of this machine; None where /proc/cpuinfo does not tell."""
    try:
        return parse_cpu_model(files.read("/proc/cpuinfo"))
    except (NotAvailable, Malformed):
        return None


def event_family(model: CpuModel | None) -> str | None:
    """The folder of the processor's events, such as ``x86/icelakex``; None: not one that is known.

    By vendor, family, model and stepping: a model's number alone means another processor with
    another vendor.
    """
    if model is None:
        return None
    if model.vendor == "GenuineIntel" and model.family == 6:
        name = _INTEL.get(model.model)
        if model.model == _SKYLAKE_SERVER:
            name = "skylakex" if model.stepping <= 4 else "cascadelakex"
        return f"x86/{name}" if name else None
    if model.vendor == "AuthenticAMD":
        zen = _zen(model.family, model.model)
        return f"x86/amdzen{zen}" if zen else None
    if model.vendor == f"{_ARM_LIMITED:#x}" and model.model in _ARM:
        return f"arm64/arm/{_ARM[model.model]}"
    return None


def _zen(family: int, model: int) -> int | None:
    """The generation; None for Zen 1, which has no table here, and for what is not known."""
    if family == 0x17:
        return 2 if model >= 0x30 else None
    if family == 0x19:
        return 3 if model < 0x10 or 0x20 <= model < 0x30 or 0x40 <= model < 0x60 else 4
    if family == 0x1A:  # models 0x50 and above 0x80 are Zen 6
        return 5 if model < 0x50 or 0x60 <= model < 0x80 else None
    return None
