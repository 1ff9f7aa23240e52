"""Files that have a line for each block device: each line is a value by itself.

The gate, the journal and undo know such a line by the path of the file, ``@``, and the number of
the device: ``/sys/fs/cgroup/batch/io.max@8:0``. Reading it gives the line, also where the kernel
shows none because there is no limit; writing it writes the file. ``io.weight@default`` is the line
for all devices without one of their own. The guardian imports this module: it knows the standard
library only.
"""

import re

from wca.allocations.values import current_value

__all__ = ["LINES", "divided", "line_of", "with_device"]

#: Names of these files, as part of a regular expression.
_LIMITS = r"io\.max|blkio\.throttle\.[a-z]+_[a-z]+_device"
_WEIGHTS = r"io\.(?:bfq\.)?weight"
#: By what their lines are known, as part of a regular expression.
LINES = rf"(?:(?:{_LIMITS})@[0-9]+:[0-9]+|(?:{_WEIGHTS})@default)"

_PATH = re.compile(rf"(?=.*/{LINES}\Z)(.*)@([^@]+)", re.DOTALL)
_DEFAULT = "default"
_NO_LIMIT = {"io.max": "rbps=max wbps=max riops=max wiops=max"}


def with_device(path: str, device: str) -> str:
    """By what the line of a device is known."""
    return f"{path}@{device}"


def divided(path: str) -> tuple[str, str]:
    """The path of a file, and the device whose line is meant; without one it is empty."""
    found = _PATH.fullmatch(path)
    return (found[1], found[2]) if found else (path, "")


def line_of(text: str, device: str, path: str) -> str:
    """What a file says of a device.

    Args:
        text: the whole file.
        device: its number; empty: all of them.
        path: of the file.
    """
    if not device:
        return text
    if device == _DEFAULT:
        lines = [line.strip() for line in text.splitlines() if line.startswith(_DEFAULT)]
        return lines[0] if lines else text
    no_limit = _NO_LIMIT.get(path.rpartition("/")[2], "0")
    return current_value(text, f"{device} {no_limit}", path)
