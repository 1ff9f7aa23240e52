"""Values of allocations to the text that the kernel gives back for them, and from it."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from wca.errors import NotAvailable, ValidationError
from wca.linux.cpu_limits import parse_cpu_max, parse_cpu_weight, parse_quota
from wca.linux.parse import Malformed, parse_cpu_list, parse_limit, parse_number

__all__ = [
    "Machine",
    "Texts",
    "decode_burst",
    "decode_io_weight",
    "decode_limit",
    "decode_list",
    "decode_max",
    "decode_number",
    "decode_quota",
    "decode_shares",
    "decode_shares_of_weight",
    "decode_weight_of_shares",
    "described",
    "encode_burst",
    "encode_cpus",
    "encode_io_weight",
    "encode_max",
    "encode_mems",
    "encode_memory",
    "encode_memory_v1",
    "encode_pids",
    "encode_quota",
    "encode_shares",
    "encode_switch",
    "encode_weight",
    "encode_weight_as_shares",
    "encode_weight_of_shares",
    "list_format",
    "node_of",
    "period_of",
    "printable",
    "reclaimed_bytes",
    "shown",
    "tellable",
]

#: Contents of the files of a knob, in their order.
Texts = tuple[str, ...]

#: The kernel refuses a quota below one millisecond.
_LEAST_QUOTA = 1000
#: It takes shares and weights in these ranges, and cuts off what is beyond.
_LEAST_SHARES, _MOST_SHARES = 2, 262_144
_LEAST_WEIGHT, _MOST_WEIGHT = 1, 10_000
#: Shares and weight of a group for which nobody has set any.
_DEFAULT_SHARES, _DEFAULT_WEIGHT = 1024, 100
_MOST_PIDS = 4_194_304
_LONG_MAX = (1 << 63) - 1
#: Of a number that is shown as such.
_MOST_BITS = 128
#: Characters of a reason.
_MOST_TEXT = 500


def _no_device(name: str) -> str:
    raise NotAvailable(f"{name[:60]!r} is no number of a device such as 8:0")


@dataclass(frozen=True)
class Machine:
    """What values are relative to.

    Args:
        cpus: CPUs of the machine; 1.0 of a quota are all of them.
        period: of the CPU bandwidth control, in microseconds.
        shares_unit: ``cpu.shares`` of 1.0.
        nodes: NUMA nodes.
        page_size: in bytes.
        device: gives the number ``major:minor`` of a disk by its name. Raises NotAvailable.
        cpu_numbers: of the CPUs; None: 0 and the next ones.
        node_numbers: likewise of the NUMA nodes.
    """

    cpus: int
    period: int = 100_000
    shares_unit: int = 1000
    nodes: int = 1
    page_size: int = 4096
    device: Callable[[str], str] = _no_device
    cpu_numbers: frozenset[int] | None = None
    node_numbers: frozenset[int] | None = None

    @property
    def all_cpus(self) -> Collection[int]:
        """The numbers of the CPUs."""
        return range(self.cpus) if self.cpu_numbers is None else self.cpu_numbers

    @property
    def all_nodes(self) -> Collection[int]:
        """The numbers of the NUMA nodes."""
        return range(self.nodes) if self.node_numbers is None else self.node_numbers


def encode_quota(value: Any, machine: Machine) -> Texts:
    """Share of all CPUs, from 0 to 1, to period and quota of cgroup v1; 1 is without a limit."""
    share = _number(value, 0, 1)
    period = str(machine.period)
    if share >= 1:
        return period, "-1"
    return period, str(max(_LEAST_QUOTA, round(share * machine.period * machine.cpus)))


def decode_quota(texts: Texts, machine: Machine) -> float:
    """Period and quota of cgroup v1 to a share of all CPUs."""
    period, quota = _parse(texts[0]), parse_quota(texts[1].encode())
    return _share(quota, period, machine)


def encode_max(value: Any, machine: Machine) -> Texts:
    """As ``encode_quota``, to ``cpu.max`` of cgroup v2."""
    period, quota = encode_quota(value, machine)
    return (f"{'max' if quota == '-1' else quota} {period}",)


def decode_max(texts: Texts, machine: Machine) -> float:
    """``cpu.max`` to a share of all CPUs."""
    return _share(*parse_cpu_max(texts[0].encode()), machine)


def period_of(texts: Texts) -> int | None:
    """The period in microseconds of a group that has a quota; None: it has none.

    Args:
        texts: period and quota of cgroup v1, or ``cpu.max``.
    """
    quota, period = texts[0].split() if len(texts) == 1 else texts[::-1]
    return int(period) if quota.isdigit() and period.isdigit() else None


def encode_burst(value: Any, machine: Machine) -> Texts:
    """What may be used beyond the quota of one period, as a share of all CPUs for a period."""
    return (str(round(_number(value, 0, 1) * machine.period * machine.cpus)),)


def decode_burst(texts: Texts, machine: Machine) -> float:
    """Microseconds to a share of all CPUs for a period."""
    return _parse(texts[0]) / machine.period / machine.cpus


def encode_shares(value: Any, machine: Machine) -> Texts:
    """``cpu_shares`` to ``cpu.shares``."""
    most = _MOST_SHARES / machine.shares_unit
    return (str(max(_LEAST_SHARES, round(_number(value, 0, most) * machine.shares_unit))),)


def decode_shares(texts: Texts, machine: Machine) -> float:
    """``cpu.shares`` to ``cpu_shares``."""
    return _parse(texts[0]) / machine.shares_unit


def encode_weight_of_shares(value: Any, machine: Machine) -> Texts:
    """``cpu_shares`` to ``cpu.weight``, as the kubelet translates them."""
    shares = int(encode_shares(value, machine)[0])
    steps = (shares - _LEAST_SHARES) * (_MOST_WEIGHT - _LEAST_WEIGHT)
    return (str(_LEAST_WEIGHT + round(steps / (_MOST_SHARES - _LEAST_SHARES))),)


def decode_shares_of_weight(texts: Texts, machine: Machine) -> float:
    """``cpu.weight`` to ``cpu_shares``."""
    return parse_cpu_weight(texts[0].encode()) / machine.shares_unit


def encode_weight(value: Any, _machine: Machine) -> Texts:
    """A weight to ``cpu.weight``."""
    return (str(_integer(value, _LEAST_WEIGHT, _MOST_WEIGHT)),)


def encode_weight_as_shares(value: Any, machine: Machine) -> Texts:
    """A weight to ``cpu.shares``, as systemd translates it: 100 are 1024."""
    weight = int(encode_weight(value, machine)[0])
    return (str(max(_LEAST_SHARES, round(weight * _DEFAULT_SHARES / _DEFAULT_WEIGHT))),)


def decode_weight_of_shares(texts: Texts, _machine: Machine) -> int:
    """``cpu.shares`` to a weight."""
    weight = round(_parse(texts[0]) * _DEFAULT_WEIGHT / _DEFAULT_SHARES)
    return min(_MOST_WEIGHT, max(_LEAST_WEIGHT, weight))


def encode_switch(value: Any, _machine: Machine) -> Texts:
    """0 or 1; true and false are welcome."""
    return (str(_integer(int(value) if isinstance(value, bool) else value, 0, 1)),)


def decode_number(texts: Texts, _machine: Machine) -> int:
    """A whole number as it is."""
    return _parse(texts[0])


def encode_cpus(value: Any, machine: Machine) -> Texts:
    """CPUs as text such as ``0-3,8`` or as a list of numbers."""
    return (_list(value, "CPUs", machine.all_cpus),)


def encode_mems(value: Any, machine: Machine) -> Texts:
    """NUMA nodes, in the same way."""
    return (_list(value, "NUMA nodes", machine.all_nodes),)


def decode_list(texts: Texts, _machine: Machine) -> str:
    """To the numbers, ascending, with commas between them; empty: those of the group above."""
    return ",".join(map(str, parse_cpu_list(texts[0].encode())))


def encode_memory(value: Any, machine: Machine) -> Texts:
    """Bytes, or ``max``; the kernel counts whole pages."""
    if value == "max":
        return ("max",)
    size = _integer(value, 0, _LONG_MAX)
    return (str(size // machine.page_size * machine.page_size),)


def encode_memory_v1(value: Any, machine: Machine) -> Texts:
    """As ``encode_memory``; without a limit is the largest number of pages there is."""
    (text,) = encode_memory(value, machine)
    if text != "max":
        return (text,)
    return (str(_LONG_MAX // machine.page_size * machine.page_size),)


def encode_pids(value: Any, _machine: Machine) -> Texts:
    """A number of processes and threads, or ``max``."""
    return ("max" if value == "max" else str(_integer(value, 0, _MOST_PIDS)),)


def decode_limit(texts: Texts, _machine: Machine) -> int | str:
    """A number, or ``max``."""
    limit = parse_limit(texts[0].encode())
    return "max" if limit is None else limit


def encode_io_weight(value: Any, _machine: Machine) -> Texts:
    """A weight to the line of ``io.weight`` that is for all devices."""
    return (f"default {_integer(value, _LEAST_WEIGHT, _MOST_WEIGHT)}",)


def decode_io_weight(texts: Texts, _machine: Machine) -> int:
    """Of the file without a weight for one device; Malformed for one with such."""
    return _parse(texts[0].removeprefix("default "))


def node_of(value: Any, machine: Machine) -> int:
    """The number of a NUMA node, for ``migrate_pages``. Raises ValidationError."""
    node = _integer(value, 0, max(machine.all_nodes))
    encode_mems([node], machine)
    return node


def reclaimed_bytes(value: Any, _machine: Machine) -> int:
    """Bytes, at least one, for ``memory_reclaim``. Raises ValidationError."""
    return _integer(value, 1, _LONG_MAX)


def described(value: Any, _machine: Machine) -> str:
    """The reason for a ``kill``, so that none is without. Raises ValidationError."""
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        raise ValidationError(
            f"expected the reason, a text of up to {_MOST_TEXT} characters, got {shown(value)}"
        )
    return value


def list_format(numbers: Iterable[int]) -> str:
    """Numbers as the kernel writes a list of them: ``0-3,8``."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)


def _list(value: Any, what: str, there: Collection[int]) -> str:
    if isinstance(value, str):
        try:
            numbers = parse_cpu_list(value.encode("utf-8", "replace"))
        except Malformed as error:
            raise ValidationError(str(error)) from None
    elif isinstance(value, (list, tuple, set, frozenset)) and all(map(_is_whole, value)):
        numbers = sorted(value)
    else:
        raise ValidationError(f"expected a list of numbers such as 0-3,8, got {shown(value)}")
    if not numbers:
        raise ValidationError(f"expected at least one of the {what}, got an empty list")
    if any(number not in there for number in numbers):
        those = list_format(there).replace("-", " to ").replace(",", ", ")
        raise ValidationError(f"the {what} are {those}, got {shown(value)}")
    return list_format(numbers)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any, low: float, high: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # neither is a number that is none
        raise ValidationError(f"expected a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def _integer(value: Any, low: int, high: int) -> int:
    whole = _is_whole(value) or (isinstance(value, float) and value.is_integer())
    if not whole or not low <= value <= high:
        raise ValidationError(f"expected a whole number from {low} to {high}, got {shown(value)}")
    return int(value)


def shown(value: Any) -> str:
    """A value in a sentence, which may be anything, and of any length; never raises."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length()} bits"
    simple = isinstance(value, (str, int, float, list, tuple, type(None)))
    try:
        return repr(value)[:60] if simple else f"a {type(value).__name__}"
    except Exception:  # noqa: BLE001 - of what is in the list; repr() of a huge number raises, too
        return f"a {type(value).__name__}"


def tellable(value: Any) -> Any:
    """What a record can have of a value that was refused, which may be anything."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return value
    return printable(value)[:200] if isinstance(value, str) else printable(shown(value))


def printable(text: str) -> str:
    """A text that can be written to a file: half a character, which JSON can hold, cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _parse(text: str) -> int:
    return parse_number(text.encode())


def _share(quota: int | None, period: int, machine: Machine) -> float:
    if not period:
        raise Malformed("a period of 0")
    return 1.0 if quota is None else quota / period / machine.cpus
