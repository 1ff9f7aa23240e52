"""The rows of a schemata: what a control group of resctrl may use.

Source: Documentation/filesystems/resctrl.rst and fs/resctrl/ctrlmondata.c of the kernel.
"""

import re

from wca.linux.parse import Malformed

__all__ = ["BANDWIDTHS", "CACHES", "Row", "format_row", "parse_schemata"]

#: Resources whose values are masks, in hexadecimal digits; those of CODE and DATA with ``cdp``.
CACHES = ("L3", "L3CODE", "L3DATA", "L2", "L2CODE", "L2DATA")
#: Resources whose values are decimal numbers: of memory, and of memory of other kinds (AMD).
BANDWIDTHS = ("MB", "SMBA")

#: Values by the number of the domain: of a socket, or the id of a cache.
Row = dict[int, int]

_PART = re.compile(rb"[ \t]*([0-9]{1,10})=[ \t]*([0-9a-fA-F]{1,16})[ \t]*", re.ASCII)
_DECIMAL = re.compile(rb"[0-9]{1,10}", re.ASCII)


def parse_schemata(data: bytes) -> dict[str, Row]:
    """The rows by resource; those of resources that are not known here are left out.

    Raises:
        Malformed: a row that is known has another form.
    """
    rows: dict[str, Row] = {}
    for line in data.splitlines():
        name, separator, rest = line.strip().partition(b":")
        resource = name.decode("ascii", "replace")
        if separator and resource in (*CACHES, *BANDWIDTHS):
            rows[resource] = _parse_row(rest, line, masks=resource in CACHES)
    return rows


def format_row(resource: str, row: Row) -> str:
    """A row in one spelling: domains ascending, without spaces and leading zeros."""
    kind = "x" if resource in CACHES else "d"
    return f"{resource}:" + ";".join(f"{domain}={row[domain]:{kind}}" for domain in sorted(row))


def _parse_row(rest: bytes, line: bytes, *, masks: bool) -> Row:
    row: Row = {}
    for part in rest.split(b";"):
        found = _PART.fullmatch(part)
        if found is None or not (masks or _DECIMAL.fullmatch(found[2])) or int(found[1]) in row:
            raise Malformed(f"expected a row such as L3:0=ff;1=ff, got {line[:60]!r}")
        row[int(found[1])] = int(found[2], 16 if masks else 10)
    return row
