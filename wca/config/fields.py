"""The fields of one component as its class names them: old names, ``config:`` and typos."""

from collections.abc import Iterator
from collections.abc import Mapping as AbcMapping
from dataclasses import dataclass, field

from wca.config.hints import Signature
from wca.config.nodes import Entry, Mapping, Node, Path, Scalar
from wca.config.problems import Problems
from wca.config.suggest import did_you_mean

__all__ = ["OLD_NAMES", "Fields", "fields_of"]

#: Old name to present name of a field; see ``_present_name`` for when it applies.
OLD_NAMES: AbcMapping[str, str] = {
    "metric_storage": "metrics_storage",
    "action_delay": "interval",
    "broker_ips": "brokers_ips",
}


@dataclass(eq=False)
class Fields:
    """The fields of a component's node.

    Args:
        entries: by parameter name.
        place: the node in which a missing field belongs.
        base: the node in which one of a base class belongs; None: in the same.
        opened: the nodes that stand for what is below them: ``config``, and those of base classes.
    """

    entries: dict[str, Entry]
    place: Node
    base: Node | None = None
    opened: list[Node] = field(default_factory=list)


def fields_of(
    name: str, node: Node, signature: Signature, path: Path, problems: Problems
) -> Fields:
    """The entries of a component's node by parameter name; what is wrong is reported.

    Args:
        name: of the class.
        node: the tagged node.
        signature: of the class.
        path: of the node.
        problems: where unknown and doubled fields are reported.
    """
    found = Fields({}, node)
    for entry in _opened(name, node, signature, path, problems, found):
        name_now = _present_name(str(entry.key), signature)
        known = name_now in signature.parameters or signature.others is not None
        if not isinstance(entry.key, str) or not known:
            _report_unknown(name, entry, signature, path, problems)
            continue
        first = found.entries.setdefault(name_now, entry)
        if first is not entry:
            old = "" if entry.key == first.key else f" ({entry.key} and {first.key} are the same)"
            problems.add(
                entry.mark,
                (*path, entry.key),
                f"the field {name_now!r} is given twice{old}, first at {first.mark}; remove one",
            )
    return found


def _opened(
    name: str, node: Node, signature: Signature, path: Path, problems: Problems, found: Fields
) -> Iterator[Entry]:
    """All entries, those of nodes that stand for what is below them in their place."""
    for entry in _entries(name, node, path, problems):
        inner = _stands_for_fields(name, entry, signature)
        if not inner:
            yield entry
            continue
        if inner.removesuffix("Config") in signature.bases.values():
            found.base = entry.value
        else:
            found.place = entry.value
        found.opened.append(entry.value)
        below = (*path, entry.key)
        yield from _opened(inner, entry.value, signature, below, problems, found)


def _stands_for_fields(name: str, entry: Entry, signature: Signature) -> str:
    """The name of whose fields are below an entry: ``config: !FooConfig`` under ``!Foo``.

    Likewise ``base_runner: !BaseRunner`` under what derives from it and takes its fields; empty for
    an ordinary field.
    """
    if entry.key in signature.parameters:
        return ""
    expected = f"{name}Config" if entry.key == "config" else signature.bases.get(str(entry.key), "")
    return expected if expected and entry.value.tag == f"!{expected}" else ""


def _entries(name: str, node: Node, path: Path, problems: Problems) -> list[Entry]:
    if isinstance(node, Mapping):
        return node.entries
    if isinstance(node, Scalar):
        if node.text:
            message = f"!{name} takes fields (name: value, one per line below it), not a text"
            problems.add(node.mark, path, message)
        return []
    problems.add(node.mark, path, f"!{name} takes fields (name: value), not a list")
    return []


def _present_name(key: str, signature: Signature) -> str:
    """The present name of a field; a class that has the old name itself means that one."""
    new = OLD_NAMES.get(key)
    if new is None or key in signature.parameters or new not in signature.parameters:
        return key
    return new


def _report_unknown(
    name: str, entry: Entry, signature: Signature, path: Path, problems: Problems
) -> None:
    if entry.key == "config" and entry.value.tag.endswith("Config"):
        message = f"'config' under !{name} takes the tag !{name}Config"
    elif entry.key in signature.bases:
        base = signature.bases[str(entry.key)]
        message = f"{entry.key!r} under !{name} takes the tag !{base}, whose fields are its own"
    else:
        hint = did_you_mean(str(entry.key), signature.parameters)
        message = f"!{name} has no field {str(entry.key)[:80]!r}{hint}"
        if not signature.parameters:
            message = f"!{name} takes no fields, remove {str(entry.key)[:80]!r}"
    problems.add(entry.mark, (*path, entry.key), message)
