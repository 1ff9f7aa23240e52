"""Which parts of a configuration are the same as in the one before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wca.abilities import ability
from wca.config.builder import Built
from wca.config.convert import MISSING
from wca.config.environment import EnvProblem, resolve
from wca.config.nodes import Node, Scalar, children

__all__ = ["Document", "same_parts", "structure_of"]

#: Abilities that tie a component to the one that starts and closes it.
_LIFE = ("start", "flush", "close")


@dataclass(frozen=True)
class Document:
    """What a file said, and what was built of it.

    Args:
        root: of its nodes; None: it is empty.
        components: what was built, by the identity of the node.
        structure: of ``structure_of``, with the environment of that time.
    """

    root: Node | None
    components: Mapping[int, Built]
    structure: Mapping[int, int]


def structure_of(root: Node | None, environ: Mapping[str, str]) -> dict[int, int]:
    """A hash of what each node says, with all that is below it, by the identity of the node.

    Two nodes with one hash say the same, wherever they stand: anchors and included files count by
    what is in them, ``!Env`` by its value. The order of the fields of a component counts as little
    as comments do; that of a plain mapping may mean something. Hashes are those of this process,
    as of Python's ``hash``: no library is loaded for them.

    Args:
        root: of the document.
        environ: what ``!Env`` reads.
    """
    found: dict[int, int] = {}

    def add(node: Node) -> int:
        if id(node) not in found:
            below = [(repr(key), add(child)) for key, child in children(node)]
            if node.tag:
                below.sort()
            said = _said(node, environ)
            # A component without fields may be written as !Name, or as !Name {}.
            kind = type(node).__name__ if below or said or not node.tag else ""
            found[id(node)] = hash((kind, node.tag, said, tuple(below)))
        return found[id(node)]

    if root is not None:
        add(root)
    return found


def _said(node: Node, environ: Mapping[str, str]) -> tuple[str, ...]:
    if not isinstance(node, Scalar):
        return ()
    if node.tag != "!Env":
        if node.tag:
            return (node.text,) if node.text else ()
        return type(node.value).__name__, repr(node.value)
    try:
        value, unset = resolve(node.text, environ)
    except EnvProblem:
        return (node.text,)
    return (node.text, str(value), *unset)


def same_parts(
    before: Document,
    root: Node,
    structure: Mapping[int, int],
    hands_over: Callable[[str], bool | None],
    usable: Callable[[Any], bool] = lambda _instance: True,
) -> dict[int, Built]:
    """What of an earlier document can stand for components of this one, as it is.

    A component is the same when all that its node says is the same, and so is what it refers to:
    what one object was for two fields is so now, too. The largest parts are looked for first, and
    among equal ones that of the same place.

    What has to be started or closed is tied to the component that does it. It is the same only
    where that one is, or where both the old and the new one can hand it over.

    Args:
        before: the earlier document.
        root: of this one.
        structure: of this one.
        hands_over: whether components of a tag can; None: the tag names no component.
        usable: whether an object of the earlier document still works.

    Returns:
        The earlier components by the identity of the nodes of this document.
    """
    parts = _Same(before, root, hands_over, usable)
    parts.find(root, structure)
    parts.drop_tied()
    return parts.pairs


class _Same:
    """Pairs new nodes with the components of old ones, each in one pair at most."""

    def __init__(
        self,
        before: Document,
        root: Node,
        hands_over: Callable[[str], bool | None],
        usable: Callable[[Any], bool],
    ) -> None:
        self.pairs: dict[int, Built] = {}
        self._taken: set[int] = set()
        self._components = before.components
        self._hands_over = hands_over
        self._usable = usable
        self._candidates: dict[int, list[Built]] = {}
        for built in before.components.values():
            self._candidates.setdefault(before.structure[id(built.node)], []).append(built)
        self._old_parents = _parents(before.root, lambda node: id(node) in before.components)
        self._new_parents = _parents(
            root, lambda node: bool(node.tag) and hands_over(node.tag) is not None
        )

    def find(self, root: Node, structure: Mapping[int, int]) -> None:
        """Pair what says the same, the largest first, and first what is tied to nothing else."""
        by_height: dict[int, list[tuple[Node, tuple[Any, ...]]]] = {}
        for node, path in _places(root):
            if node.tag and structure[id(node)] in self._candidates:
                by_height.setdefault(node.height, []).append((node, path))
        for height in sorted(by_height, reverse=True):
            for node, path in sorted(by_height[height], key=lambda one: self._new_tie(one[0])):
                if id(node) not in self.pairs:
                    self._pair(node, path, self._candidates[structure[id(node)]])

    def drop_tied(self) -> None:
        """Take back pairs of what is tied to something that is in none, and of what holds it."""
        while lost := [new for new, old in self.pairs.items() if not self._stands(new, old)]:
            seen: set[int] = set()
            while lost:
                new = lost.pop()
                if new not in seen:
                    seen.add(new)
                    lost += [id(parent) for parent in self._new_parents.get(new, ())]
                    if new in self.pairs:
                        self._taken.discard(id(self.pairs.pop(new).node))

    def _new_tie(self, node: Node) -> bool:
        """Whether a new node is below one that is in no pair, and hands nothing over."""
        parents = self._new_parents.get(id(node), ())
        return not all(id(one) in self.pairs or self._hands_over(one.tag) for one in parents)

    def _old_tie(self, node: Node) -> bool:
        """The same of an old one."""
        parents = self._old_parents.get(id(node), ())
        return not all(id(one) in self._taken or self._hands_over(one.tag) for one in parents)

    def _stands(self, new: int, old: Built) -> bool:
        """Whether whoever starts and closes it is the same, or leaves that to others."""
        if not any(ability(old.instance, name) for name in _LIFE):
            return True
        parents = self._new_parents.get(new, ())
        return not self._old_tie(old.node) and all(
            id(one) in self.pairs or self._hands_over(one.tag) for one in parents
        )

    def _pair(self, node: Node, path: tuple[Any, ...], candidates: list[Built]) -> None:
        def rank(old: Built) -> tuple[bool, bool]:
            return self._old_tie(old.node), old.path != path

        for old in sorted(candidates, key=rank):
            if id(old.node) not in self._taken and self._take(node, old.node):
                break

    def _take(self, new: Node, old: Node) -> bool:
        """Pair two nodes and all below them, or none of these."""
        pairs: dict[int, Built] = {}
        taken: set[int] = set()
        seen: set[tuple[int, int]] = set()
        waiting = [(new, old)]
        while waiting:
            one, other = waiting.pop()
            if (id(one), id(other)) in seen:
                continue
            seen.add((id(one), id(other)))
            built = self._components.get(id(other))
            known = self.pairs.get(id(one)) or pairs.get(id(one))
            if known is not None and known is not built:
                return False
            if built is not None and known is None:
                if id(other) in self._taken | taken or not self._works(built):
                    return False
                pairs[id(one)] = built
                taken.add(id(other))
            below = dict(children(other))
            waiting += [(child, below[key]) for key, child in children(one)]
        self.pairs |= pairs
        self._taken |= taken
        return True

    def _works(self, built: Built) -> bool:
        return built.instance is not MISSING and self._usable(built.instance)


def _places(root: Node) -> list[tuple[Node, tuple[Any, ...]]]:
    """Every node once, with its path, in the order of the document."""
    found: dict[int, tuple[Node, tuple[Any, ...]]] = {}

    def add(node: Node, path: tuple[Any, ...]) -> None:
        if id(node) not in found:
            found[id(node)] = node, path
            for key, child in children(node):
                add(child, (*path, key))

    add(root, ())
    return list(found.values())


def _parents(root: Node | None, is_component: Callable[[Node], bool]) -> dict[int, list[Node]]:
    """The components that hold each component directly, by the identity of its node."""
    found: dict[int, list[Node]] = {}
    seen: set[tuple[int, int]] = set()

    def add(node: Node, holder: Node | None) -> None:
        if (id(node), id(holder)) in seen:
            return
        seen.add((id(node), id(holder)))
        if is_component(node):
            if holder is not None:
                found.setdefault(id(node), []).append(holder)
            holder = node
        for _, child in children(node):
            add(child, holder)

    if root is not None:
        add(root, None)
    return found
