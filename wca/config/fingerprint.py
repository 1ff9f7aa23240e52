"""A hash of what a configuration means: files that mean the same have the same one."""

import datetime as dt
import enum
import json
from binascii import crc32
from collections.abc import Mapping as AbcMapping
from typing import Any

from wca.config.builder import Built
from wca.config.nodes import Mapping, Node, Scalar, Sequence, children
from wca.config.secrets import MASK
from wca.config.words import without_password

__all__ = ["fingerprint"]


def fingerprint(root: Node, components: AbcMapping[int, Built]) -> str:
    """The hash of a document.

    The order of fields, comments, units (``1s``, ``1000ms``), anchors beside copies of plain values
    and fields that say what is the default anyway make no difference. Whether two fields share one
    component does. Of a secret only its presence counts, of ``!Env`` only the text of the file.

    Args:
        root: of the document, all of whose components were built.
        components: by the identity of their nodes.
    """
    meaning = _Meaning(components).of(root, None)
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, default=_name)
    return _hash(text.encode())


def _hash(data: bytes) -> str:
    """16 hexadecimal digits, enough to tell the configurations of a fleet apart.

    Nobody gains by two files with one hash, so that a check sum does; ``hashlib`` would bring
    OpenSSL into every agent. There and back the two are as good as one of 64 bits.
    """
    return f"{crc32(data):08x}{crc32(data[::-1]):08x}"


class _Meaning:
    """Turns nodes, and what they were converted to, into what JSON has."""

    def __init__(self, components: AbcMapping[int, Built]) -> None:
        self._components = components
        self._numbers: dict[int, int] = {}
        self._tagged: dict[int, bool] = {}

    def of(self, node: Node, value: Any) -> Any:
        """What a node means.

        Args:
            node: in the file.
            value: what it became for the field that it stands in; None: it stands in none.
        """
        built = self._components.get(id(node))
        if built is not None:
            return self._component(built)
        if isinstance(node, Scalar):
            if node.tag:
                return [node.tag, without_password(node.text)]
            return _plain(node.value if value is None else value)
        if value is not None and not self._has_tags(node):
            return _plain(value)
        below = {key: self.of(child, _below(value, key)) for key, child in children(node)}
        return list(below.values()) if isinstance(node, Sequence) else _pairs(below)

    def _component(self, built: Built) -> Any:
        number = self._numbers.get(id(built))
        if number is not None:
            return ["*", number]
        self._numbers[id(built)] = len(self._numbers)
        fields = {name: _plain(value) for name, value in built.defaults.items()}
        for name in sorted(built.fields):
            node, value = built.fields[name].value, built.arguments.get(name)
            if name in built.secrets:
                fields[name] = _masked(value)
            elif hidden := built.secret_keys.get(name):
                fields[name] = self._without(node, value, hidden)
            else:
                fields[name] = self.of(node, value)
        return ["!", built.name, fields]

    def _without(self, node: Node, value: Any, hidden: frozenset[str]) -> Any:
        """Mappings some of whose values are secrets."""
        if isinstance(node, Sequence):
            below = enumerate(node.items)
            return [self._without(child, _below(value, at), hidden) for at, child in below]
        if not isinstance(node, Mapping):
            return self.of(node, value)
        return _pairs(
            {
                key: MASK if key in hidden else self.of(child, _below(value, key))
                for key, child in children(node)
            }
        )

    def _has_tags(self, node: Node) -> bool:
        """Whether something below a node, or the node itself, is more than plain data."""
        if id(node) not in self._tagged:
            self._tagged[id(node)] = bool(node.tag) or any(
                self._has_tags(child) for _, child in children(node)
            )
        return self._tagged[id(node)]


def _below(value: Any, key: Any) -> Any:
    """What a part of a converted value is; None: it has no such part."""
    try:
        return value[key]
    except (TypeError, LookupError):
        return None


def _masked(value: Any) -> Any:
    return None if value is None else MASK


def _pairs(values: AbcMapping[Any, Any]) -> list[Any]:
    """A mapping whose keys need not be texts, in an order of its own."""
    return sorted(
        ([str(_plain(key)), one] for key, one in values.items()), key=lambda pair: str(pair[0])
    )


def _plain(value: Any) -> Any:
    """Data as JSON has it; numbers of the same size are the same."""
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return without_password(value)
    if isinstance(value, AbcMapping):
        return _pairs({key: _plain(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _name(value: object) -> str:
    """What JSON has not: dates and binary data, and defaults that a component makes itself."""
    return repr(value) if isinstance(value, (bytes, dt.date)) else type(value).__name__
