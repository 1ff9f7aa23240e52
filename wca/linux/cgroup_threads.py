"""The threads of a control group and of those below it."""

from collections.abc import Iterator

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import parse_threads

__all__ = ["cgroup_threads"]


def cgroup_threads(files: FileTree, directory: str, version: int) -> set[int]:
    """Ids of all threads in a group and in those below.

    Source: ``tasks`` of cgroup v1, ``cgroup.threads`` of v2.

    Args:
        files: what to read through.
        directory: folder of the group.
        version: of its hierarchy.

    Raises:
        TargetGone: there is no such group.
        Malformed: a file does not hold ids of threads.
    """
    name = "tasks" if version == 1 else "cgroup.threads"
    data = _read(files, f"{directory}/{name}")
    if data is None:
        raise TargetGone(f"{directory} is gone")
    threads = parse_threads(data)
    for below in _below(files, directory):
        threads |= parse_threads(_read(files, f"{below}/{name}") or b"")
    return threads


def _read(files: FileTree, path: str) -> bytes | None:
    try:
        return files.read(path)
    except (NotAvailable, TargetGone):
        return None


def _below(files: FileTree, directory: str) -> Iterator[str]:
    for name in files.subfolders(directory) or ():
        folder = f"{directory}/{name}"
        yield folder
        yield from _below(files, folder)
