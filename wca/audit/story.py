"""What happened to a task and why, from the records of a runner. Pure."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from wca.audit.moments import shown

__all__ = ["Story", "is_about", "names_of", "story_text", "tell"]

Record = Mapping[str, Any]

#: Lines and characters of a screen.
LINES, WIDTH = 24, 118
_DAY = 86400.0
#: Outcomes by which a value is no longer, or not yet, what the agent has granted.
_GRANTED = "applied"


@dataclass
class Story:
    """What is known of a task.

    Args:
        task: as it was asked for.
        task_ids: its id, or those of all tasks of that name.
        until: Unix time of its end; infinity: now.
        events: records, the oldest first.
        granted: the last record by allocation type of what the agent had granted then.
    """

    task: str
    task_ids: Sequence[str]
    until: float
    events: list[Record] = field(default_factory=list)
    granted: dict[tuple[str, str], Record] = field(default_factory=dict)


def tell(records: Iterable[Record], task: str, until: float) -> Story:
    """The story of a task.

    Args:
        records: of a runner, the oldest first; they are looked at twice.
        task: id or name.
        until: Unix time; later records are left out.
    """
    ids = {str(_id_of(one)) for one in records if task in names_of(one)}
    named = ids | {task}
    found = [one for one in records if one["time"] < until and is_about(one, named)]
    story = Story(task, sorted(ids) or [task], until, found)
    for one in found:
        key = str(one.get("task_id")), str(one.get("allocation_type"))
        if named.isdisjoint(names_of(one)):
            continue
        if one.get("type") == "allocation" and one.get("outcome") == _GRANTED:
            story.granted[key] = one
        elif one.get("type") in ("foreign write", "given back"):
            story.granted.pop(key, None)
    return story


def is_about(record: Record, named: Set[str]) -> bool:
    """Whether a record is about one of these: as controlled, as who suffers, or as a suspect."""
    suspects = {str(one) for one in _list(record.get("contending_task_ids"))}
    return not named.isdisjoint(names_of(record) | suspects)


def names_of(record: Record) -> set[str]:
    """Id and name of the task that a record is about; empty for one about the machine."""
    labels = _map(record.get("task_labels") or record.get("contended_task_labels"))
    found = (_id_of(record), labels.get("task_name"), labels.get("task_id"))
    return {str(one) for one in found if one}


def story_text(
    story: Story,
    in_force: Sequence[str],
    zone: tzinfo | None = None,
    lines: int = LINES,
    width: int = WIDTH,
) -> str:
    """One screen at most; what is left out is the oldest.

    Args:
        story: what is told.
        in_force: sentences about what is in force now.
        zone: of this machine; None: ask it.
        lines: of the screen.
        width: in characters.
    """
    head = f"{story.task}"
    if list(story.task_ids) != [story.task]:
        head += f" ({', '.join(story.task_ids)})"
    granted = [
        f"  {one.get('allocation_type')} {_value(one.get('to'))} "
        f"since {shown(one['time'], zone, day=True)}"
        for one in story.granted.values()
    ]
    last = story.events[-1]["time"] if story.events else 0.0
    tail = [
        f"granted by {shown(last, zone, day=True)}:{'' if granted else ' nothing'}",
        *_some(granted, lines // 4),
        *(["in force now:"] if in_force else ["in force now: nothing"]),
        *(f"  {one}" for one in _some(in_force, lines // 4)),
    ]
    tail = tail if story.events else tail[1:]
    day_of_last = shown(last, zone, day=True)[:10]
    events = [
        f"{_time(one['time'], zone, day_of_last)}  {_event(one, {story.task, *story.task_ids})}"
        for one in story.events
    ]
    room = max(3, lines - len(tail) - 1)
    if len(events) > room:
        left = len(events) - room + 1
        events = [f"({left} earlier ones are left out: --json has all)", *events[-(room - 1) :]]
    return "\n".join(_fit(line, width) for line in (head, *events, *tail))


def _event(record: Record, named: Set[str]) -> str:
    kind = record.get("type")
    if kind == "allocation":
        return _allocation(record)
    if kind == "foreign write":
        return (
            f"{record.get('allocation_type')}: somebody else wrote {_value(record.get('theirs'))} "
            f"over {_value(record.get('ours'))} ({record.get('kind')}): {record.get('outcome')}"
        )
    if kind == "given back":
        detail = record.get("reason")
        return (
            f"{record.get('allocation_type')}: given back: {record.get('outcome')}"
            f"{f' ({detail})' if detail else ''}"
        )
    return _anomaly(record, named)


def _allocation(record: Record) -> str:
    change = f"{_value(record.get('from'))} -> {_value(record.get('to'))}"
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
        f"{name} {_value(value)}"
        + (f" (threshold {_value(thresholds[name])})" if name in thresholds else "")
        for name, value in evidence.items()
    ]
    suspects = [
        f"{one.get('task_id')} {_value(one.get('score'))}"
        for one in map(_map, _list(record.get("suspects")))
    ]
    parts += [f"suspects {', '.join(suspects)}"] if suspects else []
    return "; ".join([*parts, *told])


def _id_of(record: Record) -> object:
    return record.get("task_id") or record.get("contended_task_id")


def _time(time: float, zone: tzinfo | None, day: str) -> str:
    text = shown(time, zone, day=True)
    return text[11:] if text.startswith(day) else text


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "?" if value is None else str(value)


def _some(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"  and {len(lines) - most + 1} more"]


def _fit(line: str, width: int) -> str:
    plain = "".join(letter if letter.isprintable() else "?" for letter in line)
    return plain if len(plain) <= width else f"{plain[: width - 1]}…"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()
