"""JSON Schema of configuration files, for editors.

A tag is not part of what a schema sees: below a field for a component stands what one of those that
fit takes. Editors learn the tags themselves from ``custom_tags``.
"""

import enum
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints, is_typeddict

from wca.config.defaults import plain
from wca.config.expected import constraints_of, expected, values_of_enum
from wca.config.hints import FACTORY, UNANNOTATED, Parameter, signature_of
from wca.config.reference import about, meanings
from wca.config.types import Duration, Numeric, Ratio, Size, Str

__all__ = ["Schema", "custom_tags", "file_schema"]

Schema = dict[str, Any]
Candidates = Callable[[type], Iterable[str]]

_PLAIN: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    NoneType: {"type": "null"},
}
_LISTS = (list, tuple, set, frozenset)


def file_schema(classes: Mapping[str, type], runner: type, candidates: Candidates) -> Schema:
    """The schema of a whole file.

    Args:
        classes: of the components by tag.
        runner: the class of what ``runner:`` names.
        candidates: tags of the components that can stand where a class is wanted.
    """
    builder = _Builder(candidates)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "WCA configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["runner"],
        "properties": {
            "runner": builder.of_class(runner),
            "loggers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "levels by module: critical, error, warning, info, debug, trace",
            },
        },
        "definitions": {tag: builder.component(cls) for tag, cls in classes.items()},
    }


def custom_tags(classes: Iterable[str]) -> list[str]:
    """What ``yaml.customTags`` of an editor has to be.

    Args:
        classes: tags of the components; one without fields stands alone.
    """
    tags = [f"!{tag} {kind}" for tag in classes for kind in ("mapping", "scalar")]
    return [*tags, "!Env scalar", "!File scalar"]


class _Builder:
    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def component(self, cls: type) -> Schema:
        """What may stand below the tag of a component."""
        signature, known = signature_of(cls), meanings(cls)
        parameters, bases = signature.parameters, signature.bases
        properties = {
            name: self._field(one, known.get(name, "")) for name, one in parameters.items()
        }
        # Fields may stand below the name of a base class as well, or below config.
        properties.update({name: {} for name in (*bases, "config") if name not in properties})
        schema: Schema = {
            "description": about(cls),
            "properties": properties,
            "additionalProperties": signature.others is not None,
        }
        required = [name for name, one in parameters.items() if one.required]
        if required and not bases:
            return {**schema, "type": "object", "required": required}
        # A tag with nothing behind it is an empty text to an editor.
        return {**schema, "type": ["object", "null", "string"], "maxLength": 0}

    def of_class(self, cls: type) -> Schema:
        """One of the components that are a class; anything where none is known."""
        fitting = sorted(set(self._candidates(cls)))
        return {"anyOf": [{"$ref": f"#/definitions/{tag}"} for tag in fitting]} if fitting else {}

    def of_hint(self, hint: Any) -> Schema:
        """What an annotation accepts."""
        base, constraints = constraints_of(hint)
        for constraint in reversed(constraints):
            if isinstance(constraint, (Duration, Size, Ratio)):
                return {"type": ["number", "string"]}
            if isinstance(constraint, Numeric):
                return {"type": "number", **_bounds(constraint)}
            if isinstance(constraint, Str):
                return {"type": "string", "maxLength": constraint.max_size}
        if isinstance(base, NewType):
            return self.of_hint(base.__supertype__)
        if base in _PLAIN:
            return dict(_PLAIN[base])
        if get_origin(base) is not None:
            return self._generic(get_origin(base), get_args(base))
        return self._other(base)

    def _generic(self, origin: Any, parts: tuple[Any, ...]) -> Schema:
        if origin in (Union, UnionType):
            return {"anyOf": [self.of_hint(part) for part in parts]}
        if origin is Literal:
            return {"enum": list(parts)}
        if inspect.isclass(origin) and issubclass(origin, Mapping):
            return {"type": _OR_NOTHING, "additionalProperties": self.of_hint(parts[1])}
        if origin in _LISTS:
            return {"type": "array", "items": self.of_hint(parts[0])}
        return {}

    def _other(self, base: Any) -> Schema:
        if is_typeddict(base):
            hints = get_type_hints(base, include_extras=True)
            return {
                "type": "object",
                "properties": {name: self.of_hint(hint) for name, hint in hints.items()},
            }
        if not inspect.isclass(base) or base is object:
            return {}
        if issubclass(base, enum.Enum):
            return {"enum": values_of_enum(base)}
        if issubclass(base, dict):
            return {"type": _OR_NOTHING}
        return {"type": "array"} if issubclass(base, _LISTS) else self.of_class(base)

    def _field(self, parameter: Parameter, meaning: str) -> Schema:
        schema = {} if parameter.hint is UNANNOTATED else self.of_hint(parameter.hint)
        accepted = "" if parameter.hint is UNANNOTATED else expected(parameter.hint)
        schema["description"] = f"{meaning} ({accepted})".strip()
        if not parameter.required and parameter.default is not FACTORY:
            default, known = plain(parameter.default)
            if known:
                schema["default"] = default
        return schema


_OR_NOTHING = ["object", "null"]


def _bounds(one: Numeric) -> Schema:
    found = {"minimum": one.min_value, "maximum": one.max_value}
    return {
        name: bound for name, bound in found.items() if bound is not None and math.isfinite(bound)
    }
