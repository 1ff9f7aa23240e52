"""A YAML document as marked nodes: what was written, and where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Broken",
    "Entry",
    "Key",
    "Mapping",
    "Mark",
    "Node",
    "Path",
    "Scalar",
    "Sequence",
    "children",
    "locate",
]

Key = str | int | float | bool | None
Path = tuple[Any, ...]
"""Where a value stands in the document: field names, keys and indices from the top."""


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(eq=False)
class Node:
    """One node. An anchor and its aliases are the same object.

    Args:
        mark: where it begins.
        tag: ``!LogStorage``, or an empty string for what YAML itself knows.
        height: levels from here to the deepest node below, through aliases and included files.
    """

    mark: Mark
    tag: str = ""
    height: int = field(default=1, kw_only=True)


@dataclass(eq=False)
class Scalar(Node):
    """A single value.

    Args:
        text: as it is written, without quotes.
        value: as YAML 1.2 reads it; the text itself under a tag.
    """

    text: str = ""
    value: Any = None


@dataclass(eq=False)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Entry:
    """One line of a mapping; ``mark`` is where its key stands."""

    key: Key
    mark: Mark
    value: Node


@dataclass(eq=False)
class Mapping(Node):
    """A mapping: merges resolved, each key once, in the order of the file."""

    entries: list[Entry] = field(default_factory=list)


@dataclass(eq=False)
class Broken(Node):
    """What could not be read; the problem has been reported."""


def children(node: Node) -> Iterator[tuple[Key, Node]]:
    """The nodes directly below, each with its key or index."""
    if isinstance(node, Sequence):
        yield from enumerate(node.items)
    elif isinstance(node, Mapping):
        yield from ((entry.key, entry.value) for entry in node.entries)


def locate(node: Node, path: Path) -> Node:
    """The node at ``path`` below ``node``, or the deepest one that exists on the way."""
    for step in path:
        below = next((child for key, child in children(node) if key == step), None)
        if below is None:
            break
        node = below
    return node
