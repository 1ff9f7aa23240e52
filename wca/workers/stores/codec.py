"""The data classes of worker monitoring as JSON text, and back.

A field that the text lacks gets its default, and one that the class does not have is left out: so
a WCA reads what the version before it has written, and the one after.
"""

import dataclasses
import functools
import json
import logging
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

__all__ = ["PART", "VERSION", "decoded", "decoded_all", "encoded"]

log = logging.getLogger(__name__)

#: What is kept, in messages, and the version of it: counted up when the WCA of the version before
#: could misunderstand what is written.
PART = "worker states"
VERSION = 1

_T = TypeVar("_T")


def encoded(value: Any) -> str:
    """A data class as JSON, in ASCII."""
    return json.dumps(_plain(value), separators=(",", ":"))


def decoded(kind: type[_T], text: str | bytes) -> _T:
    """The data class that a text was made of.

    Args:
        kind: the class.
        text: JSON.

    Raises:
        ValueError: the text is not JSON of that class; says what is wrong.
    """
    return cast("_T", _built(kind, json.loads(text)))


def decoded_all(kind: type[_T], texts: Iterable[str | bytes], place: str) -> list[_T]:
    """Those that can be read; one that cannot is logged and left out.

    Args:
        kind: the class.
        texts: JSON of each.
        place: where they are kept, for the log.
    """
    found = []
    for text in texts:
        try:
            found.append(decoded(kind, text))
        except (ValueError, RecursionError) as error:
            log.warning("%s: a %s cannot be read and is left out: %s", place, kind.__name__, error)
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    """The fields of a data class and their types."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _built(hint: Any, data: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(hint), data)
    if origin is not None:
        return _container(origin, get_args(hint), data)
    if dataclasses.is_dataclass(hint):
        return _instance(hint, data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, hint) or (isinstance(data, bool) and hint is not bool):
        raise ValueError(f"expected {hint.__name__}, got {type(data).__name__}")
    return data


def _one_of(hints: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in hints:
        return None
    return _built(next(hint for hint in hints if hint is not type(None)), data)


def _container(origin: Any, hints: tuple[Any, ...], data: Any) -> Any:
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"expected a list, got {type(data).__name__}")
        return tuple(_built(hints[0], one) for one in data)
    return {key: _built(hints[1], one) for key, one in _object(data).items()}


def _object(data: Any) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise ValueError(f"expected an object, got {type(data).__name__}")


def _instance(kind: Any, data: Any) -> Any:
    fields = _fields(kind)
    given = _object(data)
    values = {name: _built(fields[name], one) for name, one in given.items() if name in fields}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(str(error)) from None
