"""The component tree of a file as text: what the file says, with secrets masked."""

from collections.abc import Container
from collections.abc import Mapping as AbcMapping
from typing import Any

from wca.config.builder import Built
from wca.config.defaults import yaml_of, yaml_text
from wca.config.nodes import Mapping, Node, Scalar, Sequence, children
from wca.config.problems import one_line
from wca.config.secrets import MASK
from wca.config.words import without_password

__all__ = ["format_tree"]

_MOST_LINES = 5000


def format_tree(node: Node, components: AbcMapping[int, Built], *, defaults: bool = False) -> str:
    """One line for each component and field, indented as in the file.

    A component that several fields share is written once, with ``&1``, and as ``*1`` after that.

    Args:
        node: of the document.
        components: that it has, by the identity of their nodes.
        defaults: whether fields that the file leaves out are written as well.
    """
    lines = _Lines(components, defaults=defaults)
    lines.write("", node, 0)
    if len(lines.found) > _MOST_LINES:
        lines.found[_MOST_LINES:] = ["..."]
    return "\n".join(line for line in lines.found if line)


class _Lines:
    def __init__(self, components: AbcMapping[int, Built], *, defaults: bool) -> None:
        self.found: list[str] = []
        self._components = components
        self._defaults = defaults
        self._uses: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._shared: set[int] = set()

    def write(self, label: str, node: Node, level: int, secret_keys: Container[str] = ()) -> None:
        """Write a node and what is below it, without the values of some of its keys."""
        if not self._uses:
            self._count(node)
        built = self._components.get(id(node))
        start = "  " * level + label
        if len(self.found) > _MOST_LINES:
            return
        if built is not None:
            self._component(start, built, level)
        elif isinstance(node, Scalar):
            self.found.append(f"{start} {_scalar(node)}")
        else:
            self._collection(start, node, level, secret_keys)

    def _count(self, node: Node) -> None:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            self._uses[id(one)] = self._uses.get(id(one), 0) + 1
            if self._uses[id(one)] == 1:
                built = self._components.get(id(one))
                below = children(one)
                waiting += (
                    [entry.value for entry in built.fields.values()]
                    if built is not None
                    else [child for _, child in below]
                )

    def _component(self, start: str, built: Built, level: int) -> None:
        name = f"!{built.name}"
        if self._uses[id(built.node)] > 1:
            number = self._numbers.setdefault(id(built.node), len(self._numbers) + 1)
            if id(built.node) in self._shared:
                self.found.append(f"{start} *{number}  # the same {name}")
                return
            self._shared.add(id(built.node))
            name = f"&{number} {name}"
        self.found.append(f"{start} {name}")
        for field, entry in built.fields.items():
            if field in built.secrets and not _is_null(entry.value):
                self.found.append("  " * (level + 1) + f"{field}: {MASK}")
            else:
                hidden = built.secret_keys.get(field, frozenset())
                self.write(f"{field}:", entry.value, level + 1, hidden)
        if self._defaults:
            margin = "  " * (level + 1)
            self.found += [margin + _default(*one) for one in built.defaults.items()]

    def _collection(self, start: str, node: Node, level: int, secret_keys: Container[str]) -> None:
        below = list(children(node))
        if not below:
            self.found.append(f"{start} {'[]' if isinstance(node, Sequence) else '{}'}")
            return
        self.found.append(start)
        level = level + 1 if start else level
        for key, child in below:
            label = f"{one_line(str(key), 100)}:" if isinstance(node, Mapping) else "-"
            if key in secret_keys:
                self.found.append("  " * level + f"{label} {MASK}")
            else:
                self.write(label, child, level)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.tag and node.value is None


def _default(name: str, value: Any) -> str:
    """A field that the file leaves out; of what a component makes itself only that it does."""
    shown = yaml_of(value)
    return f"{name}: {shown}" if shown else f"# {name}: made by the component"


def _scalar(node: Scalar) -> str:
    if node.tag:
        return f"{node.tag} {one_line(without_password(node.text), 100)}".rstrip()
    if isinstance(node.value, str):
        return yaml_text(one_line(without_password(node.value), 200))
    return one_line(node.text, 100) or "null"
