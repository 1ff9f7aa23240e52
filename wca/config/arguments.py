"""One argument of a component: held against its annotation, refusals reported where they belong."""

from typing import Any

from wca.config.advice import advice
from wca.config.convert import MISSING, Converter, Issue
from wca.config.expected import constraints_of, expected
from wca.config.hints import FACTORY, UNANNOTATED, Parameter
from wca.config.machine import Machine
from wca.config.nodes import Entry, Node, Path, locate
from wca.config.problems import Problems
from wca.config.registry import Component, Registry, abstract_methods
from wca.config.secrets import hidden_texts, scrub

__all__ = ["Arguments"]


class Arguments:
    """Converts arguments.

    Args:
        registry: for the tags that a message suggests.
        problems: where refusals go.
        machine: where constraints on the machine go.
    """

    def __init__(self, registry: Registry, problems: Problems, machine: Machine) -> None:
        self.warnings: list[str] = []
        self._registry = registry
        self._problems = problems
        self._machine = machine

    def convert(
        self, component: Component, parameter: Parameter, value: Any, entry: Entry, path: Path
    ) -> Any:
        """What the constructor receives for a field, or MISSING when the field is refused.

        Args:
            component: whose field it is.
            parameter: the field.
            value: as the file gives it, components built.
            entry: where it stands in the file.
            path: of the field.
        """
        if not self._has_usable_annotation(component, parameter, entry, path):
            return MISSING
        if value is None and parameter.default is None:
            return None  # `x: str = None` accepts what it defaults to
        converter = Converter()
        made = converter.convert(value, parameter.hint)
        for issue in converter.issues:
            self._refuse(issue, parameter, value, entry.value, path)
        if converter.issues:
            return MISSING
        for check in converter.machine:
            place = locate(entry.value, check.path)
            self._machine.check(check, place, (*path, *check.path), secret=parameter.secret)
        return made

    def check_default(self, parameter: Parameter, node: Node, path: Path) -> None:
        """What a file leaves out has to hold on the machine, too: a default path, say.

        Args:
            parameter: a field that the file does not give.
            node: of the component.
            path: of the field.
        """
        if parameter.required or parameter.default is None or parameter.default is FACTORY:
            return
        converter = Converter()
        converter.convert(parameter.default, parameter.hint)
        for check in converter.machine:
            self._machine.check(check, node, path, secret=parameter.secret)

    def _has_usable_annotation(
        self, component: Component, parameter: Parameter, entry: Entry, path: Path
    ) -> bool:
        if not component.strict_mode:
            return True
        where = f"the parameter {parameter.name!r} of {component.place}"
        if parameter.hint is UNANNOTATED:
            message = f"{where} has no annotation: give it one, or use @register(strict_mode=False)"
            self._problems.add(entry.value.mark, path, message)
            return False
        if parameter.unresolved:
            reason = f"its annotation cannot be resolved ({parameter.unresolved})"
            self.warnings.append(f"{where} is not checked: {reason}")
        return True

    def _refuse(
        self, issue: Issue, parameter: Parameter, value: Any, node: Node, path: Path
    ) -> None:
        place = locate(node, issue.path)
        if _is_secret(parameter, value, issue.path):
            hint = issue.hint if issue.path and not parameter.secret else parameter.hint
            message = f"expected {expected(hint)}; the value is secret and not shown"
        else:
            tags = self._fitting(issue.hint) if issue.wanted == "component" else []
            message = issue.message + advice(issue.wanted, issue.value, place, tags)
            message = scrub(message, hidden_texts([value]))
        self._problems.add(place.mark, (*path, *issue.path), message)

    def _fitting(self, hint: Any) -> list[str]:
        """Tags of components that a field takes: by class where loaded, otherwise by name."""
        base, _ = constraints_of(hint)
        if not isinstance(base, type):
            return []
        loaded = {
            cls.__name__
            for cls in self._registry.loaded()
            if issubclass(cls, base) and not abstract_methods(cls)
        }
        named = {tag for tag in self._registry.tags() if tag.endswith(base.__name__)}
        return sorted(loaded | named)


def _is_secret(parameter: Parameter, value: Any, path: Path) -> bool:
    """Whether what is wrong at a path below a field must not be shown."""
    if parameter.secret or not parameter.secret_keys:
        return parameter.secret
    # A secret may stand where the whole mapping should be.
    return path[0] in parameter.secret_keys if path else not isinstance(value, dict)
