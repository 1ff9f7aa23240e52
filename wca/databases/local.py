"""A database in a folder of this machine."""

import contextlib
import os
import stat
import time
from typing import Annotated

from wca.config.types import Path
from wca.databases.api import Database, DatabaseError, check_key
from wca.durable import UNFINISHED, replace_file
from wca.errors import StartError, ValidationError

__all__ = ["LocalDatabase"]

#: Seconds after which nobody is writing such a file any more.
_ABANDONED = 3600.0


class LocalDatabase(Database):
    """Keeps each value in a file named as its key.

    A value is written beside the old one, forced to the disk and then renamed, so that a reader, a
    killed agent and a power cut find either the old one or the new one, whole. Several processes
    may use one folder.

    Args:
        directory: the folder; it is made when it is missing, for the agent's user alone, as are
            its files.

    Raises:
        ValidationError: the path is empty.
    """

    def __init__(self, directory: Annotated[str, Path()]) -> None:
        if not directory:
            raise ValidationError("directory is empty: write the path of a folder")
        self.directory = directory

    def check(self) -> list[str]:
        """What would keep this process from writing on this machine."""
        existing = os.path.abspath(self.directory)
        while not os.path.lexists(existing):
            existing = os.path.dirname(existing)
        if not os.path.isdir(existing):
            return [f"{self.directory} cannot be a folder: {existing} is a file"]
        if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
            return [f"{self.directory} cannot be written: {existing} is not for this user"]
        return []

    def start(self) -> None:
        """Make the folder, and remove what a killed process left unfinished in it.

        Raises:
            StartError: the folder cannot be made or read.
        """
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            _remove_unfinished(self.directory)
        except OSError as error:
            raise StartError(
                f"LocalDatabase cannot use {self.directory}: {error.strerror}; "
                "write a folder of the agent's own as directory"
            ) from error

    def set(self, key: bytes, value: bytes) -> None:
        """Keep a value; once this has returned, it survives a power cut.

        Raises:
            InvalidKey: see ``Database``.
            DatabaseError: the disk did not take it.
        """
        path = os.path.join(self.directory, check_key(key))
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            replace_file(path, value)
        except OSError as error:
            raise DatabaseError(f"cannot write {path}: {error.strerror}") from error

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None.

        Raises:
            InvalidKey: see ``Database``.
            DatabaseError: there is something of this name that cannot be read, or is no file.
        """
        path = os.path.join(self.directory, check_key(key))
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DatabaseError(f"cannot read {path}: {error.strerror}") from error


def _read(path: str) -> bytes:
    # Not through a symbolic link, and without waiting for the writer of a named pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DatabaseError(f"cannot read {path}: it is not a regular file")
        return file.read()


def _remove_unfinished(folder: str) -> None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(UNFINISHED)]
    for path in (os.path.join(folder, name) for name in names):
        with contextlib.suppress(FileNotFoundError):  # its writer has finished it now
            if time.time() - os.lstat(path).st_mtime > _ABANDONED:
                os.unlink(path)
