"""A journal in memory: it knows what to undo as long as the process lives."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from wca.allocations.api import APPLIED, FAILED, Entry, Undone, Write
from wca.allocations.contract import Files
from wca.allocations.undo import LEFT, in_turns, newest_first, restore

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
            before = entry.settled if write.implied else ()  # there until the next write is made
            settled = tuple(dict.fromkeys((write.new, *([seen] if seen else []), *before)))
            entry = replace(entry, settled=settled, pending=pending, implied=write.implied)
        if not entry.values or (entry.values == (entry.original,) and not entry.implied):
            del self._entries[write.path]
        else:
            self._entries[write.path] = replace(
                entry, ours=(*entry.settled[:1], *entry.pending)[-1]
            )

    def renew(self, expires: float) -> None:
        """Let everything last until then."""
        self._entries = {
            path: replace(entry, expires=expires) for path, entry in self._entries.items()
        }

    def entries(self) -> Sequence[Entry]:
        """What is in force, oldest first."""
        return list(self._entries.values())

    def forget(self, path: str) -> None:
        """Give a file up: it is somebody else's now."""
        self._entries.pop(path, None)

    def adopt(self, files: Files, expires: float) -> Sequence[Entry]:  # noqa: ARG002 - the contract
        """Nothing: what an earlier process has changed is not known here."""
        return []

    def undo(
        self,
        files: Files,
        *,
        only_expired: bool,
        now: float,
        paths: Collection[str] | None = None,
        busy: Collection[str] = (),
    ) -> Sequence[Undone]:
        """Restore, the newest first, where the group is the same and nobody else has written."""
        chosen = [
            entry
            for entry in map(self._entries.__getitem__, newest_first(self._entries))
            if (not only_expired or entry.expires <= now) and (paths is None or entry.path in paths)
        ]

        def undo_one(entry: Entry) -> Undone:
            undone = restore(entry, files, alone=entry.path not in busy)
            if undone.outcome not in LEFT:
                del self._entries[entry.path]
            return undone

        return in_turns(chosen, undo_one)

    def close(self) -> None:
        """Nothing to do."""
