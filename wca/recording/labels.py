"""What really happened during a recording, written by who made it happen."""

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from wca.errors import ValidationError

__all__ = ["Episode", "check_overlap", "read_episodes", "read_labels"]

VERSION = 1
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Episode:
    """A time in which something was done to a task, or nothing.

    Args:
        start: Unix time, on the clock of ``platform.timestamp``.
        end: the same.
        kind: what was done, in words; episodes of one kind are counted together.
        victim: id of the task that it was done to; empty: to none.
        verdict: what a detector has to say; None: nothing at all, a control.
        culprits: ids of the tasks that did it.
        decoys: ids of tasks that were as busy and are innocent.
        resource: what was made short.
        scored: false: whatever is said about this time does not count.
        note: for people.
    """

    start: float
    end: float
    kind: str
    victim: str = ""
    verdict: str | None = None
    culprits: Sequence[str] = ()
    decoys: Sequence[str] = ()
    resource: str = ""
    scored: bool = True
    note: str = ""


def check_overlap(episodes: Sequence[Episode], spans: Sequence[tuple[float, float]]) -> None:
    """Refuse labels that are about another time than their recordings.

    Args:
        episodes: of the labels.
        spans: begin and end of each recording, in Unix time.

    Raises:
        ValidationError: there are episodes, and none of them is in a recording.
    """
    if not episodes or not spans:
        return
    if any(one.start <= end and begin <= one.end for one in episodes for begin, end in spans):
        return
    first, last = min(one.start for one in episodes), max(one.end for one in episodes)
    begin, end = min(one for one, _ in spans), max(one for _, one in spans)
    raise ValidationError(
        f"its episodes, from {first:.1f} to {last:.1f}, are not in the time of what was recorded, "
        f"from {begin:.1f} to {end:.1f} (Unix time)"
    )


def read_labels(path: str) -> list[Episode]:
    """The episodes of a file of labels.

    Raises:
        ValidationError: it cannot be read, or is no such file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                raise ValidationError(f"{path}: is no file of labels, or too large")
            content = json.loads(file.read())
    except OSError as error:
        raise ValidationError(f"{path}: the labels cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"{path}: the labels are no JSON: {error}") from None
    try:
        return read_episodes(content)
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from None


def read_episodes(content: Any) -> list[Episode]:
    """The episodes in what JSON has given, in the order of their start.

    Raises:
        ValidationError: with what is wrong, and in which episode.
    """
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValidationError(f'expected {{"version": {VERSION}, "episodes": [...]}}')
    given = content.get("episodes")
    if not isinstance(given, list):
        raise ValidationError("episodes: expected a list")
    episodes = [_episode(one, f"episodes[{place}]") for place, one in enumerate(given)]
    return sorted(episodes, key=lambda one: one.start)


def _episode(given: Any, where: str) -> Episode:
    if not isinstance(given, dict):
        raise ValidationError(f"{where}: expected an object")
    known = {one.name for one in fields(Episode)}
    for name in given:
        if name not in known:
            raise ValidationError(f"{where}: has no {name!r}, but {', '.join(sorted(known))}")
    for name in ("start", "end", "kind"):
        if name not in given:
            raise ValidationError(f"{where}: {name} is missing")
    # What is null has no value; a control has neither verdict nor victim.
    values = {name: value for name, value in given.items() if value is not None}
    for name, value in values.items():
        if not _KINDS[name][0](value):
            raise ValidationError(f"{where}: {name} has to be {_KINDS[name][1]}, not {value!r}")
    episode = Episode(**values)
    if episode.end < episode.start:
        raise ValidationError(f"{where}: it ends before it starts")
    return episode


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_NUMBER, _TEXT = (_is_number, "a number"), (_is_text, "text")
_TEXTS = (_is_texts, "a list of texts")
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("start", "end"), _NUMBER),
    **dict.fromkeys(("kind", "victim", "verdict", "resource", "note"), _TEXT),
    **dict.fromkeys(("culprits", "decoys"), _TEXTS),
    "scored": (lambda value: isinstance(value, bool), "true or false"),
}
