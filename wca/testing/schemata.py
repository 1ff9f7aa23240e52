"""The schemata of a resctrl of a test's own, with the kernel's rules."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Resource", "Schemata"]

_BANDWIDTHS = ("MB", "SMBA")
_MOST = (1 << 32) - 1


@dataclass(frozen=True)
class Resource:
    """What can be controlled.

    Args:
        name: as in the schemata: ``L3``, ``L3CODE``, ``L2``, ``MB``, ``SMBA``.
        domains: its domains; None: those of the L3 caches.
        mask: of all ways of a cache.
        least: ways of a mask, or smallest number of a bandwidth.
        sparse: whether masks may have gaps.
        step: numbers are rounded up to multiples of it.
        most: largest number of a bandwidth, which is also what a new group has: 100 with Intel.
        mbps: mounted with ``mba_MBps``.
    """

    name: str
    domains: tuple[int, ...] | None = None
    mask: int = 0x7FF
    least: int = 1
    sparse: bool = False
    step: int = 10
    most: int = 100
    mbps: bool = False

    @property
    def everything(self) -> int:
        """What a new group has."""
        if self.name in _BANDWIDTHS:
            return _MOST if self.mbps else self.most
        return self.mask


class Schemata:
    """The rows of all control groups.

    Args:
        resources: what can be controlled.
        domains: of the L3 caches.
    """

    def __init__(self, resources: Sequence[Resource], domains: Sequence[int]) -> None:
        self.resources = {one.name: one for one in resources}
        self._domains = tuple(domains)
        self._rows: dict[str, dict[str, dict[int, int]]] = {}

    def make(self, control: str) -> None:
        """A new group has everything."""
        self._rows[control] = {
            name: dict.fromkeys(one.domains or self._domains, one.everything)
            for name, one in self.resources.items()
        }

    def text(self, control: str) -> str:
        """The file, with the kernel's padding."""
        lines = []
        for name, row in self._rows[control].items():
            kind = "4d" if name in _BANDWIDTHS else "3x"
            parts = (f"{domain}={value:{kind}}" for domain, value in row.items())
            lines.append(f"{name:>10}:{';'.join(parts)}\n")
        return "".join(lines)

    def write(self, control: str, text: str) -> str:
        """What writing does: all rows, or none; what is wrong with it, or nothing."""
        rows = {name: dict(row) for name, row in self._rows[control].items()}
        if not text.endswith("\n"):
            return "no end of the line"
        for line in text.splitlines():
            name, _, rest = line.strip().partition(":")
            if name not in rows:
                return f"Unknown or unsupported resource name '{name}'"
            for part in rest.split(";"):
                problem = self._set(self.resources[name], rows[name], part.strip())
                if problem:
                    return problem
        self._rows[control] = rows
        return ""

    def info(self, num_closids: int) -> dict[str, str]:
        """The files of ``info`` by their names below it."""
        files = {}
        for name, one in self.resources.items():
            files[f"{name}/num_closids"] = str(num_closids)
            if name in _BANDWIDTHS:
                files[f"{name}/bandwidth_gran"] = str(one.step)
                files[f"{name}/min_bandwidth"] = str(one.least)
                files[f"{name}/delay_linear"] = "1"
            else:
                files[f"{name}/cbm_mask"] = f"{one.mask:x}"
                files[f"{name}/min_cbm_bits"] = str(one.least)
                files[f"{name}/sparse_masks"] = str(int(one.sparse))
        return files

    def _set(self, one: Resource, row: dict[int, int], part: str) -> str:
        domain, separator, text = (one.strip() for one in part.partition("="))
        if not separator or not domain.isdigit():
            return "Missing '=' or non-numeric domain"
        if int(domain) not in row:
            return "there is no such domain"
        if one.name in _BANDWIDTHS:
            return self._set_bandwidth(one, row, int(domain), text)
        if not re.fullmatch("[0-9a-fA-F]+", text):
            return f"Non-hex character in the mask {text}"
        value = int(text, 16)
        if value & ~one.mask or (not value and one.least):
            return "Mask out of range"
        if not one.sparse and "0" in f"{value:b}".strip("0"):
            return f"The mask {text} has non-consecutive 1-bits"
        if value.bit_count() < one.least:
            return f"Need at least {one.least} bits in the mask"
        row[int(domain)] = value
        return ""

    def _set_bandwidth(self, one: Resource, row: dict[int, int], domain: int, text: str) -> str:
        if not text.isdigit():
            return f"Invalid {one.name} value {text}"
        value = int(text)
        if not one.mbps:
            if not one.least <= value <= one.most:
                return f"{one.name} value {value} out of range [{one.least},{one.most}]"
            value = -(-value // one.step) * one.step
        row[domain] = value
        return ""
