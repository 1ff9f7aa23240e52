"""Pressure stall information: ``cpu.pressure`` and the like (Documentation/accounting/psi.rst)."""

import re

from wca.linux.parse import Malformed

__all__ = ["parse_irq_pressure", "parse_pressure"]

_AVERAGES = rb"avg10=\d+\.\d\d avg60=\d+\.\d\d avg300=\d+\.\d\d"
_FULL = rb"full %b total=(\d{1,20})\n" % _AVERAGES
_FORM = re.compile(rb"some %b total=(\d{1,20})\n(?:%b)?" % (_AVERAGES, _FULL))
_IRQ_FORM = re.compile(_FULL)


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


def parse_irq_pressure(data: bytes) -> int:
    """Total time in microseconds that interrupts took: ``full``, the only line of irq.pressure.

    Raises:
        Malformed: anything else is in it.
    """
    match = _IRQ_FORM.fullmatch(data)
    if match is None:
        raise Malformed(f"expected the line full of irq.pressure, got {data[:40]!r}")
    return int(match[1])
