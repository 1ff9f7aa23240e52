"""Which class a tag names."""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from wca.config.convert import Converter
from wca.config.hints import FACTORY, Parameter, signature_of
from wca.config.importing import load_class
from wca.config.suggest import did_you_mean
from wca.errors import ConfigLoadError

__all__ = ["Component", "Registry", "abstract_methods", "class_defect", "register"]

log = logging.getLogger(__name__)

_C = TypeVar("_C", bound=type)

# The one thing here that outlives a registry: a decorator has nowhere else to leave its mark.
_decorated: dict[type, bool] = {}


@overload
def register(cls: _C, *, strict_mode: bool = True) -> _C: ...
@overload
def register(cls: None = None, *, strict_mode: bool = True) -> Callable[[_C], _C]: ...
def register(cls: Any = None, *, strict_mode: bool = True) -> Any:
    """Make a class available in configuration files under its own name.

    Use it as ``@register``, ``@register(strict_mode=False)`` or ``register(SomeClass)``, in a
    module that is imported before the file is read, such as one that ``--register`` names.

    Args:
        cls: the class; returned as it is.
        strict_mode: refuse a field of the file whose parameter has no annotation; when false such
            a field is passed on unchecked.
    """

    def decorate(decorated: _C) -> _C:
        for old in [old for old in _decorated if _place(old) == _place(decorated)]:
            del _decorated[old]  # its module has been imported anew
        _decorated[decorated] = strict_mode
        return decorated

    return decorate if cls is None else decorate(cls)


@dataclass(frozen=True)
class Component:
    """A class that a tag names.

    Args:
        cls: the class.
        strict_mode: see ``register``.
        origin: who registered it, for messages.
    """

    cls: type
    strict_mode: bool
    origin: str

    @property
    def place(self) -> str:
        """``module:Class``."""
        return _place(self.cls)


def _place(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


class Registry:
    """Finds the class for a tag; imports nothing before it is asked for.

    A class from outside (added, decorated or installed) replaces a built-in one of the same name;
    two from outside with one name are an error.

    Args:
        built_in: tag to ``module:Class``.
        installed: the same for components of installed packages.
        decorated: classes to strict mode; those of ``register`` when None.
    """

    def __init__(
        self,
        built_in: Mapping[str, str] | None = None,
        installed: Mapping[str, str] | None = None,
        decorated: Mapping[type, bool] | None = None,
    ) -> None:
        self._built_in = dict(built_in or {})
        self._installed = dict(installed or {})
        self._decorated = _decorated if decorated is None else decorated
        self._added: dict[type, str] = {}
        self._found: dict[str, Component] = {}

    def add(self, cls: type, origin: str = "registered") -> None:
        """Register one class for this registry alone.

        Args:
            cls: its name is its tag.
            origin: who registers it, for messages.

        Raises:
            ConfigLoadError: another class has the name, or the class has a defect.
        """
        self._added[cls] = origin
        self._found.pop(cls.__name__, None)
        self.find(cls.__name__)

    def tags(self) -> list[str]:
        """All known names, without ``!``."""
        names = [cls.__name__ for cls in (*self._added, *self._decorated)]
        return sorted({*names, *self._installed, *self._built_in})

    def loaded(self) -> list[type]:
        """The classes that are imported already."""
        return [*self._added, *self._decorated, *(one.cls for one in self._found.values())]

    def find(self, tag: str) -> Component:
        """The class that ``!tag`` names.

        Raises:
            ConfigLoadError: there is none, there are two, or it cannot be imported.
        """
        if tag not in self._found:
            component = self._find(tag)
            defect = class_defect(component.cls, strict_mode=component.strict_mode)
            if defect:
                raise ConfigLoadError(f"{component.place} cannot be a component: {defect}")
            self._found[tag] = component
        return self._found[tag]

    def verify(self) -> None:
        """Look for two classes from outside with one name; import nothing.

        Raises:
            ConfigLoadError: there are; all of them are named.
        """
        problems = [self._conflict(tag) for tag in self.tags()]
        if any(problems):
            raise ConfigLoadError([problem for problem in problems if problem])

    def _find(self, tag: str) -> Component:
        conflict = self._conflict(tag)
        if conflict:
            raise ConfigLoadError(conflict)
        own = self._built_in.get(tag)
        component = self._from_outside(tag)
        if component is None and own is None:
            hint = did_you_mean(tag, self.tags(), prefix="!")
            raise ConfigLoadError(f"unknown component !{tag}{hint}")
        if component is None:
            return Component(load_class(own or ""), strict_mode=True, origin="built-in")
        if own is not None and own != component.place:
            log.info("!%s is %s and replaces the built-in %s", tag, component.place, own)
        return component

    def _given(self, tag: str) -> list[Component]:
        """The added and decorated classes of a name."""
        origins = {**dict.fromkeys(self._decorated, "@register"), **self._added}
        return [
            Component(cls, self._decorated.get(cls, True), origin)
            for cls, origin in origins.items()
            if cls.__name__ == tag
        ]

    def _conflict(self, tag: str) -> str:
        given = self._given(tag)
        named = [f"{component.place} ({component.origin})" for component in given]
        installed = self._installed.get(tag)
        if installed is not None and installed not in [component.place for component in given]:
            named.append(f"{installed} (installed)")
        if len(named) < 2:
            return ""
        return f"!{tag} names several classes: {', '.join(named)}; rename one or register only one"

    def _from_outside(self, tag: str) -> Component | None:
        given = self._given(tag)
        if given:
            return given[0]
        if tag in self._installed:
            return Component(load_class(self._installed[tag]), strict_mode=True, origin="installed")
        return None


def class_defect(cls: type, *, strict_mode: bool = True) -> str:
    """Why no file can ever build this class; empty when one can.

    In strict mode defaults are held against their own annotations, so that
    ``interval: Numeric(0, 60) = 99`` is found before a user relies on it.
    """
    signature = signature_of(cls)
    if signature.defect or not strict_mode:
        return signature.defect
    for parameter in signature.parameters.values():
        message = _default_defect(parameter)
        if message:
            return message
    return ""


def _default_defect(parameter: Parameter) -> str:
    default = parameter.default
    # None says "not given" whatever the annotation is; a factory is called by the constructor.
    if parameter.required or default is None or default is FACTORY:
        return ""
    converter = Converter()
    converter.convert(default, parameter.hint)
    if converter.issues:
        reason = "" if parameter.secret else f": {converter.issues[0].message}"
        return f"the default of {parameter.name!r} does not fit its annotation{reason}"
    return ""


def abstract_methods(cls: type) -> list[str]:
    """The methods that a class leaves to its subclasses, if it cannot be built for that."""
    return sorted(getattr(cls, "__abstractmethods__", ())) if inspect.isabstract(cls) else []
