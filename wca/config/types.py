"""Annotations that say more than a Python type: ranges, units, paths, addresses, secrets.

Each class here is a small frozen value and can be used in three ways::

    def __init__(self, interval: Annotated[float, Duration(0.01, 60)] = 1.0)   # our own code
    def __init__(self, interval: Numeric(0, 60) = 1.0)                         # plugins
    def __init__(self, path: Optional[Path] = None)                            # plugins

``convert`` turns what a file may contain (``10s``) into what the constructor receives (``10.0``),
``check`` refuses what is wrong on every machine, and ``check_here`` what is wrong on this one.
Values given from Python are passed as numbers already and meet none of the three.
"""

import ipaddress
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Union
from urllib.parse import urlsplit

from wca.config.units import parse_duration, parse_ratio, parse_size
from wca.config.words import describe
from wca.errors import ValidationError

__all__ = [
    "Constraint",
    "Duration",
    "Injected",
    "IpPort",
    "LabelName",
    "Numeric",
    "Path",
    "Ratio",
    "Secret",
    "Size",
    "Str",
    "Url",
]


@dataclass(frozen=True)
class Constraint:
    """The base of all annotations of this module; a plugin may add its own.

    ``base`` is the type of the value where the annotation stands alone, without ``Annotated``.
    """

    base: ClassVar[Any] = Any

    def convert(self, value: Any) -> Any:
        """Turn what a file contains into the annotated type; leave what is not ours alone.

        Raises:
            ValidationError: the value is of the right kind but cannot be read.
        """
        return value

    def check(self, value: Any) -> None:
        """Refuse a value that is wrong on every machine.

        Raises:
            ValidationError: the message says what would be accepted.
        """

    def check_here(self, value: Any) -> None:
        """Refuse a value that is wrong on this machine.

        Raises:
            ValidationError: the message says what is missing here.
        """

    def about_here(self) -> str:
        """What ``check_here`` examines, as ``must be readable``; empty when it examines nothing."""
        return ""

    def expected(self) -> str:
        """What is accepted, as ``a number between 0 and 60``; empty for a mere marker."""
        return ""

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007 - this is what gives an instance its `|`

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007


def _between(low: float | None, high: float | None, unit: str = "") -> str:
    low, high = _shortest(low), _shortest(high)
    if low is not None and high is not None:
        return f" between {low}{unit} and {high}{unit}"
    if low is not None:
        return f" of at least {low}{unit}"
    return f" of at most {high}{unit}" if high is not None else ""


def _shortest(number: float | None) -> float | None:
    """60.0 as 60: annotations with either are equal, so that chance decides which one is kept."""
    return number if number is None or not float(number).is_integer() else int(number)


def _require(condition: bool, expected: str, value: Any) -> None:
    if not condition:
        raise ValidationError(f"expected {expected}, got {describe(value)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _in_range(value: Any, low: float | None, high: float | None) -> bool:
    return (
        _is_number(value)
        and not math.isnan(value)
        and (low is None or value >= low)
        and (high is None or value <= high)
    )


@dataclass(frozen=True)
class Numeric(Constraint):
    """A number in a range; the bounds belong to it. Neither true and false nor NaN are numbers.

    Args:
        min_value: the least number accepted; None: no bound.
        max_value: the greatest number accepted; None: no bound.
    """

    min_value: float | None = None
    max_value: float | None = None
    base: ClassVar[Any] = int | float

    def check(self, value: Any) -> None:
        """Refuse what is not a number in the range."""
        _require(_in_range(value, self.min_value, self.max_value), self.expected(), value)

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return f"a number{_between(self.min_value, self.max_value)}"


@dataclass(frozen=True)
class _Quantity(Constraint):
    """A number with a unit: the number alone, or text such as ``10s``."""

    min_value: float | None = 0
    max_value: float | None = None
    base: ClassVar[Any] = float
    parse: ClassVar[Callable[[str], float]]
    noun: ClassVar[str]
    unit: ClassVar[str] = ""
    examples: ClassVar[str]

    def convert(self, value: Any) -> Any:
        """The number from text; a number is taken as it is."""
        if not isinstance(value, str):
            return value
        try:
            return type(self).parse(value)
        except ValueError:
            raise ValidationError(f"expected {self.expected()}, got {describe(value)}") from None

    def check(self, value: Any) -> None:
        """Refuse what is not a finite number in the range, or a fraction of what is whole."""
        fits = _in_range(value, self.min_value, self.max_value) and math.isfinite(value)
        whole = self.base is not int or isinstance(value, int)
        _require(fits and whole, self.expected(), value)

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        bounded = bool(self.min_value) or self.max_value is not None
        span = _between(self.min_value, self.max_value, self.unit) if bounded else ""
        return f"{self.noun}{span} ({self.examples})"


@dataclass(frozen=True)
class Duration(_Quantity):
    """A length of time: seconds as a number, or text such as ``500ms 10s 5m 1h 1d``.

    Args:
        min_value: the shortest accepted, in seconds.
        max_value: the longest accepted, in seconds; None: no bound.
    """

    parse = parse_duration
    noun = "a duration"
    unit = "s"
    examples = "such as 500ms, 10s, 5m, 1h, or seconds as a number"


@dataclass(frozen=True)
class Size(_Quantity):
    """An amount of bytes: a whole number, or text such as ``64MiB`` or ``10MB``.

    Args:
        min_value: the smallest accepted, in bytes.
        max_value: the largest accepted, in bytes; None: no bound.
    """

    base: ClassVar[Any] = int
    parse = parse_size
    noun = "a size"
    unit = " bytes"
    examples = "such as 64MiB, 10MB, or bytes as a whole number"


@dataclass(frozen=True)
class Ratio(_Quantity):
    """A fraction of one: ``0.02``, or ``2%`` as text.

    Args:
        min_value: the least accepted, as a fraction.
        max_value: the greatest accepted, as a fraction; None: no bound.
    """

    max_value: float | None = 1
    parse = parse_ratio
    noun = "a ratio"
    examples = "such as 0.02 or 2%"


@dataclass(frozen=True)
class Str(Constraint):
    """Text of limited length.

    Args:
        max_size: the greatest number of characters.
    """

    max_size: int = 400
    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is not text, or too long."""
        _require(isinstance(value, str), self.expected(), value)
        if len(value) > self.max_size:
            raise ValidationError(f"expected {self.expected()}, got {len(value)} characters")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return f"text of at most {self.max_size} characters"


_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class LabelName(Constraint):
    """The name of a label as Prometheus takes it: letters, digits and ``_``, no digit first.

    Source: https://prometheus.io/docs/concepts/data_model/; names that begin with ``__`` are
    reserved there.
    """

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what would make every series that carries the label unusable."""
        fits = isinstance(value, str) and _LABEL_NAME.fullmatch(value) is not None
        _require(fits, self.expected(), value)

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "a label name (letters, digits and _, no digit first, not beginning with __)"


_MODES = {
    os.F_OK: "must exist",
    os.R_OK: "must be readable",
    os.W_OK: "must be writable",
    os.X_OK: "must be executable",
}


@dataclass(frozen=True)
class Path(Constraint):
    """A path of a file or folder.

    Args:
        absolute: whether it must begin with ``/``.
        max_size: the greatest number of characters.
        mode: ``os.R_OK`` and the like: how it must be accessible on the machine that runs the
            agent. Not checked on other machines.
    """

    absolute: bool = False
    max_size: int = 400
    mode: int | None = None
    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what cannot be a path, and any path that climbs with ``..``."""
        Str(self.max_size).check(value)
        _require(bool(value) and "\0" not in value, self.expected(), value)
        if ".." in value.split("/"):
            raise ValidationError(
                f"'..' is not allowed in a path, write it absolute; got {describe(value)}"
            )
        _require(not self.absolute or value.startswith("/"), self.expected(), value)

    def check_here(self, value: Any) -> None:
        """Refuse a path that this process cannot use as ``mode`` asks."""
        if self.mode is not None and not os.access(value, self.mode, effective_ids=True):
            reason = "is not for this user" if os.path.exists(value) else "does not exist"
            raise ValidationError(f"{value} {self.about_here()}, but it {reason}")

    def about_here(self) -> str:
        """How the path must be accessible."""
        if self.mode is None:
            return ""
        asked = [text for bit, text in _MODES.items() if bit and self.mode & bit]
        return " and ".join(asked) or _MODES[os.F_OK]

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "an absolute path (beginning with /)" if self.absolute else "a path"


@dataclass(frozen=True)
class Url(Constraint):
    """An address of a web service.

    Args:
        max_size: the greatest number of characters.
        supported_schemes: what may stand before ``://``.
        is_path_obligatory: whether something must follow the host.
    """

    max_size: int = 400
    supported_schemes: tuple[str, ...] = ("http", "https")
    is_path_obligatory: bool = False
    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is not an address with a supported scheme and a host."""
        Str(self.max_size).check(value)
        try:
            parts = urlsplit(value)
            fits = bool(parts.hostname) and parts.port != 0  # .port raises beyond 65535
        except ValueError:
            fits = False
        _require(fits and re.search(r"[\s\x00-\x1f\x7f]", value) is None, self.expected(), value)
        _require(parts.scheme in self.supported_schemes, self.expected(), value)
        if self.is_path_obligatory and parts.path in ("", "/"):
            raise ValidationError(f"expected an address with a path, got {describe(value)}")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        schemes = " or ".join(f"{scheme}://host" for scheme in self.supported_schemes)
        return f"an address such as {schemes}"


_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        looks_like_ipv4 = re.fullmatch(r"[0-9.]+", text) is not None
        return not looks_like_ipv4 and ".." not in text and bool(_HOST_NAME.fullmatch(text))
    return True


@dataclass(frozen=True)
class IpPort(Constraint):
    """An IP address or host name with a port: ``10.0.0.1:9092``, ``[::1]:9092``, ``kafka:9092``.

    Args:
        max_size: the greatest number of characters.
    """

    max_size: int = 400
    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is not a host and a port from 1 to 65535."""
        Str(self.max_size).check(value)
        host, _, port = value.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        # Only brackets tell where an IPv6 address ends and the port begins.
        _require(bracketed == (":" in host), self.expected(), value)
        _require(_is_host(host[1:-1] if bracketed else host), self.expected(), value)
        number = int(port) if re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) else 0
        _require(1 <= number <= 65535, self.expected(), value)

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "host:port with a port from 1 to 65535 (10.0.0.1:9092, [::1]:9092, kafka:9092)"


@dataclass(frozen=True)
class Secret(Constraint):
    """A marker: the value is never shown, neither in problems nor in the tree nor in logs."""

    base: ClassVar[Any] = str


@dataclass(frozen=True)
class Injected(Constraint):
    """A marker of a keyword-only parameter that only Python code gives: clocks, roots, sessions.

    In a file it is an unknown field; documents leave it out.
    """
