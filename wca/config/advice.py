"""What to write instead, for the traps of YAML and of this configuration."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from wca.config.nodes import Node, Scalar
from wca.config.suggest import nearest
from wca.config.words import EnvText

__all__ = ["advice"]

_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _for_boolean(value: Any, _text: str, _tags: Iterable[str]) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word in _YES_NO:
        return f"write {_YES_NO[word]}"
    return f"write {word} without quotes" if word in ("true", "false") else ""


def _for_number(value: Any, _text: str, _tags: Iterable[str]) -> str:
    if isinstance(value, str) and len(value) < 40 and _is_numeric(value):
        return f"write {value} without quotes"
    return ""


def _for_text(value: Any, text: str, _tags: Iterable[str]) -> str:
    if isinstance(value, (bool, int, float, dt.date)) and text:
        return f"put it in quotes: '{text[:40]}'"
    return ""


def _for_list(value: Any, text: str, _tags: Iterable[str]) -> str:
    if isinstance(value, (str, int, float)) and 0 < len(text) <= 40:
        return f"write [{text}]"
    return ""


def _for_component(value: Any, _text: str, tags: Iterable[str]) -> str:
    options = list(tags)
    if isinstance(value, str):
        near = nearest(value, options)
        if near is not None:
            return f"write !{near}"
    if isinstance(value, (dict, str)):
        known = ", ".join(f"!{tag}" for tag in options[:6])
        return "write the tag of a component before it" + (f": {known}" if known else "")
    return ""


_RULES: dict[str, Callable[[Any, str, Iterable[str]], str]] = {
    "boolean": _for_boolean,
    "number": _for_number,
    "text": _for_text,
    "list": _for_list,
    "component": _for_component,
}


def advice(wanted: str, value: Any, node: Node, tags: Iterable[str] = ()) -> str:
    """What to write, as ``, write true``; empty where there is nothing to say.

    Args:
        wanted: the kind of value that the field takes.
        value: what was given.
        node: where it was given; its text is what the user wrote.
        tags: names of components that would fit.
    """
    rule = _RULES.get(wanted)
    if rule is None or isinstance(value, EnvText):
        return ""
    text = node.text if isinstance(node, Scalar) else ""
    words = rule(value, text, tags)
    return f", {words}" if words else ""
