"""What goes through the gate, and what the journal keeps of it.

The guardian imports this module: it knows the standard library and ``wca.errors`` only.
"""

from dataclasses import dataclass

from wca.errors import WcaError

__all__ = ["APPLIED", "FAILED", "UNKNOWN", "Entry", "JournalError", "Undone", "Write"]

#: Outcomes of a write for ``Journal.settle``: the kernel has taken it.
APPLIED = "applied"
#: Nobody knows, as after a deadline: the value may be there, now or later.
UNKNOWN = "unknown"
#: The kernel has refused it and has changed nothing; so does every other text that says why.
FAILED = "failed"


class JournalError(WcaError):
    """The journal cannot be used, or refuses; nothing may be written to the kernel then."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write to one file of the kernel.

    Args:
        path: of the file, absolute.
        old: what was read before, as the kernel writes it.
        new: what is to be written, as the kernel writes it.
        task_id: of the task that it is for.
        type: the allocation type, such as ``cpu_quota``.
        cgroup: the folder of the group and its inode number: its identity.
        implied: the kernel makes this change by itself, together with the next write: nothing is
            written for it, but the value is given back. ``cpu.idle`` has one, of ``cpu.shares`` or
            ``cpu.weight``: going to 1 hides the value, going back to 0 sets the default.
    """

    path: str
    old: str
    new: str
    task_id: str
    type: str
    cgroup: tuple[str, int]
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A change that is in force, or may be.

    Args:
        path: of the kernel's file.
        original: the value before our first write.
        ours: the value of our last write.
        settled: the value of the last write that was made, as written and as read back.
        pending: values whose write may have been made, or may still be to come.
        cgroup: folder and inode number of the group.
        expires: end of the lease, Unix time in seconds.
        task_id: of the task.
        type: the allocation type.
        owner: who asked for it.
        since: Unix time of the first write in seconds.
        implied: whether the last value came about by itself, see ``Write``.
        undoing: undo has begun and could not end: no lease keeps it any more.
    """

    path: str
    original: str
    ours: str
    settled: tuple[str, ...]
    pending: tuple[str, ...]
    cgroup: tuple[str, int]
    expires: float
    task_id: str = ""
    type: str = ""
    owner: str = ""
    since: float = 0.0
    implied: bool = False
    undoing: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """All values that are recognised as ours."""
        return (*self.settled, *self.pending)

    @property
    def write(self) -> Write:
        """The last write, with the original value as its old one."""
        return Write(
            *(self.path, self.original, self.ours, self.task_id, self.type, self.cgroup),
            implied=self.implied,
        )


@dataclass(frozen=True, slots=True)
class Undone:
    """What undo did about one entry.

    Args:
        entry: the entry as it was.
        outcome: ``restored``; ``already``: the original value was there; ``gone``: the group is no
            more, or another one; ``foreign``: somebody else has written, nothing was touched;
            ``waiting``: the agent lives and has not made this write yet; ``failed``: the kernel
            refused, it is tried again.
        detail: the kernel's reason, or the value that somebody else has written.
    """

    entry: Entry
    outcome: str
    detail: str = ""

    @property
    def path(self) -> str:
        """Of the kernel's file."""
        return self.entry.path

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome}{self.detail and f' ({self.detail})'}"
