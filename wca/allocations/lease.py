"""What is in force, and for how long: the lease, the hold file, and undoing at the end."""

import logging
import time
from collections.abc import Callable, Collection, Sequence

from wca.allocations.adoption import Adopted, AtStart
from wca.allocations.api import Entry, JournalError, Undone
from wca.allocations.contract import Files, Journal
from wca.allocations.departed import Departed
from wca.allocations.gate import Gate
from wca.allocations.hold import Hold
from wca.allocations.patience import Patience
from wca.allocations.undo import LEFT

__all__ = ["HELD", "UNDOING", "Lease"]

log = logging.getLogger(__name__)

#: The clause by which requests are rejected while the hold file is there.
HELD = "hold"
#: The same while values are still being given back.
UNDOING = "undo"
#: Share of the time for closing after which what takes its time is left behind.
_OF_THE_TIME = 0.9
#: Seconds between two looks at what takes its time.
_PAUSE = 0.01


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
        patience: with what takes its time to be given back.
        monotonic: seconds on a clock that never goes back, for the time of closing.
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
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._files = files
        self._gate = gate
        self._hold = hold
        self._expires = expires
        self._now = now
        self._patience = patience or Patience()
        self._monotonic = monotonic
        self._departed = Departed(journal, files)
        self._open_matters: set[str] = set()
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
        entries = self._journal.entries()
        self._departed.look(entries)
        begun = {entry.path for entry in entries if entry.undoing}
        unwanted = begun if asked is None else begun.union(self._adopted.answered(asked))
        if unwanted:
            self._undo(only_expired=False, paths=unwanted)
        if asked is None:
            self._undo(only_expired=True)
        else:
            self._journal.renew(self._expires())
        return UNDOING if self._patience.busy else ""

    def given_back(self) -> list[Undone]:
        """What undo has done since the last call."""
        undone, self._undone = self._undone, []
        return undone

    def close(self, timeout: float) -> None:
        """Undo everything, and wait for what takes its time; safe again, also when interrupted."""
        if self._closed:
            return
        end = self._monotonic() + timeout * _OF_THE_TIME
        try:
            self._gate.settle_late()
            self._undo(only_expired=False)
            while (self._gate.under_way or self._patience.busy) and self._monotonic() < end:
                time.sleep(_PAUSE)
                self._gate.settle_late()
                self._undo(only_expired=False)
            self._gate.close(max(0.0, end - self._monotonic()))
            left = self.left()
            self._journal.close()
        except JournalError as error:
            left = f"what was changed may not be undone: {error}"
        self._closed = not left

    def left(self) -> str:
        """What is in force and was to be given back by now, in a sentence; empty: nothing."""
        if self._closed:
            return ""
        try:
            paths = [entry.path for entry in self._journal.entries()]
        except JournalError as error:
            return f"what was changed may not be undone: {error}"
        if not paths:
            return ""
        return (
            f"{len(paths)} files could not be given back in time, such as {paths[0]}: the guardian "
            "does it, or the next start, or wca undo"
        )

    def _undo(self, *, only_expired: bool, paths: Collection[str] | None = None) -> None:
        undone = self._journal.undo(
            self._patience.of(self._files),
            only_expired=only_expired,
            now=self._now(),
            paths=paths,
            busy=self._gate.under_way,
        )
        self.undone += sum(one.outcome == "restored" for one in undone)
        self._tell(undone)

    def _tell(self, undone: Sequence[Undone]) -> None:
        """Each thing that was done, and once each that could not be done yet."""
        for one in undone:
            if str(one) not in self._open_matters:
                good = one.outcome in ("restored", "already")
                log.log(logging.INFO if good else logging.WARNING, "undo: %s", one)
                self._undone.append(one)
        self._open_matters = {str(one) for one in undone if one.outcome in LEFT}
