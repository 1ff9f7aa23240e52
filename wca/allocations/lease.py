"""What is in force, and for how long: the lease, the hold file, and undoing at the end."""

import logging
from collections.abc import Callable, Collection, Sequence

from wca.allocations.adoption import Adopted, AtStart
from wca.allocations.api import Entry, JournalError, Undone
from wca.allocations.contract import Files, Journal
from wca.allocations.gate import Gate
from wca.allocations.hold import Hold

__all__ = ["HELD", "Lease"]

log = logging.getLogger(__name__)

#: The clause by which requests are rejected while the hold file is there.
HELD = "hold"
#: What undo has dealt with for good.
_DONE = ("restored", "already")
#: Share of the time for closing that the gate's thread has.
_OF_THE_TIME = 0.5


class Lease:
    """Lets values last as long as the allocator answers, and takes them back.

    Args:
        journal: what is in force.
        files: how the kernel's files are written.
        gate: has a thread to be closed.
        hold: stops everything.
        expires: gives the Unix time until which what is renewed now is to last.
        now: Unix time in seconds.
        at_start: what is done with what an earlier agent has left.
    """

    def __init__(
        self,
        journal: Journal,
        files: Files,
        gate: Gate,
        hold: Hold,
        expires: Callable[[], float],
        now: Callable[[], float],
        at_start: AtStart = AtStart.UNDO,
    ) -> None:
        self._journal = journal
        self._files = files
        self._gate = gate
        self._hold = hold
        self._expires = expires
        self._now = now
        self._at_start = at_start
        self._adopted = Adopted()
        self._closed = False
        #: Files that were given back so far.
        self.undone = 0
        self._undone: list[Undone] = []

    @property
    def held(self) -> bool:
        """Whether somebody holds, see ``Hold``."""
        return self._hold.reason() is not None

    @property
    def count(self) -> int:
        """Files with a value of ours. Raises JournalError."""
        return len(self._journal.entries())

    @property
    def tasks(self) -> frozenset[str]:
        """Ids of the tasks with a value of ours. Raises JournalError."""
        return frozenset(entry.task_id for entry in self._journal.entries())

    def start(self) -> None:
        """Undo what an earlier agent has left, or take it over. Raises JournalError.

        Taken over is what is as it was left, until the allocator has answered some times: what it
        has not asked for by then is given back.
        """
        kept: Sequence[Entry] = ()
        if self._at_start is AtStart.ADOPT and not self.held:
            kept = self._journal.adopt(self._files, self._expires())
            self._adopted = Adopted(kept)
        paths = {entry.path for entry in self._journal.entries()} - {one.path for one in kept}
        self._undo(only_expired=False, paths=paths)
        for one in kept:
            log.info("adopted: %s has %r for %s", one.path, one.ours, one.task_id)

    def check(self, asked: Collection[tuple[str, str]] | None) -> str:
        """Once in each interval: renew the lease or undo; why nothing may be written, or nothing.

        Args:
            asked: task ids and types that the allocator's answer names; None: it has not answered
                in this interval.

        Raises:
            JournalError: the journal cannot be used.
        """
        self._gate.settle_late()
        if self.held:
            self._undo(only_expired=False)
            return HELD
        if asked is None:
            self._undo(only_expired=True)
            return ""
        unwanted = self._adopted.answered(asked)
        if unwanted:
            self._undo(only_expired=False, paths=unwanted)
        self._journal.renew(self._expires())
        return ""

    def given_back(self) -> list[Undone]:
        """What undo has done since the last call."""
        undone, self._undone = self._undone, []
        return undone

    def close(self, timeout: float) -> None:
        """Undo everything; safe twice."""
        if self._closed:
            return
        self._closed = True
        self._gate.close(timeout * _OF_THE_TIME)
        try:
            self._undo(only_expired=False)
            self._journal.close()
        except JournalError as error:
            log.error("what was changed may not be undone: %s", error)  # noqa: TRY400 - a sentence

    def _undo(self, *, only_expired: bool, paths: Collection[str] | None = None) -> None:
        now = self._now()
        undone = self._journal.undo(self._files, only_expired=only_expired, now=now, paths=paths)
        self.undone += sum(one.outcome in _DONE for one in undone)
        self._undone += undone
        _tell(undone)


def _tell(undone: Sequence[Undone]) -> None:
    for one in undone:
        level = logging.INFO if one.outcome in _DONE else logging.WARNING
        log.log(level, "undo: %s", one)
