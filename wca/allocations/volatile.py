"""A journal in memory: it knows what to undo as long as the process lives."""

import os
from collections.abc import Sequence
from dataclasses import replace

from wca.allocations.api import APPLIED, FAILED, Entry, Undone, Write
from wca.allocations.contract import Files
from wca.allocations.idle import AFTER_IDLE

__all__ = ["VolatileJournal"]


class VolatileJournal:
    """What is in force, by path, in the order in which it came to be."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def intend(self, write: Write, owner: str, expires: float) -> None:
        """Remember a write, and what was there before the first one."""
        known = self._entries.get(write.path)
        if known is not None and known.cgroup != write.cgroup:
            del self._entries[write.path]
            known = None
        self._entries[write.path] = Entry(
            write.path,
            write.old if known is None else known.original,
            write.new,
            () if known is None else known.settled,
            (*(() if known is None else known.pending), write.new),
            write.cgroup,
            expires,
            write.task_id,
            write.type,
            owner,
            implied=write.implied or (known is not None and known.implied),
        )

    def settle(self, write: Write, outcome: str, seen: str | None = None) -> None:
        """Keep what was applied; go back to what was in force before for what failed."""
        entry = self._entries.get(write.path)
        if entry is None or outcome not in (APPLIED, FAILED):
            return
        pending = tuple(value for value in entry.pending if value != write.new)
        if outcome == FAILED:
            entry = replace(entry, pending=pending)
        else:
            settled = (write.new, *([seen] if seen else []))
            entry = replace(entry, settled=settled, pending=pending, implied=write.implied)
        if not entry.values or entry.values == (entry.original,):
            del self._entries[write.path]
        else:
            self._entries[write.path] = replace(entry, ours=entry.values[-1])

    def renew(self, expires: float) -> None:
        """Let everything last until then."""
        self._entries = {
            path: replace(entry, expires=expires) for path, entry in self._entries.items()
        }

    def entries(self) -> Sequence[Entry]:
        """What is in force, oldest first."""
        return list(self._entries.values())

    def undo(self, files: Files, *, only_expired: bool, now: float) -> Sequence[Undone]:
        """Restore, the newest first, where the group is the same and nobody else has written."""
        undone = []
        for entry in reversed(self.entries()):
            if only_expired and entry.expires > now:
                continue
            undone.append(_restored(entry, files))
            if undone[-1].outcome != "failed":
                del self._entries[entry.path]
        return undone

    def close(self) -> None:
        """Nothing to do."""


def _restored(entry: Entry, files: Files) -> Undone:
    folder, inode = entry.cgroup
    if files.inode(folder) != inode:
        return Undone(entry, "gone")
    default = AFTER_IDLE.get(entry.path.rpartition("/")[2]) if entry.implied else None
    try:
        there = files.read(entry.path)
        if there == entry.original:
            return Undone(entry, "already")
        if there not in (*entry.values, default):
            return Undone(entry, "foreign", there)
        files.write(entry.path, entry.original)
    except OSError as error:
        return Undone(entry, "failed", os.strerror(error.errno or 0))
    return Undone(entry, "restored")
