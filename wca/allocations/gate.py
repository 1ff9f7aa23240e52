"""The gate: applies writes one by one, each in the journal before it is in the kernel."""

import errno
import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace

from wca.allocations.api import APPLIED, FAILED, UNKNOWN, JournalError, Write
from wca.allocations.changes import inverse
from wca.allocations.contract import Files, Journal
from wca.allocations.devices import divided
from wca.allocations.slow import SlowWrites

__all__ = ["ALL_OR_NONE", "Gate", "reason_of"]

#: Why a request failed that could have been made by itself.
ALL_OR_NONE = "another one failed, and all or none was asked for"

_GONE = (errno.ENOENT, errno.ENODEV)
#: Bytes of the largest page: limits of memory are rounded down to pages.
_LARGEST_PAGE = 1 << 16

Key = tuple[str, str]


class Gate:
    """Writes to the kernel, and to nothing but what it was given.

    Args:
        files: how the kernel's files are read and written.
        journal: where every write is before it is made.
        owner: in whose name.
        expires: gives the Unix time until which a write made now is to last.
        slow_types: types of which a write may take its time.
        slow: where those are made.
    """

    def __init__(
        self,
        files: Files,
        journal: Journal,
        owner: str,
        expires: Callable[[], float],
        slow_types: frozenset[str] = frozenset(),
        slow: SlowWrites | None = None,
    ) -> None:
        self._files = files
        self._journal = journal
        self._owner = owner
        self._expires = expires
        self._slow_types = slow_types
        self._slow = SlowWrites() if slow is None else slow
        self._late: Write | None = None
        self._owed: list[Write] = []

    def apply(self, writes: Sequence[Write], *, whole: bool = False) -> dict[Key, str]:
        """Make writes in their order.

        A request of which one fails is taken back, and costs no other.

        Args:
            writes: ordered; see ``plan``.
            whole: whether the failure of one takes back all.

        Returns:
            Why requests failed, by task id and type; those that are not in it were applied.
        """
        self.settle_late()
        failed: dict[Key, str] = {}
        done: list[Write] = []
        for write in writes:
            key = (write.task_id, write.type)
            if key in failed or (whole and failed):
                continue
            known = self._identified(write)
            reason = self._make(known)
            if reason is None:
                done.append(known)
            else:
                failed[key] = reason
                mine = [one for one in done if whole or (one.task_id, one.type) == key]
                done = [one for one in done if one not in mine]
                failed[key] += self._take_back(mine)
        if whole and failed:
            keys = dict.fromkeys((one.task_id, one.type) for one in writes)
            return dict.fromkeys(keys, ALL_OR_NONE) | failed
        return failed

    def settle_late(self) -> None:
        """Tell the journal of a write that has taken longer than was waited for.

        What has to be taken back, and waits behind that write, is taken back now.
        """
        if self._slow.busy:
            return
        late, self._late = self._late, None
        if late is not None:
            self._settle_late(late)
        owed, self._owed = self._owed, []
        for write in owed:
            self._take_back_one(write)

    def close(self, timeout: float) -> None:
        """End the thread for slow writes."""
        self._slow.close(timeout)
        self._owed = []  # all is undone now, that too
        self.settle_late()

    def _settle_late(self, late: Write) -> None:
        try:
            there = self._files.read(late.path)
        except OSError:
            self._settle(late, UNKNOWN)
        else:
            self._settle(late, {late.new: APPLIED, late.old: FAILED}.get(there, UNKNOWN))

    @property
    def under_way(self) -> frozenset[str]:
        """Files that a write may still come to, which the journal was told of."""
        return frozenset() if self._late is None else frozenset({self._late.path})

    def _take_back(self, writes: Sequence[Write]) -> str:
        """Undo what was written of a request that failed; what is wrong with that, if anything."""
        problems = [self._take_back_one(write) for write in inverse(writes)]
        told = [problem for problem in problems if problem]
        return f"; and what was written cannot be taken back: {told[0]}" if told else ""

    def _take_back_one(self, write: Write) -> str | None:
        """As ``_make``, when the slow write before it is finished."""
        if write.type in self._slow_types and self._slow.busy:
            self._owed.append(write)
            return "not before an earlier write of this kind has finished"
        return self._make(write)

    def _make(self, write: Write) -> str | None:
        """One write; None: it was made, else why not."""
        try:
            problem = self._not_now(write)
        except OSError as error:
            problem = reason_of(error, write.path)
        if problem is not None:
            return problem
        try:
            self._journal.intend(write, self._owner, self._expires())
        except JournalError as error:
            return f"the journal cannot be written: {error}"
        if write.implied:
            self._settle(write, APPLIED)
            return None
        return self._write(write)

    def _identified(self, write: Write) -> Write:
        """With the group, and what is in its file, where an earlier write has made that group."""
        folder, inode = write.cgroup
        try:
            found = None if inode else self._files.inode(folder)
            if found is None:
                return write
            return replace(write, old=self._files.read(write.path), cgroup=(folder, found))
        except OSError:
            return write

    def _not_now(self, write: Write) -> str | None:
        """Why a write would not do what was planned."""
        folder, inode = write.cgroup
        if self._files.inode(folder) != inode:
            return "its cgroup is gone"
        if write.implied:
            return None
        there = self._files.read(write.path)
        if there != write.old:
            return f"somebody else has written {there!r} to {posixpath.basename(write.path)}"
        if write.type in self._slow_types and self._slow.busy:
            return "an earlier write of this kind has not finished"
        return None

    def _write(self, write: Write) -> str | None:
        try:
            if write.type not in self._slow_types:
                self._files.write(write.path, write.new)
            else:
                self._late = write  # before it is waited for: a signal may end that
                if not self._slow.do(lambda: self._files.write(write.path, write.new)):
                    self._settle(write, UNKNOWN)
                    return "the kernel has not finished it in time"
                self._late = None
        except OSError as error:
            self._late = None
            self._settle(write, FAILED)
            return reason_of(error, write.path)
        return self._read_back(write)

    def _read_back(self, write: Write) -> str | None:
        try:
            there = self._files.read(write.path)
        except OSError as error:
            self._settle(write, UNKNOWN)
            return reason_of(error, write.path)
        if there == write.new:
            self._settle(write, APPLIED)
            return None
        if there == write.old or not _is_rounded(write, there) or self._gives_back(write, there):
            self._settle(write, FAILED)  # what somebody else has written meanwhile is theirs
        else:
            self._settle(write, APPLIED, there)
        return f"the kernel has made {there!r} of {write.new!r}, or somebody else has written it"

    def _gives_back(self, write: Write, there: str) -> bool:
        """Write what was there before; whether it is there again."""
        try:
            if write.type not in self._slow_types:
                self._files.write(write.path, write.old)
            else:
                self._late = replace(write, old=there, new=write.old)
                if not self._slow.do(lambda: self._files.write(write.path, write.old)):
                    return False
                self._late = None
            return self._files.read(write.path) == write.old
        except OSError:
            self._late = None
            return False

    def _settle(self, write: Write, outcome: str, seen: str | None = None) -> None:
        """A journal that takes no more keeps the intention, which is enough to undo it."""
        try:
            self._journal.settle(write, outcome, seen)
        except JournalError:
            return


def _is_rounded(write: Write, there: str) -> bool:
    """Whether what is there can be nothing but what the kernel has made of what was written."""
    name = posixpath.basename(write.path)
    if name == "schemata":  # shares of bandwidth are rounded up, to what the hardware has
        return there.partition("=")[0] == write.new.partition("=")[0]
    if not (name.startswith("memory.") and there.isdigit() and write.new.isdigit()):
        return False
    return 0 <= int(write.new) - int(there) < _LARGEST_PAGE


def reason_of(error: OSError, path: str) -> str:
    """The kernel's answer in words."""
    if error.errno == errno.ENODEV and divided(path)[1]:
        return f"{posixpath.basename(path)}: there is no such disk"
    usual = os.strerror(error.errno or 0)
    if error.errno in _GONE and error.strerror in (usual, None):
        return f"{posixpath.basename(path)} is gone, or not on this kernel"
    return f"{posixpath.basename(path)}: {error.strerror or usual}"
