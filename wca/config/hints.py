"""What a class's constructor takes: names, resolved annotations, defaults."""

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from wca.config.types import Constraint, Injected, Secret

__all__ = [
    "FACTORY",
    "NO_DEFAULT",
    "UNANNOTATED",
    "Parameter",
    "Signature",
    "as_constraint",
    "signature_of",
]

NO_DEFAULT = inspect.Parameter.empty
UNANNOTATED = inspect.Parameter.empty
FACTORY: Any = object()
"""The default of a dataclass field that a factory makes, or of an optional key."""
_NEEDED = (typing.Required, typing.NotRequired)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One constructor parameter that a file may give.

    Args:
        name: as it is written in the file.
        hint: the resolved annotation; ``UNANNOTATED`` for none, ``Any`` where ``unresolved``.
        default: ``NO_DEFAULT`` for a required one, ``FACTORY`` for one that is made anew.
        unresolved: why the annotation could not be resolved; empty when it was.
    """

    name: str
    hint: Any
    default: Any = NO_DEFAULT
    unresolved: str = ""

    @property
    def required(self) -> bool:
        """Whether a file must give it."""
        return self.default is NO_DEFAULT

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        return _mentions(self.hint, Secret)

    @property
    def secret_keys(self) -> frozenset[str]:
        """Keys of its mapping, a ``TypedDict``, whose values are never shown."""
        return frozenset(
            key
            for one in (self.hint, *_parts(self.hint))
            if typing.is_typeddict(one)
            for key, hint in typing.get_type_hints(one, include_extras=True).items()
            if _mentions(hint, Secret)
        )


@dataclasses.dataclass(frozen=True)
class Signature:
    """The constructor of a class, as a file sees it.

    Args:
        parameters: by name, in the order of the constructor; injected ones are left out.
        others: the hint of further fields, where the constructor has ``**kwargs``; else None.
        defect: why the class cannot be built from fields at all; empty when it can.
        bases: field under which those of a base class may stand together, to the name of the class;
            see ``wca.config.inherited``.
        taken: names of the parameters that are fields of base classes.
    """

    parameters: Mapping[str, Parameter]
    others: Parameter | None = None
    defect: str = ""
    bases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taken: frozenset[str] = frozenset()


def as_constraint(hint: Any) -> Constraint | None:
    """The constraint that a hint is: a bare class (``Path``) or a called one (``Path(True)``)."""
    if isinstance(hint, Constraint):
        return hint
    if isinstance(hint, type) and issubclass(hint, Constraint):
        return hint()
    return None


def _mentions(hint: Any, marker: type[Constraint], depth: int = 0) -> bool:
    if isinstance(as_constraint(hint), marker):
        return True
    return depth < 16 and any(_mentions(part, marker, depth + 1) for part in get_args(hint))


def _parts(hint: Any, depth: int = 0) -> Iterator[Any]:
    """What a union or an annotation is made of, at any depth."""
    for part in get_args(hint) if depth < 16 else ():
        yield part
        yield from _parts(part, depth + 1)


@functools.cache
def signature_of(cls: type) -> Signature:
    """Inspect a class once.

    Every annotation is resolved alone, in the module of the class that wrote it, so that one name
    that exists for type checkers only costs the check of one field.
    """
    try:
        found = inspect.signature(cls)
    except (TypeError, ValueError) as error:
        return Signature({}, defect=f"its constructor cannot be inspected ({error})")
    parameters: dict[str, Parameter] = {}
    others = None
    for name, parameter in found.parameters.items():
        made = _parameter(cls, parameter)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            return Signature({}, defect=f"its parameter {name!r} is positional-only")
        if parameter.kind is parameter.VAR_KEYWORD:
            unpacked = _unpacked(made.hint)
            parameters.update(unpacked)
            others = None if unpacked else made
        elif parameter.kind is not parameter.VAR_POSITIONAL and not _mentions(made.hint, Injected):
            parameters[name] = made
    init = getattr(cls, "__init__")  # noqa: B009 - mypy minds the dot
    bases: Mapping[str, str] = getattr(init, "fields_of", {})
    taken: frozenset[str] = getattr(init, "fields_taken", frozenset())
    return Signature(types.MappingProxyType(parameters), others, bases=bases, taken=taken)


def _unpacked(hint: Any) -> dict[str, Parameter]:
    """The fields of ``**fields: Unpack[...]`` of a TypedDict (PEP 692).

    This is how a constructor takes fields that are words of Python, such as ``for``.
    """
    if typing.get_origin(hint) is not typing.Unpack:
        return {}
    (fields,) = get_args(hint)
    return {
        name: Parameter(
            name,
            get_args(one)[0] if typing.get_origin(one) in _NEEDED else one,
            NO_DEFAULT if name in fields.__required_keys__ else FACTORY,
        )
        for name, one in typing.get_type_hints(fields, include_extras=True).items()
    }


def _parameter(cls: type, parameter: inspect.Parameter) -> Parameter:
    annotation, default = parameter.annotation, parameter.default
    made = getattr(cls, "__dataclass_fields__", {}).get(parameter.name)
    if made is not None and made.default_factory is not dataclasses.MISSING:
        default = FACTORY
    if annotation is inspect.Parameter.empty:
        return Parameter(parameter.name, UNANNOTATED, default)
    reason = ""
    for names in _namespaces(cls, parameter.name):
        try:
            hint = _resolve(annotation, *names)
            hash(hint)  # a list where an annotation belongs is none
        except Exception as error:  # noqa: BLE001 - an annotation is an expression of a plugin
            reason = reason or f"{type(error).__name__}: {error}"
        else:
            return Parameter(parameter.name, hint, default)
    return Parameter(parameter.name, _fallback(str(annotation)), default, reason)


def _fallback(annotation: str) -> Any:
    """The hint where an annotation cannot be resolved: no check, but a marker in it still holds."""
    for marker in (Secret, Injected):
        if marker.__name__ in annotation:
            return Annotated[Any, marker()]
    return Any


def _resolve(annotation: Any, names: dict[str, Any], local: dict[str, Any]) -> Any:
    if isinstance(annotation, dataclasses.InitVar):
        annotation = annotation.type
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    hints = typing.get_type_hints(holder, names, local, include_extras=True)
    resolved = hints["it"]
    return resolved.type if isinstance(resolved, dataclasses.InitVar) else resolved


def _namespaces(cls: type, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Where the annotation of a parameter may be looked up, the likeliest first."""
    owner = next((base for base in cls.__mro__ if "__init__" in vars(base)), cls)
    function = inspect.unwrap(vars(owner).get("__init__", cls.__new__))
    code = getattr(function, "__code__", None)
    written = ("", {}) if code is None else (code.co_filename, function.__globals__)
    if not written[0].startswith("<"):
        yield written[1], dict(vars(owner))  # written by hand, so in the module of the function
    # Generated, as by @dataclass: every field belongs to the class that annotates it.
    for base in cls.__mro__:
        if name in _own_annotations(base):
            module = sys.modules.get(base.__module__)
            yield dict(vars(module)) if module else {}, dict(vars(base))
    yield dict(written[1]), dict(vars(owner))


def _own_annotations(cls: type) -> Mapping[str, Any]:
    try:
        return inspect.get_annotations(cls)
    except Exception:  # noqa: BLE001 - later Pythons evaluate them here
        return {}
