"""``!Env``: text from the environment, whole (``!Env NAME``) or in a template."""

import re
from collections.abc import Mapping

from wca.config.words import EnvText

__all__ = ["EnvProblem", "read_scalar", "resolve"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(r"\$\$|\$\{([^}:]*)(?::-([^}]*))?\}", re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_USAGE = 'write !Env NAME, or !Env "text ${NAME} or ${NAME:-default}"'


class EnvProblem(Exception):  # noqa: N818 - it becomes a line of a report
    """The text after ``!Env`` cannot be understood; the message says what to write."""


def resolve(text: str, environ: Mapping[str, str]) -> tuple[EnvText, list[str]]:
    """The text with its references replaced, and the names that have neither value nor default.

    An empty variable counts as unset where the reference has a default, as in a shell.

    Raises:
        EnvProblem: the text is neither a name nor a template.
    """
    if "$" not in text:
        if not _NAME.fullmatch(text):
            raise EnvProblem(f"!Env takes the name of a variable, {_USAGE}")
        return EnvText(environ.get(text, "")), [] if text in environ else [text]
    unset: list[str] = []

    def replace(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, default = found[1], found[2]
        if not _NAME.fullmatch(name):
            raise EnvProblem(f"{name!r} is not the name of a variable, {_USAGE}")
        value = environ.get(name)
        if value is None and default is None:
            unset.append(name)
        return (value or default or "") if default is not None else (value or "")

    if "$" in _REFERENCE.sub("", text):
        raise EnvProblem(f"a '$' stands alone, write $$ for a dollar sign; otherwise {_USAGE}")
    return EnvText(_REFERENCE.sub(replace, text)), unset


def read_scalar(text: str) -> object:
    """The text as YAML 1.2 reads a plain scalar: null, true, 5 or 0.5; otherwise the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("null", "~", ""):
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
