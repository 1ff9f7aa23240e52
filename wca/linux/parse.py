"""Parsers of the forms that kernel files share: bytes in, numbers out.

They are exact: a number is taken only where the whole line has the documented form, and what is
not there is None. Only a file that consists of nothing but the number raises ``Malformed``.
"""

from collections.abc import Iterable
from functools import cache

from wca.errors import WcaError

__all__ = [
    "KeyedNumbers",
    "Malformed",
    "parse_cpu_list",
    "parse_key_numbers",
    "parse_limit",
    "parse_number",
    "parse_threads",
    "to_number",
]

# cgroup v1 says "unlimited" with the largest multiple of the page size below 2^63. No machine
# has 4 EiB, and no page size brings that number below it.
_UNLIMITED = 1 << 62

# The largest number of 64 bits has 20 digits.
_MAX_DIGITS = 20

_DIGITS_AND_ENDS = b"0123456789\n"
_MAX_THREAD_DIGITS = 10

# A list of CPUs longer than this is no list of CPUs.
_MAX_CPU = 1 << 16


class Malformed(WcaError):  # noqa: N818 - named for what the file is
    """A kernel file that has not the form its documentation gives: it costs this reading."""


def to_number(token: bytes) -> int | None:
    """The number that the token is, of at most 64 bits; None when it is something else."""
    return int(token) if token.isdigit() and len(token) <= _MAX_DIGITS else None


def parse_number(data: bytes) -> int:
    """The number of a file that holds one number, such as ``memory.current``.

    Raises:
        Malformed: anything else is in it.
    """
    digits = data.strip()
    if digits.isdigit() and len(digits) <= _MAX_DIGITS:  # to_number() without its call
        return int(digits)
    raise Malformed(f"expected one number, got {data[:40]!r}")


def parse_limit(data: bytes) -> int | None:
    """A limit in the file's unit; None when there is none (``max``, or the largest number of v1).

    Raises:
        Malformed: neither a number nor ``max`` is in it.
    """
    if data.strip() == b"max":
        return None
    number = parse_number(data)
    return None if number >= _UNLIMITED else number


class KeyedNumbers:
    """Finds the numbers of a few keys in a file of lines ``key number``.

    Where each line began is remembered: as long as no number before it gains a digit, a key costs
    one comparison. A line that is not there any more is searched for, so a changed layout is
    learned again by itself.

    Args:
        keys: what a line begins with, up to its number: ``b"nr_periods "``, ``b"MemTotal:"``.
        unit: what stands after the number: ``b" kB"`` in meminfo.
    """

    __slots__ = ("_needles", "_starts", "_unit")

    def __init__(self, keys: Iterable[bytes], unit: bytes = b"") -> None:
        self._needles = _needles(tuple(keys))
        self._starts = [0] * len(self._needles)
        self._unit = unit

    def parse(self, data: bytes) -> list[int | None]:
        """The numbers in the order of the keys; None for a key without a number."""
        text = b"\n" + data
        starts, unit = self._starts, self._unit
        numbers: list[int | None] = [None] * len(starts)
        for index, needle, length in self._needles:
            start = starts[index]
            if not text.startswith(needle, start):
                start = text.find(needle)
                if start < 0:
                    continue
                starts[index] = start
            start += length
            end = text.find(b"\n", start)
            if end < 0:  # without its line end the number may have been cut
                continue
            token = self._without_unit(text[start:end]) if unit else text[start:end]
            if token.isdigit() and len(token) <= _MAX_DIGITS:  # to_number() without its call
                numbers[index] = int(token)
        return numbers

    def _without_unit(self, token: bytes) -> bytes:
        number = token.strip().removesuffix(self._unit)
        return number if len(number) < len(token.strip()) else b""


# Shared by all parsers of the same keys: what a thousand of them share stays in the processor's
# caches.
@cache
def _needles(keys: tuple[bytes, ...]) -> tuple[tuple[int, bytes, int], ...]:
    """Of each key its place, how its line begins, and the length of that."""
    return tuple((index, b"\n" + key, len(key) + 1) for index, key in enumerate(keys))


def parse_key_numbers(data: bytes) -> dict[str, int]:
    """All numbers of a file of lines ``key number``, such as /proc/vmstat.

    Raises:
        Malformed: a line has another form.
    """
    numbers: dict[str, int] = {}
    for line in data.splitlines():
        key, _, digits = line.partition(b" ")
        number = to_number(digits)
        if number is None or not key:
            raise Malformed(f"expected a line of key and number, got {line[:40]!r}")
        numbers[key.decode("ascii", "replace")] = number
    return numbers


def parse_cpu_list(data: bytes) -> list[int]:
    """The numbers of a list such as ``0-3,8,10-11``, ascending; an empty list is empty.

    Source: sysfs ``online``, ``cpulist``, ``*_list``; ``cpuset.cpus``.

    Raises:
        Malformed: a part is neither a number nor an ascending range.
    """
    numbers: set[int] = set()
    if not data.strip():
        return []
    for part in data.split(b","):
        first, dash, last = part.partition(b"-")
        low = to_number(first.strip())
        high = to_number(last.strip()) if dash else low
        if low is None or high is None or not low <= high < _MAX_CPU:
            raise Malformed(f"expected a list of numbers such as 0-3,8, got {data[:40]!r}")
        numbers.update(range(low, high + 1))
    return sorted(numbers)


def parse_threads(data: bytes) -> set[int]:
    """Ids of threads, one in each line; those of another pid namespace (0) are left out.

    Source: ``tasks`` of resctrl and of cgroup v1, ``cgroup.threads`` of cgroup v2.

    Raises:
        Malformed: something else is in it.
    """
    words = data.split()
    longest = max(map(len, words), default=0)
    if data.translate(None, _DIGITS_AND_ENDS) or longest > _MAX_THREAD_DIGITS:
        raise Malformed(f"expected the ids of threads, one in each line, got {data[:40]!r}")
    threads = set(map(int, words))
    threads.discard(0)
    return threads
