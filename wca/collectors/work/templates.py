"""Paths and addresses with the labels of a task in them: ``/run/{task_name}/work``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wca.config.types import Constraint, Path
from wca.errors import NotAvailable, ValidationError

__all__ = ["PathTemplate", "fill", "fill_path", "labels_in"]

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
