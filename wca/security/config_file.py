"""Whether a file may be trusted to say what an agent with many rights shall do."""

import os
import stat

from wca.errors import ConfigLoadError

__all__ = ["MAX_CONFIG_BYTES", "read_config"]

MAX_CONFIG_BYTES = 1_000_000


def read_config(path: str, *, check_owner: bool = True) -> bytes:
    """Read a configuration file.

    It is opened first and judged by its descriptor, so that what was judged is what is read; a
    symbolic link leads to the file that is judged.

    Args:
        path: of the file.
        check_owner: whether its owner and permissions are checked; a file that is only looked at
            need not be safe.

    Raises:
        ConfigLoadError: it cannot be read, is not a regular file, is too large, or others than its
            owner can change it.
    """
    if "\0" in path:
        raise ConfigLoadError(f"{path!r}: a path cannot contain a NUL character")
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigLoadError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigLoadError(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        return _read(path, descriptor, check_owner=check_owner)
    except OSError as error:
        raise ConfigLoadError(f"{path}: cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read(path: str, descriptor: int, *, check_owner: bool) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigLoadError(f"{path}: is not a regular file, name a file")
    if check_owner:
        _check_owner(path, status)
        _check_folder(path)
    if status.st_size > MAX_CONFIG_BYTES:
        raise ConfigLoadError(f"{path}: is larger than {MAX_CONFIG_BYTES} bytes, split it up")
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(MAX_CONFIG_BYTES + 1)  # it may have grown in the meantime
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigLoadError(f"{path}: is larger than {MAX_CONFIG_BYTES} bytes, split it up")
    return data


def _check_owner(path: str, status: os.stat_result) -> None:
    euid = os.geteuid()
    if euid != 0 and status.st_uid not in (euid, 0):
        raise ConfigLoadError(
            f"{path}: belongs to user {status.st_uid}, the agent runs as {euid}: "
            f"run chown {euid} {path}"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigLoadError(f"{path}: others than its owner can write it, run chmod go-w {path}")


def _check_folder(path: str) -> None:
    """Whoever can write a folder can put another file or link in the place of this one."""
    folders = (os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path)))
    for folder in dict.fromkeys(folders):
        mode = os.stat(folder).st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            raise ConfigLoadError(
                f"{path}: others can replace it, because they can write its folder: "
                f"run chmod go-w {folder}"
            )
