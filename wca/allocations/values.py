"""Whether two texts of a kernel file say the same, and which part of a file a value is about."""

import os
import re

__all__ = ["current_value", "key_of", "may_take_time", "same_value"]

#: Begins a value that is one line of several: a device of io.max and blkio.*, a resource of a
#: resctrl schemata.
_DEVICE = re.compile(r"\s*(\d+:\d+) ")
_RESOURCE = re.compile(r"\s*([A-Z][A-Z0-9_]*):")
_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
_PAGE = os.sysconf("SC_PAGESIZE")
#: A list longer than what any machine has as CPUs is compared as text.
_MOST = 1 << 16


def key_of(value: str) -> str:
    """The device or resource that a value is about, where its file has a line for each, else ''."""
    if "\n" in value.strip():
        return ""
    found = _DEVICE.match(value) or _RESOURCE.match(value)
    return found[1] if found else ""


def current_value(text: str, like: str, path: str) -> str:
    """What a file says of the thing that a value is about.

    Args:
        text: the whole file.
        like: a value of the same kind.
        path: of the file: what a device without a line has depends on it.
    """
    key = key_of(like)
    if not key:
        return text.strip()
    for line in text.splitlines():
        if key_of(line.rstrip() + " ") == key:
            return line.strip()
    if key[0].isdigit():  # the kernel has no line for a device without a limit
        return f"{key} {_without_limit(like, path)}"
    return ""


def may_take_time(path: str) -> bool:
    """Whether a write to this file may reclaim memory: seconds, or for ever."""
    return os.path.basename(path).startswith("memory.")


def same_value(one: str, other: str, path: str = "") -> bool:
    """Whether two values are the same one, however they are spelt.

    Args:
        one: value.
        other: value.
        path: of their file: sizes of memory are the same up to a whole page.
    """
    a, b = _normal(one), _normal(other)
    if a == b:
        return True
    if not os.path.basename(path).startswith("memory."):
        return False
    if not (a.isascii() and b.isascii() and a.isdigit() and b.isdigit()):
        return False
    x, y = int(a), int(b)
    # The kernel reads limits back rounded down to pages.
    return min(x, y) >= _PAGE * 16 and x // _PAGE == y // _PAGE and 0 in (x % _PAGE, y % _PAGE)


def _without_limit(like: str, path: str) -> str:
    rest = like.split(None, 1)[1].strip() if len(like.split(None, 1)) > 1 else ""
    if "=" in rest:
        return " ".join(f"{part.partition('=')[0]}=max" for part in rest.split())
    return "default" if "weight" in os.path.basename(path) else "0"


def _normal(value: str) -> str:
    text = "\n".join(" ".join(line.split()) for line in value.strip().splitlines())
    if _LIST.fullmatch(text) and not text.isdigit():
        return _numbers(text)
    return text


def _numbers(text: str) -> str:
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first)
        if end - begin > _MOST or end > _MOST:
            return text
        numbers.update(range(begin, end + 1))
    return ",".join(map(str, sorted(numbers)))
