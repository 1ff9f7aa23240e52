"""Numbers with a unit, written as text: ``10s``, ``64MiB``, ``2%``. Pure functions."""

import math
import re

__all__ = ["parse_duration", "parse_ratio", "parse_size"]

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DECIMAL = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_BYTES = {f"{prefix}B": factor for prefix, factor in (_DECIMAL | _BINARY).items()} | _BINARY
_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([A-Za-z%]{1,3})", re.ASCII)


def _split(text: str) -> tuple[str, str]:
    found = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a number followed by a unit")
    return found[1], found[2]


def parse_duration(text: str) -> float:
    """Seconds from ``500ms``, ``10s``, ``5m``, ``1h`` or ``1d``; ValueError for other text."""
    number, unit = _split(text)
    if unit not in _SECONDS:
        raise ValueError(f"unknown unit of time {unit!r}")
    if unit in ("us", "ms"):  # a division is exact where a multiplication by 0.001 is not
        return float(number) / (1e6 if unit == "us" else 1e3)
    return float(number) * _SECONDS[unit]


def parse_size(text: str) -> int:
    """Bytes from ``64MiB``, ``64Mi``, ``10MB`` or ``100B``; ValueError for other text."""
    number, unit = _split(text)
    if unit not in _BYTES:
        raise ValueError(f"unknown unit of size {unit!r}")
    if "." not in number:
        return int(number) * _BYTES[unit]
    size = float(number) * _BYTES[unit]
    if not size.is_integer():
        raise ValueError("not a whole number of bytes")
    return int(size)


def parse_ratio(text: str) -> float:
    """A fraction of one from ``2%``; ValueError for other text."""
    number, unit = _split(text)
    if unit != "%" or not math.isfinite(float(number)):
        raise ValueError(f"unknown unit {unit!r}")
    return float(number) / 100
