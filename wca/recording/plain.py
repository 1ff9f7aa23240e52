"""Values as JSON and back, each of the type and with the bits that it had.

What JSON has is written as it is, but for mappings: an object of JSON is always a mark, of one key,
for something else. An object of a class that is not known here becomes its text.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from wca.allocators.api import RDTAllocation

__all__ = ["from_json", "to_json"]

#: Levels of a value; what is deeper becomes a text.
_DEPTH = 30
#: Bits of an integer that Python surely writes in decimal digits; see sys.set_int_max_str_digits.
_DECIMAL_BITS = 10_000


def to_json(value: Any, depth: int = _DEPTH) -> Any:
    """What ``json.dumps`` can write, without NaN; ``from_json`` gives the value back."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        whole = int(value)
        return whole if whole.bit_length() < _DECIMAL_BITS else {"i": hex(whole)}
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else {"f": struct.pack(">d", number).hex()}
    if isinstance(value, str):
        return str.__str__(value)
    return _composed(value, depth - 1) if depth else {"x": _text(value)}


def from_json(value: Any) -> Any:
    """What ``to_json`` was given. Raises ValueError, TypeError or LookupError for anything else."""
    if isinstance(value, list):
        return [from_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((mark, inner),) = value.items()
    return _MARKS[mark](inner)


def _composed(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return [to_json(one, depth) for one in value]
    if isinstance(value, tuple):
        return {"t": [to_json(one, depth) for one in value]}
    if isinstance(value, (set, frozenset)):
        mark = "z" if isinstance(value, frozenset) else "s"
        return {mark: [to_json(one, depth) for one in _ordered(value)]}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value):
            return {"d": {key: to_json(one, depth) for key, one in value.items()}}
        return {"m": [[to_json(key, depth), to_json(one, depth)] for key, one in value.items()]}
    if type(value) is RDTAllocation:
        return {"r": {key: to_json(one, depth) for key, one in asdict(value).items()}}
    return {"x": _text(value)}


def _ordered(values: Any) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - of a plugin's class
        return f"a {type(value).__name__} ({type(error).__name__})"


def _float(text: str) -> float:
    (number,) = struct.unpack(">d", bytes.fromhex(text))
    return float(number)


_MARKS: Mapping[str, Any] = {
    "i": lambda text: int(text, 16),
    "f": _float,
    "x": str,
    "t": lambda inner: tuple(from_json(one) for one in inner),
    "s": lambda inner: {from_json(one) for one in inner},
    "z": lambda inner: frozenset(from_json(one) for one in inner),
    "d": lambda inner: {key: from_json(one) for key, one in inner.items()},
    "r": lambda inner: RDTAllocation(**{key: from_json(one) for key, one in inner.items()}),
    "m": lambda inner: {from_json(key): from_json(one) for key, one in inner},
}
