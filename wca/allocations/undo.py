"""Giving one file of the kernel its value back, and only where the value there is ours."""

import errno
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Protocol, TypeVar

from wca.allocations.api import Entry, Undone
from wca.allocations.idle import AFTER_IDLE
from wca.allocations.resctrl.paths import folder_of
from wca.allocations.values import current_value, same_value

__all__ = [
    "LEFT",
    "UndoFiles",
    "in_turns",
    "is_ours",
    "newest_first",
    "restore",
    "restore_weight_for_now",
    "still_ours",
]

_GONE = (errno.ENOENT, errno.ENODEV)
#: Outcomes after which an entry stays in force, and is tried again.
LEFT = ("failed", "waiting")

K = TypeVar("K", bound=Hashable)


class UndoFiles(Protocol):
    """The kernel's files. All three raise OSError for what the kernel refuses."""

    def read(self, path: str) -> str:
        """The text of a file."""

    def write(self, path: str, text: str) -> None:
        """Write to a file in one call."""

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None: it is not there."""


def newest_first(entries: Mapping[K, Entry]) -> list[K]:
    """In which order things are undone.

    Threads leave a group of resctrl before it is removed, whenever it was made: the kernel gives
    what is left in it to the root group.
    """
    newest = list(entries)[::-1]
    return sorted(newest, key=lambda key: folder_of(entries[key].path) is None)


def in_turns(keys: Iterable[K], undo_one: Callable[[K], Undone]) -> list[Undone]:
    """Undo, and what could not be undone again, as long as anything succeeds.

    The kernel refuses some values until another one was given back: on cgroup v1 a group its quota,
    while the group above it has less.

    Args:
        keys: what is to be undone, in this order.
        undo_one: does one.

    Returns:
        What became of each at last.
    """
    done: dict[K, Undone] = {}
    left = list(keys)
    while left:
        done |= {key: undo_one(key) for key in left}
        still = [key for key in left if done[key].outcome in LEFT]
        left = still if len(still) < len(left) else []
    return list(done.values())


def restore(entry: Entry, files: UndoFiles, *, alone: bool) -> Undone:
    """Undo one entry.

    Args:
        entry: what is in force.
        files: where to write.
        alone: whether no agent lives that may still make a write that it has announced.
    """
    try:
        outcome, detail = _restore(entry, files)
    except OSError as error:
        gone = error.errno in _GONE and not _same_group(entry, files)
        outcome, detail = ("gone", "") if gone else ("failed", error.strerror or str(error))
    if outcome in ("foreign", "already") and entry.pending and not alone:
        outcome = "waiting"
    elif outcome == "already" and entry.undoing:
        outcome = "restored"  # by a write that was begun and not waited for
    return Undone(entry, outcome, detail)


def restore_weight_for_now(entry: Entry, files: UndoFiles) -> Undone:
    """Undo the weight of a group whose ``cpu.idle`` has an entry in force, which goes first.

    It stays in force: a hanging agent may still make the write of ``cpu.idle`` that it has
    announced, and the weight is lost with it. Until then the group is not left without its weight.

    Args:
        entry: of the weight, implied by the one of ``cpu.idle``.
        files: where to write.
    """
    try:
        if files.read(f"{entry.cgroup[0]}/cpu.idle") == "0":
            _restore(entry, files)
    except OSError:  # said when it is its turn
        pass
    return Undone(entry, "waiting", "cpu.idle goes first")


def still_ours(entry: Entry, files: UndoFiles) -> str | None:
    """The value in the file, where it is ours and the group is the same; None where not."""
    try:
        if not _same_group(entry, files):
            return None
        current = current_value(files.read(entry.path), entry.original, entry.path)
    except OSError:
        return None
    return current if is_ours(entry, current) else None


def _same_group(entry: Entry, files: UndoFiles) -> bool:
    folder, inode = entry.cgroup
    return files.inode(folder) == inode


def _restore(entry: Entry, files: UndoFiles) -> tuple[str, str]:
    if not _same_group(entry, files):
        return "gone", ""
    current = current_value(files.read(entry.path), entry.original, entry.path)
    if same_value(current, entry.original, entry.path):
        if folder_of(entry.path) is not None:
            # A way there or back that was cut has taken some of the threads along.
            files.write(entry.path, entry.original)
        return "already", ""
    if not is_ours(entry, current):
        return "foreign", current
    try:
        files.write(entry.path, entry.original)
    except OSError as error:
        if error.errno != errno.ENOSPC or entry.original:
            raise
        return _as_above(entry, files)
    found = current_value(files.read(entry.path), entry.original, entry.path)
    if not same_value(found, entry.original, entry.path):
        return "failed", f"it reads {found!r} after {entry.original!r} was written"
    return "restored", ""


def _as_above(entry: Entry, files: UndoFiles) -> tuple[str, str]:
    """A cpuset of cgroup v2 gets what the group above has: that is what an empty one means.

    While it has processes the kernel takes no empty one (kernel/cgroup/cpuset.c,
    ``validate_change``).
    """
    folder, _, name = entry.path.rpartition("/")
    wanted = files.read(f"{folder.rpartition('/')[0]}/{name}.effective")
    files.write(entry.path, wanted)
    found = files.read(entry.path)
    if not same_value(found, wanted):
        return "failed", f"it reads {found!r} after {wanted!r} was written"
    return "restored", f"with {wanted}, as the group above: it cannot be empty with processes in it"


def is_ours(entry: Entry, current: str) -> bool:
    """Whether a value in the file of an entry was written by the agent."""
    if any(same_value(current, value, entry.path) for value in entry.values):
        return True
    # The kernel has set the default when the group left the idle class that we had put it into.
    return entry.implied and current == AFTER_IDLE.get(entry.path.rpartition("/")[2])
