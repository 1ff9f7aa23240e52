"""Whether a journal may be trusted: what undo writes is in it, so nobody else may write it."""

import contextlib
import errno
import os
import stat

from wca.allocations.api import JournalError

__all__ = ["ReadOnlyError", "check_file", "check_folders", "make_folder", "open_trusted"]

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class ReadOnlyError(JournalError):
    """The file may be there, and this process may not write it."""


def open_trusted(path: str, flags: int) -> int:
    """Open a file and judge it by its descriptor, so that what was judged is what is used.

    Args:
        path: of the file; a symbolic link is refused.
        flags: of open(2); with O_CREAT the file is made for its owner alone.

    Returns:
        The descriptor.

    Raises:
        FileNotFoundError: there is none.
        ReadOnlyError: it must not be written, and the flags ask for that.
        JournalError: others than its owner and root can change it, or it cannot be opened.
    """
    check_folders(path)
    try:
        descriptor = os.open(path, flags | _FLAGS, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = " (a symbolic link is not followed)" if os.path.islink(path) else ""
        kind = ReadOnlyError if error.errno in _READ_ONLY else JournalError
        raise kind(f"{path}: cannot be opened: {error.strerror}{hint}") from None
    try:
        check_file(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_file(path: str, status: os.stat_result) -> None:
    """Raise JournalError for what is no regular file of this user or root, or can be changed."""
    if not stat.S_ISREG(status.st_mode):
        raise JournalError(f"{path}: is not a regular file, name another path")
    if status.st_uid not in (os.geteuid(), 0):
        raise JournalError(
            f"{path}: belongs to user {status.st_uid}, who could have anything undone: "
            f"look into it, then remove it or run chown {os.geteuid()} {path}"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise JournalError(
            f"{path}: others than its owner can write it and so have anything undone: "
            f"look into it, then run chmod 600 {path}"
        )
    if status.st_nlink > 1:
        raise JournalError(f"{path}: has a second name (a hard link), remove that or the file")


def check_folders(path: str) -> None:
    """Raise JournalError where somebody else could put another file in the place of this one."""
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    while True:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(folder)
            loose = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if loose and not status.st_mode & stat.S_ISVTX:
                raise JournalError(
                    f"{path}: others can replace it, because they can write the folder {folder}: "
                    f"run chmod go-w {folder}"
                )
            if status.st_uid not in (os.geteuid(), 0):
                raise JournalError(
                    f"{path}: user {status.st_uid} can replace it, because the folder {folder} is "
                    f"theirs: use a folder of your own"
                )
        if folder == "/":
            return
        folder = os.path.dirname(folder)


def make_folder(path: str) -> None:
    """Make the folder of a file, where it is not there. Raises OSError."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o755, exist_ok=True)
