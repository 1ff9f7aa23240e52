"""The folder of a spool: safe, used by one agent, and with room for a file that is damaged."""

import fcntl
import os
import stat
import time
from contextlib import suppress

from wca.errors import StartError

__all__ = ["Place"]

#: Damaged files that are kept; the oldest make room.
MOST_DAMAGED = 3
#: What SQLite puts beside its file.
_COMPANIONS = ("", "-wal", "-shm", "-journal")


class Place:
    """Where the file of a spool is.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._folder = os.path.dirname(self.path)
        self._lock: int | None = None

    def problems(self) -> list[str]:
        """What keeps this process from using the file, in sentences; changes nothing."""
        problem = self._problem()
        return [f"the spool {self.path} cannot be used: {problem}"] if problem else []

    def take(self) -> None:
        """Make the folder where there is none, and keep other agents away from the file.

        Raises:
            StartError: it is not safe there, or another agent is using the file.
        """
        for problem in self.problems():
            raise StartError(problem)
        try:
            _make_folder(self._folder)
            self._lock = self._locked()
        except OSError as error:
            raise StartError(f"the spool {self.path} cannot be used: {error}") from error

    def give_back(self) -> None:
        """Let other agents use the file; safe twice. In a forked process the lock stays."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def sync(self) -> None:
        """Make sure that the names of the files survive a power cut. Raises OSError."""
        _sync_folder(self._folder)

    def set_aside(self, now: float) -> str:
        """Rename a damaged file and what belongs to it, and remove older ones.

        Args:
            now: Unix time in seconds.

        Returns:
            The path it has now.

        Raises:
            OSError: it cannot be renamed.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        target, count = f"{self.path}.corrupt-{moment}", 1
        while os.path.lexists(target):
            count += 1
            target = f"{self.path}.corrupt-{moment}-{count}"
        # The file first: a log without its file is recognised at the next start, a file without its
        # log looks sound and is not.
        for companion in _COMPANIONS:
            with suppress(FileNotFoundError):
                os.rename(self.path + companion, target + companion)
        self._remove_oldest()
        return target

    def _remove_oldest(self) -> None:
        start = f"{os.path.basename(self.path)}.corrupt-"
        names = [name for name in os.listdir(self._folder) if name.startswith(start)]
        kinds = tuple(kind for kind in _COMPANIONS if kind)
        bases = {name.removesuffix(next(filter(name.endswith, kinds), "")) for name in names}
        paths = [os.path.join(self._folder, base) for base in bases]
        for path in sorted(paths, key=_age)[:-MOST_DAMAGED]:
            for companion in _COMPANIONS:
                with suppress(FileNotFoundError):
                    os.unlink(path + companion)

    def _problem(self) -> str | None:
        try:
            return _folder_problem(self._folder) or _file_problem(self.path)
        except OSError as error:
            return f"{error.strerror}: {error.filename}"

    def _locked(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(f"{self.path}.lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StartError(
                f"the spool {self.path} is in use by process {owner or 'unknown'}: "
                "give each storage a file of its own, and start one agent"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _age(path: str) -> tuple[str, int]:
    """Moment and count of a damaged file's name, for sorting."""
    moment, _, count = path.rpartition(".corrupt-")[2].partition("-")
    return moment, int(count) if count.isdecimal() else 1


def _folder_problem(folder: str) -> str | None:
    if os.path.islink(folder):
        return f"{folder} is a symbolic link: write the path of the folder itself"
    if not os.path.exists(folder):
        parent = os.path.dirname(folder)
        while not os.path.exists(parent):
            parent = os.path.dirname(parent)
        if os.access(parent, os.W_OK | os.X_OK):
            return None
        return f"there is no folder {folder}, and no right to make it: make it"
    status = os.stat(folder)
    if not stat.S_ISDIR(status.st_mode):
        return f"{folder} is not a folder"
    if status.st_uid not in (os.geteuid(), 0):
        return f"{folder} belongs to user {status.st_uid}: name a folder of the agent's user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write the folder {folder}: run chmod go-w {folder}, or name another"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"no right to write in the folder {folder}"
    return None


def _file_problem(path: str) -> str | None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        return "it is not a regular file: write the path of a file"
    return None if os.access(path, os.R_OK | os.W_OK) else "no right to read and write it"


def _make_folder(folder: str) -> None:
    """Make a folder and what it is in, for this user alone, so that it survives a power cut."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folder(parent)
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    _sync_folder(parent)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
