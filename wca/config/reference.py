"""The reference of a component, from its constructor and its docstring."""

import inspect
import re
from typing import Any

from wca.config.expected import expected
from wca.config.hints import FACTORY, UNANNOTATED, Parameter, signature_of

__all__ = ["about", "component_reference", "meanings"]

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Example):$", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (\w+): ((?:.|\n      )*)", re.MULTILINE)


def component_reference(cls: type) -> str:
    """Markdown: what the component is for and a table of its fields.

    Args:
        cls: the class; its docstring has Google's sections.
    """
    arguments = meanings(cls)
    lines = [about(cls), ""]
    parameters = signature_of(cls).parameters.values()
    if parameters:
        lines += ["| field | accepts | default | meaning |", "|---|---|---|---|"]
        lines += [_row(parameter, arguments.get(parameter.name, "")) for parameter in parameters]
    else:
        lines += ["It has no fields."]
    return "\n".join(lines) + "\n"


def about(cls: type) -> str:
    """What a component is for: its docstring before the first section."""
    return _docstring(cls)[0]


def meanings(cls: type) -> dict[str, str]:
    """What each field means, by its name.

    Args:
        cls: the class; what it takes from its base is described there.
    """
    found: dict[str, str] = {}
    for base in cls.__mro__:
        found = {**_docstring(base)[1], **found}
    return found


def _docstring(cls: type) -> tuple[str, dict[str, str]]:
    """What stands before the first section, and the description of each argument."""
    text = inspect.getdoc(cls) or ""
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found = _ARGUMENT.findall(sections.get("Args", ""))
    return parts[0].strip().replace("``", "`"), {name: _flat(words) for name, words in found}


def _row(parameter: Parameter, meaning: str) -> str:
    accepted = "anything" if parameter.hint is UNANNOTATED else expected(parameter.hint)
    cells = (f"`{parameter.name}`", accepted, _default(parameter), meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is FACTORY:
        return ""
    shown: Any = parameter.default
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _flat(words: str) -> str:
    return " ".join(words.split()).replace("``", "`")
