"""Which journal a run has, and which history."""

import logging
import os

from wca.allocations.api import JournalError
from wca.allocations.contract import Files, Journal
from wca.allocations.envelope import History
from wca.allocations.history_file import KeptHistory
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal as DurableJournal
from wca.allocations.journal import recover
from wca.allocations.trust import check_folders
from wca.allocations.volatile import VolatileJournal
from wca.clock import Clock

__all__ = ["give_back_left", "journal_problems", "open_history", "open_journal"]

log = logging.getLogger(__name__)


def open_journal(path: str | None, lease: float, hold: Hold, clock: Clock) -> Journal:
    """The journal of a run.

    Args:
        path: of its file; None: nothing is written to the kernel, so that nothing has to be kept.
        lease: seconds that a change lasts without being renewed.
        hold: while it is held nothing may be announced.
        clock: what leases are measured with.

    Raises:
        JournalError: it cannot be used.
    """
    if path is None:
        return VolatileJournal()
    journal = DurableJournal(path, lease=lease, now=clock.now, monotonic=clock.monotonic, hold=hold)
    journal.open()
    return journal


def give_back_left(path: str, files: Files, clock: Clock) -> None:
    """Undo what an agent that was killed has left, for one that does not act itself.

    Where an agent lives that uses the journal, or there is none, nothing is done.

    Args:
        path: of the journal.
        files: how the kernel's files are written.
        clock: what leases are measured with.
    """
    if not os.path.lexists(path):
        return
    journal = DurableJournal(path, now=clock.now, monotonic=clock.monotonic)
    try:
        journal.open()
        for undone in recover(journal, files, clock.now()):
            log.warning("an agent that acted has left this: undo: %s", undone)
    except JournalError as error:
        log.info("nothing that an earlier agent may have left is given back: %s", error)
    finally:
        journal.close()


def open_history(path: str | None, clock: Clock) -> History:
    """What was decided before this run.

    Args:
        path: of the journal, beside which it is; None: nothing is kept.
        clock: what it is measured with.
    """
    if path is None:
        return History()
    return KeptHistory(f"{path}.history", clock.now, clock.monotonic)


def journal_problems(path: str) -> list[str]:
    """Why a journal at this place could not be trusted, in sentences; changes nothing."""
    try:
        check_folders(path)
    except JournalError as error:
        return [str(error)]
    return []
