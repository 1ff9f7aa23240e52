"""One record of a runner as one sentence. Pure; whatever is in the record."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

__all__ = ["id_of", "is_about", "name_of", "names_of", "plain", "sentence_of", "value_text"]

Record = Mapping[str, Any]


def is_about(record: Record, named: Set[str]) -> bool:
    """Whether a record is about one of these: as controlled, as who suffers, or as a suspect."""
    suspects = {str(one) for one in _list(record.get("contending_task_ids"))}
    return not named.isdisjoint(names_of(record) | suspects)


def names_of(record: Record) -> set[str]:
    """Id and name of the task that a record is about; empty for one about the machine."""
    labels = _map(record.get("task_labels") or record.get("contended_task_labels"))
    found = (id_of(record), labels.get("task_name"), labels.get("task_id"))
    return {str(one) for one in found if one}


def sentence_of(record: Record, named: Set[str] = frozenset()) -> str:
    """What a record says.

    Args:
        record: of a decision, a foreign write, something given back, or an anomaly.
        named: ids and names that need not be said.
    """
    kind = record.get("type")
    if kind == "allocation":
        return _allocation(record)
    if kind == "foreign write":
        theirs, ours = value_text(record.get("theirs")), value_text(record.get("ours"))
        return (
            f"{record.get('allocation_type')}: somebody else wrote {theirs} over {ours} "
            f"({record.get('kind')}): {record.get('outcome')}"
        )
    if kind == "given back":
        detail = record.get("reason")
        return (
            f"{record.get('allocation_type')}: given back: {record.get('outcome')}"
            f"{f' ({detail})' if detail else ''}"
        )
    return _anomaly(record, named)


def _allocation(record: Record) -> str:
    change = f"{value_text(record.get('from'))} -> {value_text(record.get('to'))}"
    outcome, reason = str(record.get("outcome")), record.get("reason")
    if reason:
        outcome += f" by {reason}" if outcome == "rejected" else f": {reason}"
    why = ", ".join(map(str, _list(record.get("why"))))
    return (
        f"{record.get('allocation_type')} {change}: {outcome} "
        f"({record.get('allocator')}{f', because of {why}' if why else ''})"
    )


def _anomaly(record: Record, named: Set[str]) -> str:
    what = str(record.get("verdict") or record.get("resource") or record.get("type"))
    victim = record.get("contended_task_id") or "the machine"
    whom = f" of {victim}" if named.isdisjoint(names_of(record)) else ""
    parts = [f"anomaly: {what}{whom}"]
    evidence, thresholds = _map(record.get("evidence")), _map(record.get("thresholds"))
    told = [
        f"{name} {value_text(value)}"
        + (f" (threshold {value_text(thresholds[name])})" if name in thresholds else "")
        for name, value in evidence.items()
    ]
    suspects = [
        f"{one.get('task_id')} {value_text(one.get('score'))}"
        for one in map(_map, _list(record.get("suspects")))
    ]
    parts += [f"suspects {', '.join(suspects)}"] if suspects else []
    return "; ".join([*parts, *told])


def id_of(record: Record) -> object:
    """Id of the task that a record is about; None: it is about the machine."""
    return record.get("task_id") or record.get("contended_task_id")


def value_text(value: object) -> str:
    """A value as people write it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "?" if value is None else str(value)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def name_of(record: Record) -> str:
    """What people call the task that a record is about; empty for the machine."""
    labels = _map(record.get("task_labels") or record.get("contended_task_labels"))
    return str(labels.get("task_name") or id_of(record) or "")


def plain(text: str, width: int) -> str:
    """A text without control characters, cut where it is too long."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"
