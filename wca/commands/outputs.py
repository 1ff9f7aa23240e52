"""Files that a command writes: never those that it reads, and whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from wca.durable import UNFINISHED
from wca.errors import UsageError

__all__ = ["refuse_inputs", "replaced"]


def refuse_inputs(option: str, path: str | None, inputs: Iterable[str | None]) -> None:
    """Refuse to write what is read, under whatever name or link.

    Args:
        option: that names the output.
        path: of the output; None: there is none.
        inputs: files that are read; None: none is.

    Raises:
        UsageError: they are the same file.
    """
    for one in inputs:
        if path is None or one is None:
            continue
        with contextlib.suppress(OSError):  # it is not there yet
            if os.path.samefile(path, one):
                raise UsageError(f"{option} {path} is {one}, which is read: write another file")


@contextlib.contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """A file to write to that takes its name at the end, when everything went well.

    A pipe or a device is written to as it is.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be written.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as file:
            yield file
        return
    folder, name = os.path.split(target)
    unfinished = os.path.join(folder, f"{UNFINISHED}{os.getpid()}-{name}")
    try:
        with open(unfinished, "xb") as file:
            yield file
        os.replace(unfinished, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
