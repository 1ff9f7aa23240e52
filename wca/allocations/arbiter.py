"""Looks whether somebody else has written what the agent has, and does what is decided about it."""

import contextlib
import functools
import logging
from collections.abc import Collection, Iterable, Sequence

from wca.allocations.api import Entry, JournalError, Write
from wca.allocations.attempts import Attempts
from wca.allocations.contract import Files, Journal
from wca.allocations.gate import Gate
from wca.allocations.idle import WHILE_IDLE
from wca.allocations.ownership import Decision, ForeignWrite, Kind, Ownership, describe
from wca.allocations.resctrl.paths import began_anew, folder_of, is_group
from wca.allocations.spec import texts_of_spec
from wca.allocators.api import AllocationType
from wca.detectors.api import TasksData

__all__ = ["Arbiter"]

log = logging.getLogger(__name__)


class Arbiter:
    """Gives up what somebody else has written, and writes it again where that is the policy.

    Once in each interval ``look`` comes before anything is written, and ``settle`` after it.

    Args:
        files: how the kernel's files are read.
        journal: what is in force.
        gate: writes.
        ownership: decides.
        attempts: tells of writes that the kernel has refused; None: nobody does.
    """

    def __init__(
        self,
        files: Files,
        journal: Journal,
        gate: Gate,
        ownership: Ownership,
        attempts: Attempts | None = None,
    ) -> None:
        self._files = files
        self._journal = journal
        self._gate = gate
        self._ownership = ownership
        self._attempts = attempts
        #: What was found in the last interval.
        self.found: Sequence[ForeignWrite] = ()

    @property
    def yielded(self) -> int:
        """Files that are left to somebody else."""
        return self._ownership.count

    def look(self, tasks: TasksData, now: float) -> dict[str, Entry]:
        """What is in force, by path; also, without a value of ours, what is somebody else's.

        What was done to a group that is gone is gone with it.

        Args:
            tasks: those that there are, with what they have asked for.
            now: monotonic time in seconds.

        Raises:
            JournalError: the journal cannot be read.
        """
        self.found = ()
        entries = self._in_force()
        self._ownership.keep(now, self._is_there, self._read)
        self.found = self._foreign(entries, tasks, now)
        for one in self.found:
            level = logging.INFO if one.decision is Decision.REASSERT else logging.WARNING
            log.log(level, "%s", describe(one))
        return self.known(now)

    def known(self, now: float) -> dict[str, Entry]:
        """What ``look`` gives, without looking again. Raises JournalError."""
        return self._ownership.entries(now) | {entry.path: entry for entry in self._in_force()}

    def is_theirs(self, paths: Iterable[str], now: float) -> bool:
        """Whether one of these files has to be left alone now."""
        return any(self._ownership.is_theirs(path, now) for path in paths)

    def settle(self, asked: Collection[str], now: float, *, quiet: bool) -> None:
        """Write again what is due and what nobody asks for in this interval.

        Args:
            asked: files that requests of this interval are about.
            now: monotonic time in seconds.
            quiet: whether nothing may be written.
        """
        try:
            ours = {entry.path for entry in self._journal.entries()}
            for entry in self._ownership.due(now):
                if entry.path in ours:
                    self._ownership.take(entry.path)
                elif entry.path not in asked and not quiet:
                    self._again(entry)
            if self._attempts is not None:
                self._attempts.settle(self._journal.entries())
        except JournalError:
            return  # it is said where the next interval begins

    def close(self) -> None:
        """Watch no file any more; safe twice."""
        if self._attempts is not None:
            self._attempts.close()

    def _in_force(self) -> list[Entry]:
        return [entry for entry in self._journal.entries() if self._is_there(entry)]

    def _foreign(self, entries: list[Entry], tasks: TasksData, now: float) -> list[ForeignWrite]:
        attempted = self._attempts.on() if self._attempts is not None and entries else set()
        found: list[ForeignWrite] = []
        for entry in entries:
            if entry.undoing or self._ownership.is_theirs(entry.path, now):
                continue
            text = self._read(entry.path)
            if text is None or began_anew(entry.path, text):
                continue
            spec = functools.partial(_spec, entry, tasks)
            one = self._ownership.judge(
                entry, text, now, attempted=entry.path in attempted, spec=spec
            )
            if one is not None:
                found.append(one)
                self._give_up(one, entries)
        return found

    def _give_up(self, found: ForeignWrite, entries: list[Entry]) -> None:
        """Theirs; and what else belongs to the same allocation is given back.

        Not in resctrl, where other tasks may be in the group: one that is empty goes by itself.
        """
        entry = found.entry
        along = [
            other
            for other in entries
            if (other.task_id, other.type) == (entry.task_id, entry.type)
            and other.path != entry.path
            and other.type != AllocationType.RDT
        ]
        for other in along:
            self._ownership.along(other, found)
        paths = {other.path for other in along}
        # A journal that takes no more has the entry still, and sees for itself whose the value is.
        with contextlib.suppress(JournalError):
            if found.kind is Kind.REFUSED:
                paths.add(entry.path)
            else:
                self._journal.forget(entry.path)
            if paths:
                self._journal.undo(self._files, only_expired=False, now=0.0, paths=paths)

    def _again(self, entry: Entry) -> None:
        """The agent's value, which nobody has asked for since: it is to stay as it was."""
        self._ownership.take(entry.path)
        if folder_of(entry.path) is not None or is_group(entry.path):
            return  # by itself it would be a group without its rows, or a place in none
        there = self._read(entry.path)
        if there is None or there == entry.ours or entry.implied or not self._is_there(entry):
            return
        write = Write(entry.path, there, entry.ours, entry.task_id, entry.type, entry.cgroup)
        for reason in self._gate.apply([*self._hidden(write), write]).values():
            log.warning("%s is not written again: %s", entry.path, reason)

    def _hidden(self, write: Write) -> list[Write]:
        """The weight that goes away with the idle class; see ``wca.allocations.idle``."""
        if not write.path.endswith("/cpu.idle") or write.new != "1":
            return []
        folder = write.cgroup[0]
        found = {name: self._read(f"{folder}/{name}") for name in WHILE_IDLE}
        return [
            Write(
                f"{folder}/{name}",
                text,
                WHILE_IDLE[name],
                write.task_id,
                write.type,
                write.cgroup,
                implied=True,
            )
            for name, text in found.items()
            if text is not None
        ]

    def _is_there(self, entry: Entry) -> bool:
        return self._files.inode(entry.cgroup[0]) == entry.cgroup[1]

    def _read(self, path: str) -> str | None:
        try:
            return self._files.read(path)
        except OSError:
            return None


def _spec(entry: Entry, tasks: TasksData) -> list[str]:
    task = tasks.get(entry.task_id)
    return [] if task is None else texts_of_spec(entry.path, task.resources)
