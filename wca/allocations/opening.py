"""Which journal a run has."""

from wca.allocations.api import JournalError
from wca.allocations.contract import Journal
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal as DurableJournal
from wca.allocations.trust import check_folders
from wca.allocations.volatile import VolatileJournal
from wca.clock import Clock

__all__ = ["journal_problems", "open_journal"]


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


def journal_problems(path: str) -> list[str]:
    """Why a journal at this place could not be trusted, in sentences; changes nothing."""
    try:
        check_folders(path)
    except JournalError as error:
        return [str(error)]
    return []
