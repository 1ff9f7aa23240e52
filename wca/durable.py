"""Files that are replaced as a whole, and survive a power cut."""

import contextlib
import os

__all__ = ["UNFINISHED", "replace_file", "sync_folder"]

#: Begins the name of a file that is being written.
UNFINISHED = "~wca-"


def replace_file(path: str, data: bytes) -> None:
    """Give a file a new content, for its owner alone.

    It is written beside the old one, forced to the disk and then renamed, so that a reader, a
    killed agent and a power cut find either the old one or the new one, whole.

    Args:
        path: of the file; its folder has to be there.
        data: its content.

    Raises:
        OSError: the disk did not take it.
    """
    import tempfile  # 12 ms that an agent without such files does not need

    folder = os.path.dirname(path) or "."
    descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Force to the disk that the files of a folder have their names; see fsync(2)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
