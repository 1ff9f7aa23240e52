"""Entries of groups that are gone: nothing is there to be given back."""

import contextlib
from collections.abc import Sequence

from wca.allocations.api import Entry, JournalError
from wca.allocations.contract import Files, Journal

__all__ = ["Departed"]


class Departed:
    """Takes out of the journal what was done to groups that are gone in two looks in a row.

    Args:
        journal: what is in force.
        files: tell which groups there are.
    """

    def __init__(self, journal: Journal, files: Files) -> None:
        self._journal = journal
        self._files = files
        self._before: set[tuple[str, int]] = set()

    def look(self, entries: Sequence[Entry]) -> None:
        """Look once in an interval.

        Args:
            entries: what is in force.
        """
        gone = {one.cgroup for one in entries if self._files.inode(one.cgroup[0]) != one.cgroup[1]}
        for entry in entries:
            if entry.cgroup in gone & self._before:
                # A journal that takes no more is asked again in the next interval.
                with contextlib.suppress(JournalError):
                    self._journal.forget(entry.path)
        self._before = gone
