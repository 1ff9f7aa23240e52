"""The problems of one configuration: collected, not raised, so that one run shows them all."""

import re
from dataclasses import dataclass, field

from wca.config.nodes import Mark, Path
from wca.errors import ConfigLoadError

__all__ = ["Problems", "format_path", "one_line"]

_LONGEST = 600
_MOST = 200
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


def format_path(path: Path) -> str:
    """``runner.node.tasks[0].labels['a b']`` from its steps."""
    text = ""
    for step in path:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return one_line(text, 200)


def one_line(text: str, longest: int = _LONGEST) -> str:
    """The text on one printable line of bounded length."""
    text = " ".join(text[: longest * 4].split())
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return text if len(text) <= longest else text[: longest - 3] + "..."


@dataclass
class Problems:
    """Collects ``file:line:column: path: what is wrong, what to write``."""

    _found: dict[tuple[Mark, str], str] = field(default_factory=dict)
    _files: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, mark: Mark, path: Path, message: str) -> None:
        """Report one problem; the same words at the same place count once."""
        if mark.file not in self._files:
            self._files.append(mark.file)
        where = format_path(path)
        message = one_line(message)
        line = f"{mark}: {where}: {message}" if where else f"{mark}: {message}"
        self._found.setdefault((mark, message), line)

    def lines(self) -> list[str]:
        """All problems in the order of the files."""
        order = {name: number for number, name in enumerate(self._files)}
        ordered = sorted(
            self._found.items(),
            key=lambda item: (order[item[0][0].file], item[0][0].line, item[0][0].column),
        )
        lines = [line for _, line in ordered]
        if len(lines) > _MOST:
            lines[_MOST:] = [f"... and {len(lines) - _MOST} more problems"]
        return lines

    def raise_if_any(self) -> None:
        """Raise them all.

        Raises:
            ConfigLoadError: at least one problem has been reported.
        """
        if self._found:
            raise ConfigLoadError(self.lines())
