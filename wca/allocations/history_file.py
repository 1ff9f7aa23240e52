"""What was decided in the last day, in a file beside the journal: it survives a restart."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from wca.allocations.api import JournalError
from wca.allocations.envelope import Ask, History
from wca.allocations.trust import open_trusted
from wca.durable import replace_file
from wca.errors import ValidationError

__all__ = ["KeptHistory"]

log = logging.getLogger(__name__)

#: Of the file.
VERSION = 1
_MOST_BYTES = 16 << 20


class KeptHistory(History):
    """A history that is read when it is made, and written before what was decided is done.

    Times in the file are Unix times: a clock that was set back meanwhile lets a decision have been
    made just now.

    Args:
        path: of the file.
        now: Unix time in seconds.
        monotonic: the time of the decisions, in seconds.
    """

    def __init__(self, path: str, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._path = path
        self._now = now
        self._monotonic = monotonic
        self._changed = False
        self._problem = ""
        try:
            self.load(_read(path), lambda time: min(0.0, time - now()) + monotonic())
        except FileNotFoundError:
            return
        except (JournalError, ValidationError, OSError) as error:
            log.warning("%s cannot be used, what was decided before is not known: %s", path, error)

    def record(self, ask: Ask, now: float, counted: set[str]) -> None:
        """As of a history; what a person has decided is not kept."""
        super().record(ask, now, counted)
        self._changed = self._changed or ask.decided

    def record_event(self, ask: Ask, now: float) -> None:
        """As of a history; whoever has decided it."""
        super().record_event(ask, now)
        self._changed = True

    def save(self) -> None:
        """Write it where it has changed; a disk that does not take it is said once."""
        if not self._changed:
            return
        ahead = self._now() - self._monotonic()
        state = {"version": VERSION, **self.dump(lambda time: time + ahead)}
        try:
            replace_file(self._path, json.dumps(state).encode())
        except OSError as error:
            problem = error.strerror or str(error)
            if self._problem != problem:
                log.warning("%s: decisions are forgotten at a restart: %s", self._path, problem)
            self._problem = problem
        else:
            self._changed, self._problem = False, ""


def _read(path: str) -> Mapping[str, Any]:
    """What is in the file. Raises OSError, JournalError and ValidationError."""
    with open(open_trusted(path, os.O_RDONLY), "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"it is damaged: {error}") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValidationError(f"it is no history of version {VERSION}")
    return found
