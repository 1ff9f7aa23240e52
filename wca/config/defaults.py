"""Values as a configuration file has them, in one line."""

import enum
import json
import re
from typing import Any

from wca.config.hints import FACTORY, NO_DEFAULT

__all__ = ["yaml_of", "yaml_text"]

#: What means itself without quotes: words, paths and addresses, and amounts with a unit.
_PLAIN = re.compile(
    r"[a-zA-Z/][\w./@%+=-]*(:[\w./@%+=-]+)*|\d+(\.\d+)?(ms|[smhd]|[kKMGT]?i?B|%)", re.ASCII
)
_OTHERS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def yaml_text(text: str) -> str:
    """A text, in quotes where it would mean something else without."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _OTHERS
    return text if plain else json.dumps(text, ensure_ascii=False)


def yaml_of(default: Any) -> str:
    """A default as YAML in one line; empty: it cannot be written in a file.

    Args:
        default: of a parameter; one that is made anew, or that there is not, cannot be written.
    """
    if default is FACTORY or default is NO_DEFAULT:
        return ""
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, (set, frozenset)):
        default = sorted(default)
    if isinstance(default, str):
        return yaml_text(default)
    try:
        return json.dumps(default, ensure_ascii=False)
    except TypeError:
        return ""
