"""Names of cgroups, and of the units of systemd that own them. Pure functions."""

import re
from dataclasses import dataclass

from wca.errors import ValidationError

__all__ = ["Unit", "printable", "slice_path", "unit_of"]

_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_SLICE = re.compile(r"[A-Za-z0-9:_.\\]+(-[A-Za-z0-9:_.\\]+)*\.slice")
_ROOT_SLICE = "-.slice"


def printable(path: str) -> str:
    r"""A path as text that can be stored: bytes that are no UTF-8 are shown as ``\xff``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Unit:
    r"""A unit of systemd, by the name of its cgroup.

    Source: systemd.unit(5), "String Escaping for Inclusion in Unit Names"; cg_escape() of systemd.

    Args:
        name: as systemctl prints it, with its escapes: ``foo@a\x2db.service``.
        type: what it ends with: ``service``, ``scope``, ``slice``; empty: it is no unit.
        template: ``foo@.service``; empty without one.
        instance: ``a-b``, without escapes; empty without one.
    """

    name: str
    type: str
    template: str
    instance: str

    @property
    def readable(self) -> str:
        """The name without its escapes."""
        return _unescaped(self.name)


def unit_of(directory: str) -> Unit:
    """The unit whose cgroup has this name.

    systemd puts ``_`` before a name that the kernel could mistake for a file of its own.
    """
    name = printable(directory).removeprefix("_")
    stem, _, kind = name.rpartition(".")
    if not stem:
        return Unit(name, "", "", "")
    prefix, at, instance = stem.partition("@")
    if not at or not prefix:
        return Unit(name, kind, "", "")
    return Unit(name, kind, f"{prefix}@.{kind}", _unescaped(instance))


def slice_path(name: str) -> str:
    """The cgroup of a slice: ``a-b.slice`` is in ``/a.slice/a-b.slice``, ``-.slice`` is ``/``.

    Raises:
        ValidationError: it is no name of a slice.
    """
    if name == _ROOT_SLICE:
        return "/"
    if not _SLICE.fullmatch(name):
        raise ValidationError(
            f"expected the name of a slice such as system.slice or -.slice, got {name!r}"
        )
    parts = name.removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: end + 1])}.slice" for end in range(len(parts)))


def _unescaped(text: str) -> str:
    def decoded(match: re.Match[str]) -> str:
        raw = bytes.fromhex(match[0].replace("\\x", ""))
        plain = raw.decode("utf-8", "replace")
        return plain if plain.isprintable() and "\ufffd" not in plain else match[0]

    return _ESCAPED.sub(decoded, text)
