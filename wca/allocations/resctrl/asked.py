"""What is asked for in resctrl, from the words of an allocator; and back. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from wca.allocators.api import RDTAllocation
from wca.errors import ValidationError
from wca.linux.resctrl.schemata import CACHES, Row, format_row

__all__ = ["Asked", "allocation_of", "parse_asked", "parse_rows"]

#: Resources of each field of RDTAllocation; without ``cdp`` and with it.
_FIELDS = {
    "l3": ("L3", "L3CODE", "L3DATA"),
    "mb": ("MB",),
    "l2": ("L2", "L2CODE", "L2DATA"),
    "smba": ("SMBA",),
}
_BETWEEN_ROWS = re.compile(r"[,\n]")
_MASK = re.compile(r"(0[xX])?([0-9a-fA-F]{1,16})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_MOST_TEXT = 10_000


@dataclass(frozen=True)
class Asked:
    """An allocation that was understood.

    Args:
        name: see RDTAllocation.
        rows: by resource, as far as they go; not checked against the machine.
    """

    name: str | None
    rows: Mapping[str, Row] = field(default_factory=dict)


def parse_asked(value: Any, resources: Collection[str]) -> Asked:
    """Understand what is asked for.

    Args:
        value: an RDTAllocation, or a mapping with its fields.
        resources: those that this machine controls.

    Raises:
        ValidationError: it makes no sense, or the machine does not control it.
    """
    given = _fields(value)
    name = given.pop("name", None)
    if name is not None and (not isinstance(name, str) or len(name) > 100 or "\0" in name):
        raise ValidationError(f"name: expected a text of at most 100 characters, got {name!r:.60}")
    rows: dict[str, Row] = {}
    for one, text in given.items():
        if text is not None:
            rows |= parse_rows(text, one, resources)
    return Asked(name, rows)


def parse_rows(text: Any, which: str, resources: Collection[str]) -> dict[str, Row]:
    """The rows of one field of an RDTAllocation.

    Args:
        text: one row or several, such as ``L3:0=ff;1=f``; the resource may be left out.
        which: the field, such as ``l3``.
        resources: those that this machine controls.

    Raises:
        ValidationError: it makes no sense, or the machine does not control it.
    """
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise ValidationError(f"{which}: expected a row such as {_example(which)}")
    rows: dict[str, Row] = {}
    for part in _BETWEEN_ROWS.split(text):
        if not part.strip():
            continue
        name, separator, rest = part.rpartition(":")
        resource = name.strip().upper() if separator else which.upper()
        for one in _resources(resource, which, resources):
            if one in rows:
                raise ValidationError(f"{which}: there are two rows for {one}")
            rows[one] = _row(rest, one)
    if not rows:
        raise ValidationError(f"{which}: expected a row such as {_example(which)}, got {text!r}")
    return rows


def allocation_of(name: str | None, rows: Mapping[str, Row]) -> RDTAllocation:
    """Rows in the words of an allocator."""
    texts = {
        which: ",".join(format_row(one, rows[one]) for one in names if one in rows) or None
        for which, names in _FIELDS.items()
    }
    return RDTAllocation(name, **texts)


def _fields(value: Any) -> dict[str, Any]:
    names = [one.name for one in fields(RDTAllocation)]
    if isinstance(value, RDTAllocation):
        return {name: getattr(value, name) for name in names}
    if not isinstance(value, Mapping):
        raise ValidationError(f"expected an RDTAllocation, got a {type(value).__name__}")
    for name in value:
        if name not in names:
            raise ValidationError(f"expected {', '.join(names)}, got {name!r:.60}")
    return dict(value)


def _resources(resource: str, which: str, known: Collection[str]) -> Iterable[str]:
    """What a row is about: with ``cdp`` a row for the whole cache is one for code and for data."""
    whole, *parts = _FIELDS[which]
    if resource not in (whole, *parts):
        expected = f"{which}: expected a row such as {_example(which)}"
        raise ValidationError(f"{expected}, got one for {resource[:40]!r}")
    if resource in known:
        return [resource]
    if resource == whole and parts and set(parts) <= set(known):
        return parts
    if whole in known:
        raise ValidationError(f"{which}: resctrl is not mounted with cdp, write {whole}")
    what = f"the {whole} cache" if whole in CACHES else f"memory bandwidth ({whole})"
    raise ValidationError(f"{which}: resctrl does not control {what} on this machine")


def _row(text: str, resource: str) -> Row:
    kind, base = (_MASK, 16) if resource in CACHES else (_NUMBER, 10)
    row: Row = {}
    for part in text.split(";"):
        domain, separator, value = (one.strip() for one in part.partition("="))
        if not separator:
            raise ValidationError(f"{resource}: expected domain=value, got {part[:60]!r}")
        if not _NUMBER.fullmatch(domain):
            raise ValidationError(f"{resource}: a domain is a number, got {domain[:60]!r}")
        if not kind.fullmatch(value):
            what = "a mask in hexadecimal digits" if base == 16 else "a whole number"
            raise ValidationError(f"{resource}: expected {what}, got {value[:60]!r}")
        if int(domain) in row:
            raise ValidationError(f"{resource}: there are two values for domain {int(domain)}")
        row[int(domain)] = int(value, base)
    return row


def _example(which: str) -> str:
    values = "0=ff;1=ff" if which in ("l3", "l2") else "0=50;1=50"
    return f"{which.upper()}:{values}"
