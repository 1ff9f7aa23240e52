"""Values as a configuration file has them, in one line."""

import enum
import json
import re
from typing import Any

from wca.config.hints import FACTORY, NO_DEFAULT

__all__ = ["plain", "yaml_of", "yaml_text"]

#: What means itself without quotes: words, paths and addresses, and amounts with a unit.
_PLAIN = re.compile(
    r"[a-zA-Z/][\w./@%+=-]*(:[\w./@%+=-]+)*|\d+(\.\d+)?(ms|[smhd]|[kKMGT]?i?B|%)", re.ASCII
)
_OTHERS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def yaml_text(text: str) -> str:
    """A text, in quotes where it would mean something else without."""
    means_itself = _PLAIN.fullmatch(text) and text.lower() not in _OTHERS
    return text if means_itself else json.dumps(text, ensure_ascii=False)


def plain(default: Any) -> tuple[Any, bool]:
    """A default as what JSON has, and whether there is such a thing.

    Args:
        default: of a parameter; one that is made anew, or that there is not, is none.
    """
    if default is FACTORY or default is NO_DEFAULT:
        return None, False
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, (set, frozenset)):
        default = sorted(default)
    try:
        json.dumps(default, allow_nan=False)
    except (TypeError, ValueError):
        return None, False
    return default, True


def yaml_of(default: Any) -> str:
    """A default as YAML in one line; empty: it cannot be written in a file.

    Args:
        default: see ``plain``.
    """
    value, known = plain(default)
    if not known:
        return ""
    return yaml_text(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
