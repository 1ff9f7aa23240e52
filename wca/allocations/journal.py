"""What was changed in the kernel, on disk before it is changed, so that it can be undone."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wca.allocations.api import Entry, JournalError, Undone, Write
from wca.allocations.devices import LINES
from wca.allocations.hold import Hold
from wca.allocations.idle import AFTER_IDLE
from wca.allocations.journal_file import JournalFile, boot_id
from wca.allocations.ledger import Key, key_of_write, record_of_entry
from wca.allocations.resctrl.paths import UNDOABLE as RESCTRL
from wca.allocations.undo import (
    LEFT,
    UndoFiles,
    in_turns,
    is_ours,
    newest_first,
    restore,
    restore_weight_for_now,
    still_ours,
)
from wca.allocations.values import may_take_time

__all__ = ["DEFAULT_JOURNAL", "Journal", "recover", "undoable"]

DEFAULT_JOURNAL = "/run/wca/journal"

#: Files that hold a state which can be read, written and given back. Not among them: processes of a
#: group, what the kernel runs when a group is empty, events such as memory.reclaim.
_UNDOABLE = re.compile(
    r"(/[^/\0\n]+)+/((cpu|cpuset|memory|io|blkio|pids)\.[a-z0-9_.]+|schemata|mode|"
    rf"{LINES}|{RESCTRL})"
)
_EVENTS = {"memory.reclaim", "memory.force_empty"}


def undoable(path: str) -> bool:
    """Whether a path is one of a file that undo would write: absolute, without ``..``, known."""
    parts = path.split("/")
    return (
        _UNDOABLE.fullmatch(path) is not None
        and not {"..", "."}.intersection(parts)
        and parts[-1] not in _EVENTS
    )


class Journal:
    """The changes that are in force, with a lease: who does not renew it loses them.

    The agent opens it (``open``); the guardian and ``wca undo`` do not, they look at it and undo.
    Callers give Unix times; what is kept are seconds of the monotonic clock, which is one for all
    processes of a machine, so that an adjustment of the time of day ends no lease and extends none.

    Args:
        path: of the file.
        lease: seconds; no entry may end later than twice this from now.
        now: Unix time in seconds.
        monotonic: seconds on a clock that never goes back.
        hold: while it is held, nothing may be intended.
        boot: identifies this boot of the machine; None: ask the kernel.
    """

    def __init__(
        self,
        path: str,
        *,
        lease: float = 20.0,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        hold: Hold | None = None,
        boot: str | None = None,
    ) -> None:
        self.path = path
        self.lease = lease
        self._now = now
        self._monotonic = monotonic
        self._hold = hold
        self._file = JournalFile(path, boot_id() if boot is None else boot)
        self._known: dict[Key, Entry] = {}  # after our last look
        self._lost: dict[Key, Entry] = {}  # undone by another process
        self._owed: dict[Key, Entry] = {}  # undone by this one, and the disk has not taken it
        self._open = False
        self._threads = threading.Lock()

    def open(self) -> None:
        """Become the agent of this journal; the file is made where there is none.

        Raises:
            JournalError: another agent is, the file cannot be trusted, or a later version of the
                agent has written it.
        """
        if not self._file.own():
            raise JournalError(f"{self.path}: another agent uses this journal, give each its own")
        try:
            self._file.begin({})
            with self._locked():
                self._file.compact(always=True)
            self._open = True
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise JournalError(f"{self.path}: cannot be used: {error.strerror}") from None
            raise

    def close(self) -> None:
        """Close the file; what is in force stays in force until its lease ends. Safe twice."""
        self._open = False
        self._file.close()

    def intend(self, write: Write, owner: str, expires: float) -> None:
        """Announce a write. When this returns, it is on the disk, and the write may be made.

        The original value of a file is the first ``old`` while an entry is in force, however often
        it is changed again; ``forget`` it where somebody else has set another value since.

        Args:
            write: the write.
            owner: who wants it, such as the allocator's name.
            expires: when it is to be undone unless renewed, Unix time in seconds.

        Raises:
            JournalError: it could not be undone, nothing may be written now, or the disk did not
                take it: write nothing.
        """
        deadline = self._deadline(expires)
        self._check(write)
        key = key_of_write(write)
        with self._locked():
            self._refuse_held()  # who holds may have come while another process had the lock
            self._refuse_stale(key, write)
            self._owed.pop(key, None)
            entry = Entry(
                *(write.path, write.old, write.new, (), (write.new,), write.cgroup),
                *(deadline, write.task_id, write.type, owner, self._now(), write.implied),
            )
            self._append({**record_of_entry(key, entry), "kind": "intend"})

    def settle(self, write: Write, outcome: str, seen: str | None = None) -> None:
        """Say what has become of a write that was announced.

        Args:
            write: the write.
            outcome: APPLIED; UNKNOWN: it may be there, now or later; any other text: the kernel
                has refused it and changed nothing.
            seen: what was read back, where that is another text.

        Raises:
            JournalError: the disk did not take it; undo treats the write as one that may be there.
        """
        record = {"kind": "settle", "key": key_of_write(write), "new": write.new}
        with self._locked():
            self._append({**record, "outcome": outcome, "seen": seen, "implied": write.implied})
            self._file.compact()

    def renew(self, expires: float) -> None:
        """Extend the lease of everything that is in force.

        Args:
            expires: as for ``intend``.

        Raises:
            JournalError: the file could not be written; the lease ends when it did.
        """
        record = {"kind": "renew", "expires": self._deadline(expires)}
        with self._locked():
            if self._file.ledger.entries:
                # Need not survive a power cut: a lease that is lost is a value given back sooner.
                self._append(record, durable=False)
                self._file.compact()

    def forget(self, path: str) -> None:
        """Give a file up: somebody else has written it, and it is theirs now. Raises JournalError.

        Args:
            path: of the kernel's file.
        """
        with self._locked():
            for key in [key for key in self._file.ledger.entries if key[0] == path]:
                self._append({"kind": "undone", "key": key, "outcome": "foreign"})

    def entries(self) -> Sequence[Entry]:
        """What is in force, in the order of the first writes; nothing where there is no journal.

        Raises:
            JournalError: the file cannot be trusted or read.
        """
        try:
            with self._locked(insist=False):
                return [self._told(entry) for entry in self._in_force().values()]
        except FileNotFoundError:
            return []

    def problems(self) -> list[str]:
        """What was found wrong with the file so far, in sentences."""
        return self._file.problems()

    def undo(
        self,
        files: UndoFiles,
        *,
        only_expired: bool,
        now: float,
        paths: Collection[str] | None = None,
        busy: Collection[str] = (),
    ) -> list[Undone]:
        """Give the original values back, the last change first, but what takes its time after that.

        Only where the value there is ours and the group is the one that it was. What somebody else
        has written is theirs: the entry ends and nothing is touched. What the kernel refuses stays
        in force without a lease, and is tried at the next call. A disk that does not take what was
        undone stops nothing: it is remembered here, and said once in the detail. The agent undoes
        from memory where the file cannot be used.

        Args:
            files: where to write.
            only_expired: leave out what has a lease.
            now: Unix time in seconds.
            paths: only these files; None: all.
            busy: files that this process is still writing: what was announced for them may be
                still to come, and stays.

        Raises:
            JournalError: the file cannot be trusted or read, by who is not the agent.
        """
        moment = self._monotonic() + now - self._now()

        def is_due(entry: Entry) -> bool:
            ends = not only_expired or entry.undoing or entry.expires <= moment
            return ends and (paths is None or entry.path in paths)

        with self._alone() as alone:
            try:
                with self._locked(insist=False) as sure:
                    return self._undo_all(
                        self._in_force(), is_due, files, busy, alone=alone, sure=sure
                    )
            except FileNotFoundError:
                return []
            except JournalError:
                if not self._open:
                    raise
            with self._threads:
                self._known = {k: one for k, one in self._known.items() if k not in self._owed}
                return self._undo_all(self._known, is_due, files, busy, alone=alone)

    def adopt(self, files: UndoFiles, expires: float) -> list[Entry]:
        """Keep what an earlier agent has changed, where it is still as it was left.

        Args:
            files: where to look.
            expires: as for ``intend``.

        Returns:
            What is kept; the rest stays in force without a new lease: undo it.

        Raises:
            JournalError: the file could not be written.
        """
        deadline = self._deadline(expires)
        kept = []
        with self._locked():
            for key, entry in list(self._file.ledger.entries.items()):
                there = still_ours(entry, files)
                if there is None:
                    continue
                mine = replace(
                    entry,
                    ours=there,
                    settled=(there,),
                    pending=(),
                    expires=deadline,
                    undoing=False,
                )
                self._append(record_of_entry(key, mine))
                kept.append(self._told(mine))
        return kept

    def _undo_all(
        self,
        entries: dict[Key, Entry],
        is_due: Callable[[Entry], bool],
        files: UndoFiles,
        busy: Collection[str],
        *,
        alone: bool,
        sure: bool = True,
    ) -> list[Undone]:
        """Undo what is due of the entries; what has an end then is taken out of them.

        Who is not sure has not got the lock: an agent that was stopped with it may be about to
        announce a write, with a value of ours as what was there before. No entry ends then.
        """

        def undo_one(key: Key) -> Undone:
            nobody_writes = alone and entries[key].path not in busy
            undone = self._undo_one(key, entries, files, alone=nobody_writes)
            if not sure:
                return self._noted_for_now(key, undone, entries)
            return self._noted(key, undone, entries, keep=not nobody_writes)

        due = [key for key in newest_first(entries) if is_due(entries[key])]
        quick_first = sorted(due, key=lambda key: may_take_time(key[0]))
        done = in_turns(quick_first, undo_one)
        return [replace(one, entry=self._told(one.entry)) for one in done]

    def _undo_one(
        self, key: Key, entries: Mapping[Key, Entry], files: UndoFiles, *, alone: bool
    ) -> Undone:
        entry = entries[key]
        if entry.implied and (f"{entry.cgroup[0]}/cpu.idle", "") in entries:
            return restore_weight_for_now(entry, files)
        return restore(entry, files, alone=alone)

    def _noted(self, key: Key, undone: Undone, entries: dict[Key, Entry], *, keep: bool) -> Undone:
        """Tell the file what has become of an entry; what it does not take is remembered here."""
        entry = entries[key]
        try:
            if undone.outcome in LEFT:
                if not entry.undoing:
                    entries[key] = replace(entry, undoing=True)
                    self._append({"kind": "undoing", "key": key}, durable=False)
            elif self._may_drop(undone):
                if not (keep and entry.pending):
                    self._owed[key] = entries.pop(key)
                self._append_undone(key, undone.outcome, keep=keep)
        except JournalError as error:
            return replace(undone, detail="; ".join(filter(None, (undone.detail, str(error)))))
        return undone

    def _noted_for_now(self, key: Key, undone: Undone, entries: dict[Key, Entry]) -> Undone:
        if undone.outcome in LEFT or not entries[key].undoing:
            left = replace(undone, outcome="waiting")
            return replace(self._noted(key, left, entries, keep=True), outcome=undone.outcome)
        return replace(undone, outcome="waiting", detail="the agent keeps the journal locked")

    def _append_undone(self, key: Key, outcome: str, *, keep: bool) -> None:
        record = {"kind": "undone", "key": key, "outcome": outcome, "keep": keep}
        self._append(record, durable=False)
        self._owed.pop(key, None)

    def _in_force(self) -> dict[Key, Entry]:
        """What the file has, but for what was undone and could not be written there."""
        entries = self._file.ledger.entries
        self._owed = {
            key: entry for key, entry in self._owed.items() if _alike(entries.get(key), entry)
        }
        return {key: entry for key, entry in entries.items() if key not in self._owed}

    def _pay(self) -> None:
        """Write what the disk has not taken so far, if it does now."""
        self._in_force()
        with contextlib.suppress(JournalError):
            for key in list(self._owed):
                self._append_undone(key, "restored", keep=False)

    def _may_drop(self, undone: Undone) -> bool:
        """Who sees other mounts than the agent must not take a group for gone for good."""
        return self._open or undone.outcome != "gone"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no agent of this journal lives but this one, and none begins inside."""
        if self._open:
            yield True
            return
        try:
            yield os.path.exists(self.path) and self._file.watch()
        finally:
            self._file.disown()

    @contextlib.contextmanager
    def _locked(self, *, insist: bool = True) -> Iterator[bool]:
        with self._threads:
            if self._open:
                self._file.begin(self._known)  # somebody may have removed it
            try:
                with self._file.locked(insist=insist) as sure:
                    entries = self._file.ledger.entries
                    self._lost |= {k: e for k, e in self._known.items() if k not in entries}
                    self._pay()
                    try:
                        yield sure
                    finally:
                        self._known = self._in_force() if self._open else {}
            except FileNotFoundError:
                if self._open:
                    raise JournalError(f"{self.path}: was removed") from None
                raise

    def _append(self, record: Mapping[str, Any], *, durable: bool = True) -> None:
        self._file.append(record, durable=durable)

    def _refuse_stale(self, key: Key, write: Write) -> None:
        """What was read before another process gave the original value back is not it."""
        lost = self._lost.pop(key, None)
        if lost is not None and is_ours(lost, write.old):
            raise JournalError(f"{write.path} was given back meanwhile, read it again")
        folder, _, name = write.path.rpartition("/")
        for weight in AFTER_IDLE if name == "cpu.idle" else ():
            hidden = self._lost.get((f"{folder}/{weight}", ""))
            if hidden is not None and hidden.implied:  # nothing would hold the weight any more
                raise JournalError(f"{hidden.path} was given back meanwhile, announce it again")

    def _refuse_held(self) -> None:
        held = self._hold.reason() if self._hold is not None else None
        if held is not None:
            raise JournalError(f"nothing is written: {held}")

    def _check(self, write: Write) -> None:
        if not self._open:
            raise JournalError(f"{self.path}: is not open")
        self._refuse_held()
        if not undoable(write.path):
            raise JournalError(f"{write.path} is no file of which undo is possible")
        if os.path.dirname(write.path) != write.cgroup[0].rstrip("/"):
            raise JournalError(f"{write.path} is no file of the group {write.cgroup[0]}")

    def _deadline(self, expires: float) -> float:
        """A Unix time on the monotonic clock."""
        left = expires - self._now()
        if not left <= 2 * self.lease:  # a number that is none, too
            raise JournalError(f"the lease is {self.lease:g} s, not {left:g}")
        return self._monotonic() + left

    def _told(self, entry: Entry) -> Entry:
        """An entry with a Unix time as its end."""
        return replace(entry, expires=entry.expires - self._monotonic() + self._now())


def _alike(one: Entry | None, other: Entry) -> bool:
    """Whether they are the same change, whatever its lease."""
    return one is not None and replace(one, expires=0.0, undoing=False) == replace(
        other, expires=0.0, undoing=False
    )


def recover(journal: Journal, files: UndoFiles, now: float, *, adopt: bool = False) -> list[Undone]:
    """What an agent does first: undo what the one before has left, or take it over.

    Args:
        journal: open.
        files: where to write.
        now: Unix time in seconds.
        adopt: keep, with a new lease, what is as it was left; the rest is undone.

    Returns:
        What was undone.

    Raises:
        JournalError: the file cannot be read or written.
    """
    kept = {e.path for e in journal.adopt(files, now + journal.lease)} if adopt else set()
    paths = {entry.path for entry in journal.entries()} - kept
    return journal.undo(files, only_expired=False, now=now, paths=paths)
