"""What resctrl can control on this machine, and whether a row is one that it takes."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from wca.errors import NotAvailable, ValidationError
from wca.linux.parse import Malformed, parse_number
from wca.linux.resctrl.schemata import BANDWIDTHS, CACHES, Row

__all__ = ["Bandwidth", "Cache", "Control", "Texts", "read_control"]

_MOST = (1 << 32) - 1
_ABSENT = (errno.ENOENT, errno.ENODEV)


class Texts(Protocol):
    """Gives the text of files of the kernel."""

    def text(self, path: str) -> str:
        """The whole text of a file. Raises OSError."""


@dataclass(frozen=True)
class Cache:
    """A cache whose ways are given by masks.

    Args:
        mask: of all ways.
        least: ways that a mask has at least.
        sparse: whether ones of a mask may have gaps between them.
    """

    mask: int
    least: int = 1
    sparse: bool = False

    def checked(self, domain: int, value: int) -> int:
        """A mask as the kernel takes it. Raises ValidationError."""
        where = f"the mask {value:x} of domain {domain}"
        if value & ~self.mask:
            raise ValidationError(f"{where} has more than the ways {self.mask:x} that there are")
        if value.bit_count() < self.least:
            raise ValidationError(
                f"{where} has {value.bit_count()} ways, {self.least} are the least"
            )
        low = value & -value
        if not self.sparse and value & (value + low):
            raise ValidationError(f"{where} has a gap, which this processor does not take")
        return value

    def share(self, value: int) -> float:
        """Which part of the cache a mask is."""
        return value.bit_count() / self.mask.bit_count()

    def everything(self, root: int) -> int:  # noqa: ARG002 - as of Bandwidth
        """The mask without a limit."""
        return self.mask


@dataclass(frozen=True)
class Bandwidth:
    """Memory bandwidth.

    Args:
        least: smallest number.
        step: numbers are rounded up to multiples of it.
        unit: ``percent``; ``MBps`` where resctrl is mounted with ``mba_MBps``; ``steps`` of AMD, an
            eighth of a GB/s each.
    """

    least: int
    step: int
    unit: Literal["percent", "MBps", "steps"]

    def checked(self, domain: int, value: int) -> int:
        """A number as the kernel gives it back. Raises ValidationError."""
        least, most = (0, _MOST) if self.unit == "MBps" else (self.least, self._most)
        if not least <= value <= most:
            raise ValidationError(
                f"{value} of domain {domain} is not from {least} to {most} ({self.unit})"
            )
        if self.unit == "MBps" or self.step < 1:
            return value
        return min(most, -(-value // self.step) * self.step)

    def share(self, value: int) -> float | None:
        """Which part of the bandwidth a number is; None: nobody knows how much all would be."""
        return value / 100 if self.unit == "percent" else None

    def everything(self, root: int) -> int:
        """The number without a limit; ``root`` is that of the root group."""
        return 100 if self.unit == "percent" else root

    @property
    def _most(self) -> int:
        return 100 if self.unit == "percent" else _MOST


@dataclass(frozen=True)
class Control:
    """What can be controlled.

    Args:
        resources: by name, such as ``L3``.
        closids: control groups that there can be, with the root group.
    """

    resources: Mapping[str, Cache | Bandwidth]
    closids: int

    def complete(self, resource: str, asked: Row, base: Row) -> Row:
        """A whole row of what is asked for, with the rest as it is in another one.

        Raises:
            ValidationError: the kernel would not take it.
        """
        kind = self.resources[resource]
        for domain in asked:
            if domain not in base:
                known = ", ".join(map(str, sorted(base)))
                raise ValidationError(f"{resource} has the domains {known}, got {domain}")
        try:
            return base | {domain: kind.checked(domain, asked[domain]) for domain in asked}
        except ValidationError as error:
            raise ValidationError(f"{resource}: {error}") from None

    def everything(self, resource: str, root: Row) -> Row:
        """A row without limits, in the domains of that of the root group."""
        kind = self.resources[resource]
        return {domain: kind.everything(value) for domain, value in root.items()}

    def share(self, rows: Mapping[str, Row]) -> float:
        """The smallest part that rows give of any resource in any domain; 1 without a limit."""
        shares = [
            share
            for resource, row in rows.items()
            if resource in self.resources
            for value in row.values()
            if (share := self.resources[resource].share(value)) is not None
        ]
        return min(shares, default=1.0)


def read_control(files: Texts, point: str, options: tuple[str, ...] = ()) -> Control:
    """What can be controlled here.

    Source: the folders of ``info`` in the resctrl file system.

    Args:
        files: what they are read through.
        point: where it is mounted.
        options: that it is mounted with.

    Raises:
        NotAvailable: nothing can, or it cannot be read.
    """
    resources: dict[str, Cache | Bandwidth] = {}
    counts = []
    try:
        for name in (*CACHES, *BANDWIDTHS):
            info = f"{point}/info/{name}"
            closids = _number(files, f"{info}/num_closids")
            if closids is None:
                continue
            counts.append(closids)
            if name in CACHES:
                resources[name] = _cache(files, info)
            else:
                resources[name] = _bandwidth(files, info, name, options)
    except (OSError, Malformed, ValueError) as error:
        raise NotAvailable(f"{point}/info cannot be read: {error}") from None
    if not resources:
        raise NotAvailable(f"resctrl is mounted, but controls nothing here ({point}/info)")
    return Control(resources, min(counts))


def _cache(files: Texts, info: str) -> Cache:
    mask = int(files.text(f"{info}/cbm_mask"), 16)
    least = _number(files, f"{info}/min_cbm_bits")
    return Cache(mask, 1 if least is None else least, _number(files, f"{info}/sparse_masks") == 1)


def _bandwidth(files: Texts, info: str, name: str, options: tuple[str, ...]) -> Bandwidth:
    least = _number(files, f"{info}/min_bandwidth") or 0
    step = _number(files, f"{info}/bandwidth_gran") or 1
    if name == "MB" and "mba_MBps" in options:
        return Bandwidth(least, step, "MBps")
    # AMD counts from 0; a percentage never does.
    return Bandwidth(least, step, "percent" if least and name == "MB" else "steps")


def _number(files: Texts, path: str) -> int | None:
    try:
        return parse_number(files.text(path).encode())
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
