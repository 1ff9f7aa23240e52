"""Several files of the kernel, read in one go."""

import os
from array import array
from collections.abc import Sequence
from functools import lru_cache

from wca.errors import NotAvailable
from wca.linux.files import OpenFile
from wca.linux.kernel_file import Calls, KernelFile

__all__ = ["FileGroup"]

# Stands for the descriptor of a file that is read by itself.
_ALONE = -1


class FileGroup:
    """Files that are read together, one after the other, each with one ``pread``.

    With a thousand tasks, a read costs little beside the memory that is touched around it. So what
    a plain read needs stands side by side here, and a file is asked itself only where one plain
    read does not do: its content has outgrown the buffer, it has no descriptor, or it was refused.

    Args:
        files: open files; whoever closes them closes the group.
    """

    __slots__ = ("_calls", "_descriptors", "_plain", "_sizes", "_wholes", "files")

    def __init__(self, files: Sequence[OpenFile]) -> None:
        self.files = tuple(files)
        self._calls = next((file.calls for file in files if type(file) is KernelFile), Calls())
        self._descriptors = array("i", [_ALONE] * len(files))
        self._sizes = self._wholes = (0,) * len(files)
        for position in range(len(files)):
            self._learn(position)
        self._count()

    def read(self) -> list[bytes | None]:
        """The contents in the order of the files; None for one that cannot be read now.

        Raises:
            TargetGone: what a file describes was removed.
        """
        pread = os.pread
        self._calls.reads += self._plain
        contents: list[bytes | None] = []
        for descriptor, size, whole in zip(
            self._descriptors, self._sizes, self._wholes, strict=True
        ):
            data = None
            if descriptor != _ALONE:
                try:
                    data = pread(descriptor, size, 0)
                except OSError:
                    data = None  # the file itself knows what that means
            if data is None or len(data) > whole:
                data = self._read_alone(len(contents))
            contents.append(data)
        return contents

    def close(self) -> None:
        """Close all files; safe twice."""
        for position, file in enumerate(self.files):
            file.close()
            self._learn(position)
        self._count()

    def _read_alone(self, position: int) -> bytes | None:
        file = self.files[position]
        try:
            data = file.read()
        except NotAvailable:
            data = None
        self._learn(position)
        if data is None or len(data) > self._wholes[position]:
            self._descriptors[position] = _ALONE
        self._count()
        return data

    def _learn(self, position: int) -> None:
        """Take over what a plain read of a file needs now."""
        file = self.files[position]
        if type(file) is KernelFile and file.calls is self._calls:
            self._descriptors[position] = file.descriptor
            self._sizes = _with(self._sizes, position, file.size)
            self._wholes = _with(self._wholes, position, file.whole)

    def _count(self) -> None:
        self._plain = len(self.files) - self._descriptors.count(_ALONE)


@lru_cache(maxsize=1024)
def _with(numbers: tuple[int, ...], position: int, number: int) -> tuple[int, ...]:
    """The numbers with another one in this place: one tuple for all groups of the same files."""
    return (*numbers[:position], number, *numbers[position + 1 :])
