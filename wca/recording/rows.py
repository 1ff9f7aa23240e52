"""Numbers of an interval as differences to those of the interval before, exactly.

A *row* is the measurements of one task, of one container or of the machine; its *shape* is the
names of its numbers, in their order. A difference is a number to add, or a list with the value
itself: where there was none before, and where adding would not give the same bits.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from wca.recording.plain import from_json, to_json

__all__ = ["Path", "Rows", "flatten", "unflatten"]

#: Where a number stands in its measurements: the keys, from outside in.
Path = tuple[str, ...]

#: Decimals of a nanosecond, which is the finest that the kernel counts seconds in.
_DECIMALS = 9
#: Integers from here on are written with care.
_MOST = 1 << 70
#: Levels of measurements that are looked into.
_LEVELS = 8


class _Nothing:
    """There was no number before."""


_NOTHING = _Nothing()


class Rows:
    """The last values of each row, on the side of the writer or of the reader."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[Sequence[Path], Sequence[Any]]] = {}

    def differences(self, row: Hashable, paths: Sequence[Path], values: Sequence[Any]) -> list[Any]:
        """What has to be added to a row's last values to get these."""
        before = self._before(row, paths)
        self._last[row] = (paths, values)
        return list(map(_difference, values, before))

    def values(self, row: Hashable, paths: Sequence[Path], differences: Iterable[Any]) -> list[Any]:
        """The other way round."""
        before = self._before(row, paths)
        values = [_restored(one, old) for one, old in zip(differences, before, strict=True)]
        self._last[row] = (paths, values)
        return values

    def keep(self, rows: Iterable[Hashable]) -> None:
        """Forget all others."""
        kept = set(rows)
        self._last = {row: last for row, last in self._last.items() if row in kept}

    def _before(self, row: Hashable, paths: Sequence[Path]) -> Sequence[Any]:
        known, values = self._last.get(row, ((), ()))
        if known == paths:
            return values
        by_path = dict(zip(known, values, strict=True))
        return [by_path.get(path, _NOTHING) for path in paths]


def flatten(measurements: dict[str, Any]) -> tuple[tuple[Path, ...], list[Any]]:
    """Measurements as the paths of their numbers and these."""
    paths: list[Path] = []
    values: list[Any] = []
    _walk(measurements, (), paths, values)
    return tuple(paths), values


def unflatten(paths: Iterable[Path], values: Iterable[Any]) -> Any:
    """The measurements again."""
    found: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        if not path:
            return value
        inner = found
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return found


def _walk(numbers: Any, prefix: Path, paths: list[Path], values: list[Any]) -> None:
    looked_into = len(prefix) < _LEVELS and all(type(key) is str for key in numbers)
    if not looked_into or (not numbers and prefix):
        paths.append(prefix)
        values.append(numbers)
        return
    for key, value in numbers.items():
        if type(value) is dict:
            _walk(value, (*prefix, key), paths, values)
        else:
            paths.append((*prefix, key))
            values.append(value)


def _difference(new: Any, old: Any) -> Any:
    kind = type(new)
    if kind is type(old):
        if kind is float:
            return _float_difference(new, old)
        if kind is int:
            difference = new - old
            return difference if -_MOST < difference < _MOST else [to_json(new)]
        if (kind is str or kind is bool or new is None) and new == old:
            return 0
    return [to_json(new)]


def _float_difference(new: float, old: float) -> Any:
    if new == old:
        return 0 if new or math.copysign(1, new) == math.copysign(1, old) else [new]
    if new and math.isfinite(new):
        exact = new - old
        for difference in (round(exact, _DECIMALS), exact):
            if old + difference == new:
                return difference
    return [to_json(new)]


def _restored(difference: Any, old: Any) -> Any:
    if type(difference) is list:
        return from_json(difference[0])
    if type(difference) is int and difference == 0 and old is not _NOTHING:
        return old
    return old + difference
