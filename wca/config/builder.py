"""Marked nodes to objects: children first, every problem reported, nothing half built."""

from collections.abc import Container
from collections.abc import Mapping as AbcMapping
from dataclasses import dataclass, field
from typing import Any

from wca.abilities import ability_problems
from wca.config.arguments import Arguments
from wca.config.convert import MISSING
from wca.config.environment import EnvProblem, resolve
from wca.config.expected import expected
from wca.config.fields import Fields, fields_of
from wca.config.hints import UNANNOTATED, Parameter, Signature, signature_of
from wca.config.machine import Machine
from wca.config.nodes import Broken, Entry, Node, Path, Scalar, Sequence, children
from wca.config.problems import Problems
from wca.config.registry import Component, Registry, abstract_methods
from wca.config.secrets import hidden_texts, scrub
from wca.errors import ConfigLoadError, WcaError

__all__ = ["Builder", "Built"]


@dataclass(eq=False)
class Built:
    """One component of the file.

    Args:
        name: the tag without ``!``.
        node: where it is written.
        path: where it stands, by its first use.
        fields: what the file gives it, by parameter name.
        secrets: the names among them whose values are never shown.
        secret_keys: name of a field that is a mapping to those of its keys.
        defaults: what the file does not give it, by parameter name; FACTORY for what is made anew.
        arguments: what its constructor is given of the fields, converted.
        instance: the object; MISSING when it could not be built.
    """

    name: str
    node: Node
    path: Path
    fields: dict[str, Entry] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    secret_keys: AbcMapping[str, frozenset[str]] = field(default_factory=dict)
    defaults: AbcMapping[str, Any] = field(default_factory=dict)
    arguments: AbcMapping[str, Any] = field(default_factory=dict)
    instance: Any = MISSING


class Builder:
    """Builds the objects of one document.

    Args:
        registry: which class a tag names.
        problems: where problems go.
        machine: where constraints on the machine go.
        environ: the environment that ``!Env`` reads.
        same: earlier components that stand for some of this document, by the identity of its nodes:
            all is looked at as if there were none, and then they are taken instead of new ones.
    """

    def __init__(
        self,
        registry: Registry,
        problems: Problems,
        machine: Machine,
        environ: AbcMapping[str, str],
        same: AbcMapping[int, "Built"] | None = None,
    ) -> None:
        self.components: dict[int, Built] = {}
        self.finished: list[Built] = []
        self._registry = registry
        self._problems = problems
        self._machine = machine
        self._environ = environ
        self._arguments = Arguments(registry, problems, machine)
        self._values: dict[int, Any] = {}
        self._same = same or {}

    @property
    def warnings(self) -> list[str]:
        """What is odd but no problem."""
        return self._arguments.warnings

    def build(self, node: Node, path: Path = ()) -> Any:
        """The value of a node, or MISSING; an anchor and its aliases are one object."""
        if id(node) not in self._values:
            self._values[id(node)] = self._build(node, path)
        return self._values[id(node)]

    def _build(self, node: Node, path: Path) -> Any:
        if isinstance(node, Broken):
            return MISSING
        if node.tag == "!Env":
            return self._env(node, path)
        if node.tag:
            return self._tagged(node, path)
        below = {key: self.build(child, (*path, key)) for key, child in children(node)}
        if isinstance(node, Sequence):
            return list(below.values())
        return node.value if isinstance(node, Scalar) else below

    def _env(self, node: Node, path: Path) -> Any:
        try:
            text = node.text if isinstance(node, Scalar) else ""
            value, unset = resolve(text, self._environ)
        except EnvProblem as problem:
            self._problems.add(node.mark, path, str(problem))
            return MISSING
        if not unset:
            return value
        names, one = ", ".join(unset), unset[0]
        message = f"the environment has no variable {names}, set it or write ${{{one}:-default}}"
        self._machine.lacks(node, path, message, f"the environment must have {names}")
        return MISSING

    def _tagged(self, node: Node, path: Path) -> Any:
        name = node.tag.removeprefix("!")
        if node.tag.startswith("!!") or not name:
            problems = [f"the tag {node.tag} is not known here"]
        elif node.tag == "!File":
            problems = ["!File takes a path, as in: !File tasks.yaml"]
        else:
            try:
                return self._component(self._registry.find(name), Built(name, node, path))
            except ConfigLoadError as error:
                problems = error.problems
        for problem in problems:
            self._problems.add(node.mark, path, problem)
        self._build_unused(node, path)
        return MISSING

    def _build_unused(self, node: Node, path: Path, opened: Container[Node] = ()) -> None:
        """Build what no field takes: it may have problems of its own, and all are reported.

        Args:
            node: of a component.
            path: of the node.
            opened: nodes below it that stand for what is below them.
        """
        for key, child in children(node):
            if child in opened or (key == "config" and child.tag.endswith("Config")):
                self._build_unused(child, (*path, key), opened)
            else:
                self.build(child, (*path, key))

    def _component(self, component: Component, built: Built) -> Any:
        self.components[id(built.node)] = built
        signature = signature_of(component.cls)
        before = len(self._problems)
        found = fields_of(built.name, built.node, signature, built.path, self._problems)
        built.fields = found.entries
        parameters = {name: _parameter(name, signature) for name in built.fields}
        built.secrets = frozenset(name for name, one in parameters.items() if one.secret)
        built.secret_keys = {name: one.secret_keys for name, one in parameters.items()}
        built.defaults = {
            name: one.default
            for name, one in signature.parameters.items()
            if name not in built.fields
        }
        arguments = built.arguments = {
            name: self._argument(component, parameters[name], entry, built)
            for name, entry in built.fields.items()
        }
        self._build_unused(built.node, built.path, found.opened)
        self._absent(component, signature, built, found)
        if len(self._problems) > before or any(map(_lacks_a_part, arguments.values())):
            return MISSING
        built.instance = self._construct(component, arguments, built)
        if built.instance is not MISSING:
            self.finished.append(built)
        return built.instance

    def _argument(
        self, component: Component, parameter: Parameter, entry: Entry, built: Built
    ) -> Any:
        path = (*built.path, entry.key)
        value = self.build(entry.value, path)
        return self._arguments.convert(component, parameter, value, entry, path)

    def _absent(
        self, component: Component, signature: Signature, built: Built, found: Fields
    ) -> None:
        """What a file does not give: required fields, defaults, methods of an abstract class."""
        for parameter in signature.parameters.values():
            if parameter.name in built.fields:
                continue
            self._arguments.check_default(parameter, built.node, (*built.path, parameter.name))
            if parameter.required:
                base = found.base if parameter.name in signature.taken else None
                message = f"!{built.name} needs the field {parameter.name!r}"
                words = "" if parameter.hint is UNANNOTATED else f" ({expected(parameter.hint)})"
                self._problems.add((base or found.place).mark, built.path, message + words)
        missing = abstract_methods(component.cls)
        if missing:
            message = f"!{built.name} is an abstract class, it lacks {', '.join(missing)}()"
            self._problems.add(built.node.mark, built.path, message)

    def _construct(self, component: Component, arguments: dict[str, Any], built: Built) -> Any:
        if id(built.node) in self._same:
            return self._same[id(built.node)].instance
        try:
            instance = component.cls(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a constructor may even call sys.exit()
            from_environment = [self._values[id(entry.value)] for entry in built.fields.values()]
            secrets = [arguments[name] for name in arguments if name in built.secrets]
            for name, keys in built.secret_keys.items():
                if isinstance(arguments[name], dict):
                    secrets += [arguments[name].get(key) for key in keys]
            hidden = hidden_texts(from_environment) | hidden_texts(secrets, every=True)
            message = f"!{built.name}: {scrub(_words_of(error), hidden)}"
            self._problems.add(built.node.mark, built.path, message)
            return MISSING
        for problem in ability_problems(instance):
            self._problems.add(built.node.mark, built.path, problem)
        return instance


def _parameter(name: str, signature: Signature) -> Parameter:
    """The parameter of a field; one that only ``**kwargs`` takes has the annotation of those."""
    found = signature.parameters.get(name)
    if found is not None or signature.others is None:
        return found or Parameter(name, Any)
    hint = signature.others.hint
    return Parameter(name, Any if hint is UNANNOTATED else hint)


def _words_of(error: BaseException) -> str:
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - the exception is a plugin's too
        words = "no description"
    if isinstance(error, WcaError) and words:
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _lacks_a_part(value: Any) -> bool:
    """Whether a part of a value could not be made; shared parts are looked at once."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one is MISSING:
            return True
        if isinstance(one, (list, tuple, set, frozenset, dict)) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one
    return False
