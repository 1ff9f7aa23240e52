"""How values are named in messages: short, bounded, and without what must not be shown."""

import datetime as dt
import re
from typing import Any

__all__ = ["EnvText", "describe", "without_password"]

_LONGEST = 60
_PASSWORD_IN_URL = re.compile(r"(//)[^/\s@]*@")
_NAMES = {
    bool: "the boolean",
    int: "the number",
    float: "the number",
    str: "the text",
    dt.date: "the date",
    dt.datetime: "the date",
    bytes: "binary data",
}


class EnvText(str):
    """Text that came from the environment: an ordinary ``str``, except that it is never shown."""

    __slots__ = ()


def without_password(text: str) -> str:
    """The text with ``user:password@`` of an address replaced by ``***@``."""
    return _PASSWORD_IN_URL.sub(r"\1***@", text)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # Cut first: a value may be a megabyte.
        shown = without_password(value[: _LONGEST * 4])
        return repr(shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "...")
    if isinstance(value, int) and value.bit_length() > 128:
        return "of more than 38 digits"
    return str(value)


def describe(value: Any) -> str:
    """A value as a message names it: ``the text 'abc'``, ``a list``, ``a LogStorage``.

    Collections are never printed: a file can make one that is exponentially large.
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, EnvText):
        return "text from the environment (not shown)"
    kind = _NAMES.get(type(value))
    if kind == "binary data":
        return kind
    if kind is not None:
        return f"{kind} {_scalar(value)}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    return f"a {type(value).__name__}"
