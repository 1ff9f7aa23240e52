"""Pressure stall information: ``cpu.pressure`` and the like (Documentation/accounting/psi.rst)."""

import re

from wca.linux.parse import Malformed

__all__ = ["parse_pressure"]

_AVERAGES = rb"avg10=\d+\.\d+ avg60=\d+\.\d+ avg300=\d+\.\d+"
_FORM = re.compile(
    rb"some %b total=(\d{1,20})\n(?:full %b total=(\d{1,20})\n)?" % (_AVERAGES, _AVERAGES)
)


def parse_pressure(data: bytes) -> tuple[int, int | None]:
    """Total stall times in microseconds since the group was made: ``some`` and ``full``.

    The line ``full`` of cpu.pressure exists since Linux 5.13; without it, the second is None.

    Raises:
        Malformed: anything else is in it.
    """
    match = _FORM.fullmatch(data)
    if match is None:
        raise Malformed(f"expected pressure stall information, got {data[:40]!r}")
    some, full = match.groups()
    return int(some), None if full is None else int(full)
