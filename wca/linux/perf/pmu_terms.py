"""How the events of a PMU are written: terms, and the bits that their values go to.

``event=0xd1,umask=0x20,cmask=1,inv`` are terms; a PMU's ``format`` says that ``umask`` is
``config:8-15`` (Documentation/ABI/testing/sysfs-bus-event_source-devices-format; the packing of
bits is that of tools/perf/util/pmu.c).
"""

import re
from dataclasses import dataclass

from wca.errors import ValidationError
from wca.linux.parse import Malformed

__all__ = ["FormatField", "parse_format", "parse_terms"]

_FORMAT = re.compile(rb"(config[12]?):([0-9]{1,2}(?:-[0-9]{1,2})?(?:,[0-9]{1,2}(?:-[0-9]{1,2})?)*)")
_TERM = re.compile(r"([a-zA-Z_][a-zA-Z0-9_-]*)(?:=(.*))?", re.ASCII | re.DOTALL)
_DECIMAL = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEXADECIMAL = re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FormatField:
    """Where the value of one term goes.

    Args:
        word: ``config``, ``config1`` or ``config2`` of ``perf_event_attr``.
        bits: numbers of the bits there, ascending; the value's lowest bit goes to the first.
    """

    word: str
    bits: tuple[int, ...]

    def place(self, value: int) -> int:
        """The value with its bits where they belong."""
        return sum((value >> index & 1) << bit for index, bit in enumerate(self.bits))


def parse_format(data: bytes) -> FormatField:
    """The field of a file in ``format``, such as ``config:0-7,32-35``.

    Raises:
        Malformed: it is something else, or a word of ``perf_event_attr`` that is not known here.
    """
    match = _FORMAT.fullmatch(data.strip())
    bits: set[int] = set()
    for part in match[2].split(b",") if match else ():
        first, _, last = part.partition(b"-")
        bits.update(range(int(first), int(last or first) + 1))
    if match is None or not bits or max(bits) > 63:
        raise Malformed(f"expected bits of a word such as config:0-7, got {data[:40]!r}")
    return FormatField(match[1].decode(), tuple(sorted(bits)))


def parse_terms(text: str, *, hexadecimal: bool = False) -> dict[str, int]:
    """The terms of an event, such as ``event=0xd1,umask=0x20,cmask=1,inv``.

    Args:
        text: terms, separated by commas; one without a value is 1.
        hexadecimal: whether a number without ``0x`` is hexadecimal too; else it is decimal.

    Raises:
        ValidationError: it has another form, a term stands there twice, or a value is left open
            (``core=?``).
    """
    terms: dict[str, int] = {}
    for part in text.split(","):
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise ValidationError(f"{part[:40]!r} is no term, write name=value such as event=0xd1")
        name, value = match[1], match[2]
        if name in terms:
            raise ValidationError(f"the term {name} is given twice, write it once")
        terms[name] = 1 if value is None else _number(name, value, hexadecimal)
    return terms


def _number(name: str, text: str, hexadecimal: bool) -> int:
    if text == "?":
        raise ValidationError(f"the term {name}=? leaves its value open, write one")
    number = -1
    if not hexadecimal and _DECIMAL.fullmatch(text):
        number = int(text)
    elif _HEXADECIMAL.fullmatch(text) and (hexadecimal or text[:2] in ("0x", "0X")):
        number = int(text, 16)
    if not 0 <= number < 1 << 64:
        raise ValidationError(f"the term {name} is {text[:40]!r}, write a number such as 0x20")
    return number
