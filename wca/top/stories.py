"""What the records of a runner say about a task: decisions, and their reasons."""

import math
import os
import time

from wca.audit.reading import RecordsFile
from wca.audit.sentences import sentence_of
from wca.audit.story import tell
from wca.errors import WcaError

__all__ = ["Stories"]

#: Events of a task that are told.
_MOST = 20


class Stories:
    """Reads the records again when they have changed, and for another task.

    Args:
        path: of the file of the option ``records``; None: there is none, and nothing to tell.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._known: tuple[str, float] | None = None
        self._told: list[str] = []

    def of(self, task_id: str) -> list[str]:
        """Sentences about a task, the oldest first; or one that says why there are none."""
        if self._path is None:
            return []
        key = task_id, _changed(self._path)
        if key != self._known:
            self._known, self._told = key, self._read(self._path, task_id)
        return self._told

    def _read(self, path: str, task_id: str) -> list[str]:
        try:
            story = tell(RecordsFile(path), task_id, math.inf)
        except WcaError as error:
            return [str(error)]
        named = {task_id, *story.task_ids}
        return [
            f"{time.strftime('%m-%d %H:%M:%S', time.localtime(one['time']))}  "
            f"{sentence_of(one, named)}"
            for one in story.events[-_MOST:]
        ] or ["they say nothing about it"]


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
