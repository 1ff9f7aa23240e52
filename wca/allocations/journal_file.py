"""The file of a journal: opened when trusted, appended to by several processes."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wca.allocations.api import Entry, JournalError
from wca.allocations.ledger import Key, Ledger, record_of_entry
from wca.allocations.records import VERSION, Lines, encode_record
from wca.allocations.trust import ReadOnlyError, make_folder, open_trusted
from wca.durable import replace_file

__all__ = ["JournalFile", "boot_id"]

#: Seconds to wait for another process that has the file locked; one that was stopped keeps it.
PATIENCE = 1.0
#: The same once that was in vain, until the lock was had again.
_SHORT = 0.05
#: Seconds for which an agent that starts waits for one who undoes.
_UNDO = 10.0
_PAUSE = 0.01
#: Bytes from which a file that is mostly history is written anew.
_LARGE = 256 * 1024


def boot_id() -> str:
    """Identifies this boot of the machine; source: /proc/sys/kernel/random/boot_id."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


class JournalFile:
    """Gives the entries that are in the file, and appends records.

    Args:
        path: of the file.
        boot: of this machine; entries of another one are no longer true.
    """

    def __init__(self, path: str, boot: str) -> None:
        self.path = os.path.abspath(path)
        self.ledger = Ledger()
        self._boot = boot
        self._lines = Lines()
        self._descriptor: int | None = None
        self._owner: int | None = None
        self._read_up_to = 0
        self._waited = False  # in vain, for the lock

    # -- who uses it

    def own(self) -> bool:
        """Become the agent of this journal, until ``disown``; who undoes is waited for.

        Returns:
            Whether that is so; false: another process is.

        Raises:
            JournalError: the place is not safe.
        """
        lock = f"{self.path}.lock"
        try:
            make_folder(self.path)
            descriptor = open_trusted(lock, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise JournalError(f"{lock}: cannot be made: {error.strerror}") from None
        if not _locked(descriptor, PATIENCE):
            only_watched = _locked(descriptor, 0.0, fcntl.LOCK_SH)
            if not only_watched or not _locked(descriptor, _UNDO):
                os.close(descriptor)
                return False
        self._owner = descriptor
        return True

    def watch(self) -> bool:
        """Keep any process from becoming the agent, until ``disown``.

        Returns:
            Whether that is so; false: one is the agent already, or nobody knows.

        Raises:
            JournalError: the place is not safe.
        """
        lock = f"{self.path}.lock"
        try:
            try:
                descriptor = open_trusted(lock, os.O_RDWR | os.O_CREAT)
            except ReadOnlyError:
                descriptor = open_trusted(lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        if not _locked(descriptor, 0.0, fcntl.LOCK_SH):
            os.close(descriptor)
            return False
        self._owner = descriptor
        return True

    def disown(self) -> None:
        """Let another process be the agent; safe twice."""
        descriptor, self._owner = self._owner, None
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Close the file; safe twice."""
        self.disown()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    # -- reading and writing

    @contextlib.contextmanager
    def locked(self, *, insist: bool) -> Iterator[bool]:
        """Keep other processes from appending, and know all that they have appended.

        Args:
            insist: whether to give up when another process keeps the lock; false: go on without it,
                as the guardian has to when the agent was stopped with the lock in its hand.

        Yields:
            Whether the lock was had.

        Raises:
            FileNotFoundError: there is no journal.
            JournalError: it cannot be trusted or read, or another process keeps it locked.
        """
        descriptor = self._lock(insist=insist)
        try:
            self._catch_up(descriptor)
            yield not self._waited
        finally:
            if self._descriptor is not None:  # of the file that is there now
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def append(self, record: Mapping[str, Any], *, durable: bool = True) -> None:
        """Add a record; it is on the disk when this returns.

        Args:
            record: to add; the caller has the lock.
            durable: whether to wait for the disk.

        Raises:
            JournalError: it is not there as a whole.
        """
        data = encode_record(record)
        descriptor = self._open_descriptor()
        try:
            written = os.write(descriptor, data)  # whole or cut, never mixed with another's
            if durable:
                os.fdatasync(descriptor)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be written: {error.strerror}") from None
        self._catch_up(descriptor)
        if written != len(data):
            raise JournalError(f"{self.path}: cannot be written: the disk is full")

    def begin(self, entries: Mapping[Key, Entry]) -> None:
        """Make the file where there is none, or none any more.

        Args:
            entries: that it is to have; the caller is the agent of the journal.

        Raises:
            JournalError: it cannot be made.
        """
        if os.path.lexists(self.path):
            return
        if self._owner is not None and not os.path.lexists(f"{self.path}.lock"):
            self.disown()
            self.own()
        self._replace(record_of_entry(key, entry) for key, entry in entries.items())

    def compact(self, *, always: bool = False) -> None:
        """Write the file anew with what is in force, where much of it is history.

        The caller has the lock, and is the agent of the journal. Raises JournalError.
        """
        size = os.fstat(self._open_descriptor()).st_size
        if not always and size < _LARGE + 2048 * len(self.ledger.entries):
            return
        self._replace(record_of_entry(key, entry) for key, entry in self.ledger.entries.items())
        self._lock(insist=False)
        self._catch_up(self._open_descriptor())

    def problems(self) -> list[str]:
        """What was found wrong with the file, in sentences."""
        lost = self._lines.damaged + self.ledger.strange
        found = [f"{self.path}: {lost} records are damaged and were left out"] if lost else []
        if self._lines.cut:
            found.append(f"{self.path}: ends within a record, which was left out")
        return found

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise JournalError(f"{self.path}: is not open")
        return self._descriptor

    def _lock(self, *, insist: bool) -> int:
        """The descriptor of the file that is at the path now, locked."""
        while True:
            descriptor = self._present()
            self._waited = not _locked(descriptor, _SHORT if self._waited else PATIENCE)
            if self._waited:
                if insist:
                    raise JournalError(f"{self.path}: another process keeps it locked")
                return descriptor
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self.path).st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            # it was replaced between the two

    def _present(self) -> int:
        try:
            inode = os.stat(self.path, follow_symlinks=False).st_ino
        except FileNotFoundError:
            raise
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened: {error.strerror}") from None
        if self._descriptor is None or os.fstat(self._descriptor).st_ino != inode:
            try:
                fresh = open_trusted(self.path, os.O_RDWR | os.O_APPEND)
            except ReadOnlyError:  # what is in it can be undone nevertheless
                fresh = open_trusted(self.path, os.O_RDONLY)
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = fresh
            self._anew()
        return self._descriptor

    def _anew(self) -> None:
        self.ledger, self._lines, self._read_up_to = Ledger(), Lines(), 0

    def _catch_up(self, descriptor: int) -> None:
        try:
            if os.fstat(descriptor).st_size < self._read_up_to:
                self._anew()  # somebody has cut it
            while data := os.pread(descriptor, 1 << 20, self._read_up_to):
                self._read_up_to += len(data)
                for record in self._lines.feed(data):
                    self.ledger.apply(record)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be read: {error.strerror}") from None
        except JournalError as error:
            self._read_up_to = 0
            self._anew()
            raise JournalError(f"{self.path}: {error}") from None
        if self.ledger.boot not in (None, self._boot):  # the kernel has forgotten everything
            self.ledger.entries.clear()

    def _replace(self, records: Iterable[Mapping[str, Any]]) -> None:
        header = {"kind": "journal", "version": VERSION, "boot": self._boot}
        data = b"".join(map(encode_record, (header, *records)))
        try:
            replace_file(self.path, data)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be written: {error.strerror}") from None


def _locked(descriptor: int, patience: float, kind: int = fcntl.LOCK_EX) -> bool:
    for left in range(int(patience / _PAUSE), -1, -1):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            if left:
                time.sleep(_PAUSE)
        else:
            return True
    return False
