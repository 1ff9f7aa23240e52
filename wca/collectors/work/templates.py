"""Paths and addresses with the labels of a task in them: ``/run/{task_name}/work``."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from wca.config.types import Constraint, Path, Str, Url
from wca.errors import NotAvailable, ValidationError

__all__ = ["PathTemplate", "UrlTemplate", "fill", "fill_path", "fill_url", "labels_in"]

#: Characters of an address.
_LONGEST = 2000

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


def labels_in(template: str) -> list[str]:
    """Names of the labels in a template. Raises ValidationError for a brace that is none."""
    if re.search(r"[{}]", _FIELD.sub("", template)):
        raise ValidationError(
            f"write a label as {{name}}, with letters, digits and _; got {template[:200]!r}"
        )
    return _FIELD.findall(template)


def fill(template: str, labels: Mapping[str, str]) -> str:
    """The text for one task.

    Raises:
        NotAvailable: the task has no such label, or an empty one.
    """

    def value(found: re.Match[str]) -> str:
        if not labels.get(found[1]):
            raise NotAvailable(f"the task has no label {found[1]}, which {template} needs")
        return labels[found[1]]

    return _FIELD.sub(value, template)


def fill_path(template: str, labels: Mapping[str, str]) -> tuple[str, list[str]]:
    """The path for one task: no label leads out of the folder where it stands.

    Args:
        template: absolute, with labels.
        labels: of the task.

    Returns:
        The folder that the configuration names by itself, and the names below it.

    Raises:
        NotAvailable: the task has no such label, or one that cannot be in the name of a file.
    """
    parts = [part for part in template.split("/") if part]
    fixed = next((place for place, part in enumerate(parts) if labels_in(part)), len(parts) - 1)
    names = [_name(part, labels) for part in parts[fixed:]]
    return "/" + "/".join(parts[:fixed]), names


def _name(part: str, labels: Mapping[str, str]) -> str:
    name = fill(part, labels)
    if name in (".", "..") or "/" in name or "\0" in name:
        raise NotAvailable(f"{part} would be {name[:80]!r}, which is no name of a file")
    return name


@dataclass(frozen=True)
class PathTemplate(Constraint):
    """An absolute path with labels of a task in it."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no path, and braces that are no label."""
        Path(absolute=True).check(value)
        labels_in(value)
        if value.endswith("/"):
            raise ValidationError(f"expected {self.expected()}, got the folder {value[:200]!r}")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "the absolute path of a file, with labels as {task_name}"


_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)
_PARTS = re.compile(r"(https?://)([^/?#]*)(.*)", re.DOTALL)


def fill_url(template: str, labels: Mapping[str, str]) -> str:
    """The address for one task: no label changes more of it than the part where it stands.

    Args:
        template: of an address, with labels.
        labels: of the task.

    Raises:
        NotAvailable: the task has no such label, or one that cannot stand there.
    """
    scheme, place, rest = _split(template)
    known = {name: labels.get(name, "") for name in labels_in(template)}
    hosts = {name: _host(name, known[name]) for name in labels_in(place) if known[name]}
    quoted = {name: quote(value, safe="") for name, value in known.items()}
    # An address of IPv6 gets its brackets here, where the template has none.
    place = fill(place, hosts).replace("[[", "[").replace("]]", "]")
    url = scheme + place + fill(rest, quoted)
    try:
        Url(max_size=_LONGEST).check(url)
    except ValidationError:
        raise NotAvailable(f"{template} would be no address: {url[:200]!r}") from None
    return url


def _host(name: str, value: str) -> str:
    if ":" in value:
        try:
            return f"[{ipaddress.IPv6Address(value)}]"
        except ValueError:
            pass
    if not _HOST.fullmatch(value):
        raise NotAvailable(f"the label {name} of the task is no host: {value[:80]!r}")
    return value


def _split(template: str) -> tuple[str, str, str]:
    parts = _PARTS.fullmatch(template)
    if parts is None:
        raise ValidationError(f"expected {UrlTemplate().expected()}, got {template[:200]!r}")
    return parts[1], parts[2], parts[3]


@dataclass(frozen=True)
class UrlTemplate(Constraint):
    """The address of a page, with labels of a task in it."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no address whatever the labels are, and braces that are no label."""
        Str(_LONGEST).check(value)
        labels_in(value)
        scheme, place, rest = _split(value)
        if "@" in place:
            raise ValidationError("user and password cannot stand in the address of a page")
        Url(max_size=_LONGEST).check(scheme + _FIELD.sub("1", place) + _FIELD.sub("1", rest))

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "an address with labels, such as http://{pod_ip}:9100/metrics"
