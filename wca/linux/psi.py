"""Pressure stall information: ``cpu.pressure`` and the like (Documentation/accounting/psi.rst)."""

from wca.linux.parse import to_number

__all__ = ["parse_pressure"]


def parse_pressure(data: bytes) -> tuple[int | None, int | None]:
    """Total stall times in microseconds since the group was made: ``some`` and ``full``.

    The line ``full`` of cpu.pressure exists since Linux 5.13; a line without its total is None.
    """
    tokens = data.split()
    if len(tokens) == 10 and tokens[0] == b"some" and tokens[5] == b"full":
        return _total(tokens[4]), _total(tokens[9])
    if len(tokens) == 5 and tokens[0] == b"some":
        return _total(tokens[4]), None
    return None, None


def _total(token: bytes) -> int | None:
    return to_number(token[6:]) if token.startswith(b"total=") else None
