"""What happened to a task and why, from the records of a runner. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from wca.audit.moments import shown
from wca.audit.sentences import id_of, is_about, names_of, plain, sentence_of, value_text

__all__ = ["Story", "story_text", "tell"]

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
    ids = {str(id_of(one)) for one in records if task in names_of(one)}
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
        f"  {one.get('allocation_type')} {value_text(one.get('to'))} "
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
    named = {story.task, *story.task_ids}
    events = [
        f"{_time(one['time'], zone, day_of_last)}  {sentence_of(one, named)}"
        for one in story.events
    ]
    room = max(3, lines - len(tail) - 1)
    if len(events) > room:
        left = len(events) - room + 1
        events = [f"({left} earlier ones are left out: --json has all)", *events[-(room - 1) :]]
    return "\n".join(plain(line, width) for line in (head, *events, *tail))


def _time(time: float, zone: tzinfo | None, day: str) -> str:
    text = shown(time, zone, day=True)
    return text[11:] if text.startswith(day) else text


def _some(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"  and {len(lines) - most + 1} more"]
