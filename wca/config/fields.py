"""The fields of one component as its class names them: old names, ``config:`` and typos."""

from collections.abc import Mapping as AbcMapping

from wca.config.hints import Signature
from wca.config.nodes import Entry, Mapping, Node, Path, Scalar
from wca.config.problems import Problems
from wca.config.suggest import did_you_mean

__all__ = ["OLD_NAMES", "fields_of"]

#: Old name to present name of a field; see ``_present_name`` for when it applies.
OLD_NAMES: AbcMapping[str, str] = {
    "metric_storage": "metrics_storage",
    "action_delay": "interval",
    "broker_ips": "brokers_ips",
}


def fields_of(
    name: str, node: Node, signature: Signature, path: Path, problems: Problems
) -> tuple[dict[str, Entry], Node]:
    """The entries of a component's node by parameter name; what is wrong is reported.

    The second value is the node in which a missing field belongs.

    Args:
        name: of the class.
        node: the tagged node.
        signature: of the class.
        path: of the node.
        problems: where unknown and doubled fields are reported.
    """
    found: dict[str, Entry] = {}
    entries = _entries(name, node, path, problems)
    below = _config_node(name, entries, signature)
    if below is not None:
        entries = [entry for entry in entries if entry.value is not below]
        entries += _entries(f"{name}Config", below, (*path, "config"), problems)
    for entry in entries:
        field = _present_name(str(entry.key), signature)
        known = field in signature.parameters or signature.others is not None
        if not isinstance(entry.key, str) or not known:
            _report_unknown(name, entry, signature, path, problems)
            continue
        first = found.setdefault(field, entry)
        if first is not entry:
            old = "" if entry.key == first.key else f" ({entry.key} and {first.key} are the same)"
            problems.add(
                entry.mark,
                (*path, entry.key),
                f"the field {field!r} is given twice{old}, first at {first.mark}; remove one",
            )
    return found, below or node


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


def _config_node(name: str, entries: list[Entry], signature: Signature) -> Node | None:
    """``config: !FooConfig`` under ``!Foo`` stands for the fields below it."""
    if "config" in signature.parameters:
        return None
    values = [entry.value for entry in entries if entry.key == "config"]
    return next((value for value in values if value.tag == f"!{name}Config"), None)


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
    else:
        hint = did_you_mean(str(entry.key), signature.parameters)
        message = f"!{name} has no field {str(entry.key)[:80]!r}{hint}"
        if not signature.parameters:
            message = f"!{name} takes no fields, remove {str(entry.key)[:80]!r}"
    problems.add(entry.mark, (*path, entry.key), message)
