"""What this agent has taken over from an earlier one, until its allocator asks for it. Pure."""

import enum
from collections.abc import Iterable

from wca.allocations.api import Entry
from wca.allocations.resctrl.paths import is_group

__all__ = ["Adopted", "AtStart"]

#: Answers of the allocator after which what it has not asked for is given back.
ANSWERS = 10


class AtStart(enum.StrEnum):
    """What is done with what an earlier agent has left."""

    UNDO = "undo"
    ADOPT = "adopt"


class Adopted:
    """Values that nobody has asked for yet.

    Args:
        entries: what was taken over.
        answers: of the allocator that are waited for.
    """

    def __init__(self, entries: Iterable[Entry] = (), answers: int = ANSWERS) -> None:
        self._paths: dict[tuple[str, str], list[str]] = {}
        for entry in entries:
            if is_group(entry.path) or is_group(entry.cgroup[0]):
                continue  # tasks share it; it goes when the last one has left
            self._paths.setdefault((entry.task_id, entry.type), []).append(entry.path)
        self._left = answers

    def answered(self, asked: Iterable[tuple[str, str]]) -> list[str]:
        """One more answer; which files are to be given back now.

        Args:
            asked: task ids and types that the answer names.
        """
        for key in asked:
            self._paths.pop(key, None)
        self._left -= 1
        if self._left > 0 or not self._paths:
            return []
        unwanted = [path for paths in self._paths.values() for path in paths]
        self._paths.clear()
        return unwanted
