"""Values of ``io_max`` and ``io_weight`` to the text that the kernel gives back, and from it."""

import math
import re
from collections.abc import Mapping
from typing import Any

from wca.allocations.encoding import Machine, Texts, encode_weight, shown
from wca.errors import ValidationError
from wca.linux.io_limits import IO_LIMITS, DeviceLimits, parse_device_values, parse_io_max
from wca.linux.parse import parse_number

__all__ = [
    "THROTTLES",
    "decode_bfq_weight",
    "decode_cfq_weight",
    "decode_io_max",
    "decode_throttles",
    "encode_bfq_weight",
    "encode_bfq_weight_v2",
    "encode_cfq_weight",
    "encode_io_max",
    "encode_throttles",
    "least_limit",
]

#: The files of cgroup v1 in the order of the limits.
THROTTLES = tuple(
    f"blkio.throttle.{way}_{unit}_device" for unit in ("bps", "iops") for way in ("read", "write")
)

_NUMBER = re.compile(r"\d{1,10}:\d{1,10}")
#: What the kernel can hold below its own "without a limit".
_MOST = {
    "rbps": (1 << 63) - 1,
    "wbps": (1 << 63) - 1,
    "riops": (1 << 32) - 2,
    "wiops": (1 << 32) - 2,
}
_EXAMPLE = "8:0 rbps=1048576 wiops=100"
_DEFAULT, _MOST_WEIGHT, _MOST_BFQ = 100, 10_000, 1000
_CFQ_UNIT, _LEAST_CFQ, _MOST_CFQ = 5, 10, 1000


def encode_io_max(value: Any, machine: Machine) -> Texts:
    """Limits by device to the lines of ``io.max``; what is not named has no limit."""
    lines = [
        f"{device} " + " ".join(f"{key}={_text(limits[key])}" for key in IO_LIMITS)
        for device, limits in _limits(value, machine).items()
    ]
    return ("\n".join(lines),)


def decode_io_max(texts: Texts, _machine: Machine) -> dict[str, dict[str, int | str]]:
    """Lines of ``io.max`` to limits by device."""
    return _plain(parse_io_max(texts[0].encode()))


def encode_throttles(value: Any, machine: Machine) -> Texts:
    """As ``encode_io_max``, to four files of cgroup v1; there 0 is without a limit."""
    limits = _limits(value, machine)
    return tuple(
        "\n".join(f"{device} {one[key] or 0}" for device, one in limits.items())
        for key in IO_LIMITS
    )


def decode_throttles(texts: Texts, _machine: Machine) -> dict[str, dict[str, int | str]]:
    """Lines of the four files to limits by device."""
    files = [parse_device_values(text.encode()) for text in texts]
    return _plain(
        {
            device: {
                key: values.get(device) or None
                for key, values in zip(IO_LIMITS, files, strict=True)
            }
            for device in dict.fromkeys(device for values in files for device in values)
        }
    )


def least_limit(value: Any) -> float:
    """The least of all limits, bytes or operations per second alike; without one it is infinite."""
    limits = [one for device in value.values() for one in device.values() if one != "max"]
    return float(min(limits, default=math.inf))


def encode_bfq_weight(value: Any, machine: Machine) -> Texts:
    """A weight to ``blkio.bfq.weight``, as systemd translates it: up to 100 it is the same."""
    weight = int(encode_weight(value, machine)[0])
    above = max(0, weight - _DEFAULT) * (_MOST_BFQ - _DEFAULT) // (_MOST_WEIGHT - _DEFAULT)
    return (str(min(weight, _DEFAULT) + above),)


def encode_bfq_weight_v2(value: Any, machine: Machine) -> Texts:
    """The same, to the line of ``io.bfq.weight`` that is for all devices."""
    return (f"default {encode_bfq_weight(value, machine)[0]}",)


def decode_bfq_weight(texts: Texts, _machine: Machine) -> int:
    """Back, of both versions; Malformed for a file with a weight for one device."""
    weight = _number(texts[0].removeprefix("default "))
    above = max(0, weight - _DEFAULT) * (_MOST_WEIGHT - _DEFAULT) // (_MOST_BFQ - _DEFAULT)
    return min(weight, _DEFAULT) + above


def encode_cfq_weight(value: Any, machine: Machine) -> Texts:
    """A weight to ``blkio.weight`` of kernels before 5.0, as systemd does: 100 are 500."""
    weight = int(encode_weight(value, machine)[0]) * _CFQ_UNIT
    return (str(min(_MOST_CFQ, max(_LEAST_CFQ, weight))),)


def decode_cfq_weight(texts: Texts, _machine: Machine) -> int:
    """Back."""
    return max(1, round(_number(texts[0]) / _CFQ_UNIT))


def _limits(value: Any, machine: Machine) -> DeviceLimits:
    given = _of_text(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not given:
        raise ValidationError(f"expected limits by device, such as {_EXAMPLE}, got {shown(value)}")
    found: DeviceLimits = {}
    for name, limits in given.items():
        if not isinstance(name, str) or not isinstance(limits, Mapping):
            raise ValidationError(
                f"expected limits by device, such as {_EXAMPLE}, got {shown(value)}"
            )
        device = name if _NUMBER.fullmatch(name) else machine.device(name)
        if device in found:
            raise ValidationError(f"{name} is named twice")
        found[device] = _checked(limits)
    return found


def _of_text(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in filter(str.strip, text.splitlines()):
        device, *parts = line.split()
        if device in found:
            raise ValidationError(f"{device} is named twice")
        found[device] = dict(part.partition("=")[::2] for part in parts)
    return found


def _checked(given: Mapping[Any, Any]) -> dict[str, int | None]:
    for key in given:
        if key not in IO_LIMITS:
            raise ValidationError(
                f"the limits of a device are {', '.join(IO_LIMITS)}, got {shown(key)}"
            )
    return {key: _one(key, given.get(key, "max")) for key in IO_LIMITS}


def _one(key: str, value: Any) -> int | None:
    if value == "max":
        return None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    whole = isinstance(number, int) and not isinstance(number, bool)
    if not whole or not 1 <= number <= _MOST[key]:
        raise ValidationError(
            f"{key}: expected max or a whole number from 1 to {_MOST[key]}, got {shown(value)}"
        )
    return int(number)


def _text(limit: int | None) -> str:
    return "max" if limit is None else str(limit)


def _plain(limits: DeviceLimits) -> dict[str, dict[str, int | str]]:
    return {
        device: {key: "max" if limit is None else limit for key, limit in one.items()}
        for device, one in limits.items()
    }


def _number(text: str) -> int:
    return parse_number(text.encode())
