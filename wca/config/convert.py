"""One value against one annotation: converted, or refused with the exact place and reason."""

import collections.abc as abc
import enum
import pathlib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import (
    Any,
    ForwardRef,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from wca.config.environment import read_scalar
from wca.config.expected import constraints_of, expected, values_of_enum
from wca.config.hints import UNANNOTATED
from wca.config.nodes import Path
from wca.config.suggest import did_you_mean, nearest
from wca.config.types import Constraint
from wca.config.words import EnvText, describe
from wca.errors import ValidationError

__all__ = ["MISSING", "Converter", "Issue", "MachineCheck", "Missing"]

_MOST_VALUES = 100_000
_MOST_ISSUES = 50


class Missing(enum.Enum):
    """Stands for a value that could not be made; why has been reported already."""

    MISSING = enum.auto()


MISSING = Missing.MISSING


@dataclass(frozen=True)
class Issue:
    """A refusal.

    Args:
        path: below the value that was converted.
        message: what is wrong.
        wanted: the kind of value that is accepted, for advice.
        hint: the annotation that refused.
        value: what was refused.
    """

    path: Path
    message: str
    wanted: str = ""
    hint: Any = None
    value: Any = None


@dataclass(frozen=True)
class MachineCheck:
    """A constraint that only the machine which runs the agent can answer."""

    path: Path
    constraint: Constraint
    value: Any


_ITEMS: Mapping[Any, Callable[[list[Any]], Any]] = {
    list: list,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    tuple: tuple,
    set: set,
    abc.Set: frozenset,
    abc.MutableSet: set,
    frozenset: frozenset,
}
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_UNCHECKED = (Any, object, UNANNOTATED)


class _TooManyValuesError(Exception):
    pass


@dataclass
class Converter:
    """Converts one argument; afterwards ``issues`` says why it failed, if it did."""

    issues: list[Issue] = field(default_factory=list)
    machine: list[MachineCheck] = field(default_factory=list)
    budget: list[int] = field(default_factory=lambda: [_MOST_VALUES])

    def convert(self, value: Any, hint: Any) -> Any:
        """The value as the constructor receives it, or MISSING.

        Args:
            value: as the file gives it, components built.
            hint: the annotation.
        """
        try:
            return self._value(value, hint, ())
        except _TooManyValuesError:
            return self._refuse((), f"more than {_MOST_VALUES} values, write fewer")

    def _value(self, value: Any, hint: Any, path: Path) -> Any:
        self.budget[0] -= 1
        if self.budget[0] < 0:
            # A file of a few lines can stand for billions of values through its aliases.
            raise _TooManyValuesError
        if value is MISSING or hint in _UNCHECKED:
            return value
        if isinstance(value, EnvText):
            return self._from_environment(value, hint, path)
        return self._convert(value, hint, path)

    def _convert(self, value: Any, hint: Any, path: Path) -> Any:
        base, constraints = constraints_of(hint)
        if constraints:
            return self._constrained(value, base, constraints, path)
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            return self._union(value, hint, path)
        if origin is Literal:
            return self._literal(value, hint, path)
        kind = hint if origin is None else origin
        if kind in _ITEMS:
            return self._items(value, hint, kind, path)
        if kind in _MAPPINGS:
            return self._mapping(value, hint, path)
        if is_typeddict(kind):
            return self._fields(value, kind, path)
        return self._single(value, hint, path)

    def _refuse(
        self, path: Path, message: str, wanted: str = "", hint: Any = None, value: Any = None
    ) -> Any:
        if len(self.issues) < _MOST_ISSUES:
            self.issues.append(Issue(path, message, wanted, hint, value))
        return MISSING

    def _unexpected(self, value: Any, hint: Any, path: Path, wanted: str = "") -> Any:
        message = f"expected {expected(hint)}, got {describe(value)}"
        return self._refuse(path, message, wanted, hint, value)

    def _attempt(self, value: Any, hint: Any, path: Path) -> tuple[Any, "Converter"]:
        """Convert on the side; the caller adopts the result or not."""
        other = Converter(budget=self.budget)
        return other._value(value, hint, path), other

    def _adopt(self, other: "Converter") -> None:
        self.issues += other.issues[: _MOST_ISSUES - len(self.issues)]
        self.machine += other.machine

    def _from_environment(self, value: EnvText, hint: Any, path: Path) -> Any:
        """The environment knows only text: where text does not fit, read it as YAML would."""
        first = Converter(budget=self.budget)
        made = first._convert(value, hint, path)
        scalar = read_scalar(value)
        if first.issues and not isinstance(scalar, str):
            made, second = self._attempt(scalar, hint, path)
            first = first if second.issues else second
        self._adopt(first)
        return MISSING if first.issues else made

    def _constrained(
        self, value: Any, base: Any, constraints: tuple[Constraint, ...], path: Path
    ) -> Any:
        made = value
        try:
            for constraint in constraints:
                made = constraint.convert(made)
            given, made = made, self._based(value, made, base, constraints, path)
            if made is None or made is MISSING:
                return made
            for constraint in constraints:
                # A whole number for a float is checked, and named in messages, as it was written.
                constraint.check(given if type(given) is int else made)
        except ValidationError as error:
            words = _words(constraints)
            if words and isinstance(value, str) and not isinstance(made, str):
                # The number behind `100s` was not written anywhere.
                return self._refuse(path, f"expected {words}, got {describe(value)}")
            return self._refuse(path, str(error), _kind(base), base, value)
        except _TooManyValuesError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may bring constraints of its own
            return self._refuse(path, f"cannot be checked ({type(error).__name__}: {error})")
        self.machine += [MachineCheck(path, one, made) for one in constraints if one.about_here()]
        return made

    def _based(
        self, value: Any, made: Any, base: Any, constraints: tuple[Constraint, ...], path: Path
    ) -> Any:
        """The plain type below the constraints; refusals speak of what the constraints accept."""
        if base in _UNCHECKED:
            return made
        made, attempt = self._attempt(made, base, path)
        words = _words(constraints)
        if attempt.issues and words and attempt.issues[0].path == path:
            message = f"expected {words}, got {describe(value)}"
            return self._refuse(path, message, _kind(base), base, value)
        self._adopt(attempt)
        return MISSING if attempt.issues else made

    def _union(self, value: Any, hint: Any, path: Path) -> Any:
        branches = get_args(hint)
        exact = [branch for branch in branches if branch is _plain_type(value)]
        attempts = []
        for branch in (*exact, *branches):
            made, attempt = self._attempt(value, branch, path)
            if not attempt.issues:
                self._adopt(attempt)
                return made
            attempts.append((branch, attempt))
        given = [found for found in attempts if found[0] is not type(None)]
        depth, deepest = max(
            ((max(len(issue.path) for issue in found.issues), found) for _, found in given),
            key=lambda item: item[0],
        )
        if depth > len(path) or len(given) == 1:
            self._adopt(deepest)
            return MISSING
        return self._unexpected(value, hint, path, _kind(hint))

    def _literal(self, value: Any, hint: Any, path: Path) -> Any:
        options = get_args(hint)
        for option in options:
            if type(option) is _plain_type(value) and option == value:
                return option
        return self._choice(value, hint, options, path)

    def _enum(self, value: Any, hint: type[enum.Enum], path: Path) -> Any:
        if isinstance(value, hint):
            return value
        options = values_of_enum(hint)
        for option in options:
            if type(option) is _plain_type(value) and option == value:
                return hint(option)
        return self._choice(value, hint, options, path)

    def _choice(self, value: Any, hint: Any, options: abc.Sequence[Any], path: Path) -> Any:
        message = f"expected {expected(hint)}, got {describe(value)}"
        if isinstance(value, str) and not isinstance(value, EnvText):
            near = nearest(value, [option for option in options if isinstance(option, str)])
            message += f", did you mean {near!r}?" if near is not None else ""
        wanted = "text" if all(isinstance(option, str) for option in options) else ""
        return self._refuse(path, message, wanted, hint, value)

    def _items(self, value: Any, hint: Any, kind: Any, path: Path) -> Any:
        if not isinstance(value, (list, tuple, set, frozenset)):
            return self._unexpected(value, list, path, "list")
        hints = get_args(hint)
        if kind is tuple and hints and hints[-1] is not Ellipsis:
            if len(hints) != len(value):
                message = f"expected a list of {len(hints)} items, got {len(value)}"
                return self._refuse(path, message, "list", hint, value)
        elif hints:
            hints = (hints[0],) * len(value)
        made = [
            self._value(item, hints[index] if hints else Any, (*path, index))
            for index, item in enumerate(value)
        ]
        if any(item is MISSING for item in made):
            return MISSING
        if isinstance(value, list) and _ITEMS[kind] is list and _same(made, value):
            return value  # what an anchor shares stays one object
        try:
            return _ITEMS[kind](made)
        except TypeError:
            return self._refuse(path, "a set cannot hold lists or mappings")

    def _mapping(self, value: Any, hint: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._unexpected(value, dict, path, "mapping")
        key_hint, value_hint = get_args(hint) or (Any, Any)
        made = {}
        for key, item in value.items():
            made_key, attempt = self._attempt(key, key_hint, (*path, key))
            for issue in attempt.issues:
                self._refuse(issue.path, f"the key: {issue.message}", issue.wanted, key_hint, key)
            made[made_key] = self._value(item, value_hint, (*path, key))
        if MISSING in made or any(item is MISSING for item in made.values()):
            return MISSING
        unchanged = _same(made, value) and _same(made.values(), value.values())
        return value if unchanged else made

    def _fields(self, value: Any, hint: Any, path: Path) -> Any:
        """A mapping whose keys are known, each with a type of its own: a ``TypedDict``."""
        if not isinstance(value, dict):
            return self._unexpected(value, dict, path, "mapping")
        hints = {
            key: get_args(one)[0] if get_origin(one) in (Required, NotRequired) else one
            for key, one in get_type_hints(hint, include_extras=True).items()
        }
        for key in value.keys() - hints.keys():
            self._refuse((*path, key), f"unknown field{did_you_mean(str(key), hints)}")
        for key in hint.__required_keys__ - value.keys():
            self._refuse(path, f"{key} is missing")
        made = {
            key: self._value(item, hints[key], (*path, key))
            for key, item in value.items()
            if key in hints
        }
        complete = made.keys() == value.keys() and hint.__required_keys__ <= made.keys()
        return MISSING if not complete or any(one is MISSING for one in made.values()) else made

    def _single(self, value: Any, hint: Any, path: Path) -> Any:
        if isinstance(hint, NewType):
            return self._value(value, hint.__supertype__, path)
        if hint is None:
            hint = type(None)
        if isinstance(hint, (str, ForwardRef, TypeVar)) or not isinstance(hint, type):
            hint = get_origin(hint)  # Foo[int]: whether it is a Foo can be told, the rest not
        if not isinstance(hint, type) or hint is type:
            return value
        if issubclass(hint, enum.Enum):
            return self._enum(value, hint, path)
        if hint in _SCALARS:
            return self._scalar(value, hint, path)
        return self._instance(value, hint, path)

    def _scalar(self, value: Any, hint: Any, path: Path) -> Any:
        given = _plain_type(value)
        if hint is float and given is int:
            try:
                return float(value)
            except OverflowError:
                return self._refuse(path, "the number is too large")
        if given is hint:
            return str(value) if hint is str else value
        return self._unexpected(value, hint, path, _kind(hint))

    def _instance(self, value: Any, hint: type, path: Path) -> Any:
        if hint in (pathlib.Path, pathlib.PurePath) and isinstance(value, str):
            return pathlib.Path(value)
        try:
            fits = isinstance(value, hint)
        except TypeError:  # a protocol that is not made for checks at run time
            return value
        return value if fits else self._unexpected(value, hint, path, "component")


_SCALARS = (bool, int, float, str, type(None))
_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}


def _kind(hint: Any) -> str:
    """The kind of value that a hint takes, for advice: that of its only or first branch."""
    hint, _ = constraints_of(hint)
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [_kind(branch) for branch in get_args(hint) if branch is not type(None)]
        return kinds[0] if len(set(kinds)) == 1 else ""
    if is_typeddict(hint):
        return "mapping"
    return _KINDS.get(hint, "component" if isinstance(hint, type) else "")


def _words(constraints: tuple[Constraint, ...]) -> str:
    """What the last constraint that has words accepts."""
    return next((one.expected() for one in reversed(constraints) if one.expected()), "")


def _plain_type(value: Any) -> type:
    return str if isinstance(value, EnvText) else type(value)


def _same(made: abc.Iterable[Any], given: abc.Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(made, given, strict=True))
