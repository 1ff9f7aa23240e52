"""What the gate needs of the journal and of the kernel's files."""

from collections.abc import Collection, Sequence
from typing import Protocol

from wca.allocations.api import Entry, Undone, Write

__all__ = ["Files", "Journal"]


class Files(Protocol):
    """How files of the kernel are read and written, see ``KernelFiles``."""

    def read(self, path: str) -> str:
        """The content without the end of the line. Raises OSError."""

    def write(self, path: str, text: str) -> None:
        """Write it in one call. Raises OSError."""

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None where it is absent."""


class Journal(Protocol):
    """Knows what is in force, so that it can be undone. Called from one thread."""

    def intend(self, write: Write, owner: str, expires: float) -> None:
        """Remember a write before it is made.

        Args:
            write: what will be written.
            owner: who wants it.
            expires: Unix time from which on it is to be undone, unless it is renewed.

        Raises:
            JournalError: it could not be remembered: then nothing may be written.
        """

    def settle(self, write: Write, outcome: str, seen: str | None = None) -> None:
        """Remember what became of it.

        Args:
            write: what was intended.
            outcome: APPLIED, FAILED: the kernel has changed nothing, or UNKNOWN.
            seen: what was read back, where it is another text.

        Raises:
            JournalError: it could not be remembered; the intention is, which is enough to undo it.
        """

    def renew(self, expires: float) -> None:
        """Let everything that is in force last until this Unix time. Raises JournalError."""

    def forget(self, path: str) -> None:
        """Give a file up: somebody else has written it. Raises JournalError."""

    def entries(self) -> Sequence[Entry]:
        """What is in force, in the order of the first writes. Raises JournalError."""

    def adopt(self, files: Files, expires: float) -> Sequence[Entry]:
        """Keep what an earlier agent has changed, where it is still as it was left.

        Returns:
            What is kept; the rest is to be undone.

        Raises:
            JournalError: it could not be remembered.
        """

    def undo(
        self,
        files: Files,
        *,
        only_expired: bool,
        now: float,
        paths: Collection[str] | None = None,
        busy: Collection[str] = (),
    ) -> Sequence[Undone]:
        """Restore what was there before us, the newest first, where nobody else has written.

        What the kernel refuses is tried again as long as anything else succeeds, see ``in_turns``.

        Args:
            files: how the kernel's files are written.
            only_expired: leave what has not expired.
            now: Unix time in seconds.
            paths: only these files; None: all.
            busy: files that this process is still writing: what was announced for them is still to
                come, and stays in the journal.

        Raises:
            JournalError: it cannot be used.
        """

    def close(self) -> None:
        """Close it; what is in force stays in force until it expires. Safe twice."""
