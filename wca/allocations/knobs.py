"""Which files of which cgroup version a type of allocation is, and what values it takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wca.allocations import encoding as v
from wca.allocations import io_limits as io
from wca.allocations.encoding import Machine, Texts
from wca.allocators.api import EVENTS, AllocationType
from wca.errors import NotAvailable

__all__ = ["READ", "SLOW", "Knob", "controllers_of", "knob_of"]

_T = AllocationType
_LATER = "not in this release"


@dataclass(frozen=True)
class Knob:
    """One type of allocation on one version of cgroups.

    Args:
        type: which.
        controller: whose group has the files.
        files: their names, in the order in which they grow.
        encode: a value to their contents, as the kernel gives them back; raises ValidationError.
        decode: back; raises Malformed.
        amount: how much a value is, more being more for the task; for the envelope.
        slow: a write may reclaim memory and take its time.
        by_device: each line of a file is about a device of its own, and a value by itself.
        instead: what is used where there is no such file; None: nothing else is.
    """

    type: AllocationType
    controller: str
    files: tuple[str, ...]
    encode: Callable[[Any, Machine], Texts]
    decode: Callable[[Texts, Machine], Any]
    amount: Callable[[Any], float]
    slow: bool = False
    by_device: bool = False
    instead: "Knob | None" = None

    def whole(self, machine: Machine) -> Texts | None:
        """What an empty list stands for: all that the machine has; None: this is no list."""
        lists = {_T.CPUSET_CPUS: machine.all_cpus, _T.CPUSET_MEMS: machine.all_nodes}
        return (v.list_format(lists[self.type]),) if self.type in lists else None


def _limit_amount(value: Any) -> float:
    return math.inf if value == "max" else float(value)


def _list_amount(value: Any) -> float:
    """How many; an empty list of the kernel means as many as the group above."""
    (text,) = v.encode_cpus(value, Machine(cpus=1 << 16)) if value else ("",)
    if not text:
        return math.inf
    return float(len(v.decode_list((text,), Machine(1)).split(",")))


def _burden(value: Any) -> float:
    """Of a switch that is a burden: the idle class, pages that move with their cpuset."""
    return 1.0 - float(value)


def _cpu(type_: AllocationType, files: tuple[str, ...], encode: Any, decode: Any) -> Knob:
    return Knob(type_, "cpu", files, encode, decode, float)


def _memory(type_: AllocationType, file: str, encode: Any, *, slow: bool = True) -> Knob:
    return Knob(type_, "memory", (file,), encode, v.decode_limit, _limit_amount, slow)


def _cpuset(type_: AllocationType, file: str, encode: Any) -> Knob:
    return Knob(type_, "cpuset", (file,), encode, v.decode_list, _list_amount)


def _weight(controller: str, file: str, encode: Any, decode: Any, instead: Knob | None) -> Knob:
    return Knob(_T.IO_WEIGHT, controller, (file,), encode, decode, float, instead=instead)


_CFQ = _weight("blkio", "blkio.weight", io.encode_cfq_weight, io.decode_cfq_weight, None)
_BFQ = _weight("io", "io.bfq.weight@default", io.encode_bfq_weight_v2, io.decode_bfq_weight, None)
_COMMON = (
    Knob(_T.CPU_IDLE, "cpu", ("cpu.idle",), v.encode_switch, v.decode_number, _burden),
    _cpuset(_T.CPUSET_CPUS, "cpuset.cpus", v.encode_cpus),
    _cpuset(_T.CPUSET_MEMS, "cpuset.mems", v.encode_mems),
    Knob(_T.PIDS_MAX, "pids", ("pids.max",), v.encode_pids, v.decode_limit, _limit_amount),
)
_V1 = (
    *_COMMON,
    _cpu(_T.QUOTA, ("cpu.cfs_period_us", "cpu.cfs_quota_us"), v.encode_quota, v.decode_quota),
    _cpu(_T.SHARES, ("cpu.shares",), v.encode_shares, v.decode_shares),
    _cpu(_T.CPU_WEIGHT, ("cpu.shares",), v.encode_weight_as_shares, v.decode_weight_of_shares),
    _cpu(_T.CPU_BURST, ("cpu.cfs_burst_us",), v.encode_burst, v.decode_burst),
    Knob(
        _T.CPUSET_MEMORY_MIGRATE,
        "cpuset",
        ("cpuset.memory_migrate",),
        v.encode_switch,
        v.decode_number,
        _burden,  # so that it is there before cpuset_mems shrinks, and still when that grows
    ),
    _memory(_T.MEMORY_MAX, "memory.limit_in_bytes", v.encode_memory_v1),
    _weight("blkio", "blkio.bfq.weight", io.encode_bfq_weight, io.decode_bfq_weight, _CFQ),
    Knob(
        _T.IO_MAX,
        "blkio",
        io.THROTTLES,
        io.encode_throttles,
        io.decode_throttles,
        io.least_limit,
        by_device=True,
    ),
)
_V2 = (
    *_COMMON,
    _cpu(_T.QUOTA, ("cpu.max",), v.encode_max, v.decode_max),
    _cpu(_T.SHARES, ("cpu.weight",), v.encode_weight_of_shares, v.decode_shares_of_weight),
    _cpu(_T.CPU_WEIGHT, ("cpu.weight",), v.encode_weight, v.decode_number),
    _cpu(_T.CPU_BURST, ("cpu.max.burst",), v.encode_burst, v.decode_burst),
    _memory(_T.MEMORY_MAX, "memory.max", v.encode_memory),
    _memory(_T.MEMORY_HIGH, "memory.high", v.encode_memory),
    _memory(_T.MEMORY_LOW, "memory.low", v.encode_memory, slow=False),
    _weight("io", "io.weight@default", v.encode_io_weight, v.decode_io_weight, _BFQ),
    Knob(
        _T.IO_MAX,
        "io",
        ("io.max",),
        io.encode_io_max,
        io.decode_io_max,
        io.least_limit,
        by_device=True,
    ),
)
_KNOBS = {1: {one.type: one for one in _V1}, 2: {one.type: one for one in _V2}}
#: What has a type, the newer first.
_CONTROLLERS = {
    type_: tuple(dict.fromkeys(one.controller for one in (*_V2, *_V1) if one.type == type_))
    for type_ in dict.fromkeys(one.type for one in (*_V1, *_V2))
}
_WHY_NOT = {
    _T.RDT: "in resctrl, not in a cgroup",
    **dict.fromkeys(EVENTS, "an event, which is no file"),
    _T.CPUSET_MEMORY_MIGRATE: "not on cgroup v2: pages always move with cpuset.mems",
    _T.MEMORY_HIGH: "not on cgroup v1: it has memory_max only",
    _T.MEMORY_LOW: "not on cgroup v1",
}

#: Types whose value is read of every task.
READ = tuple(_CONTROLLERS)
#: Types of which a write may take its time.
SLOW = frozenset(one.type.value for one in (*_V1, *_V2) if one.slow)


def controllers_of(type_: AllocationType) -> tuple[str, ...]:
    """Whose group may have the files of a type; nothing for one that no cgroup has."""
    return _CONTROLLERS.get(type_, ())


def knob_of(type_: AllocationType, version: int | None) -> Knob:
    """What a type of allocation is on a version of cgroups.

    Args:
        type_: which.
        version: of the hierarchy that has its controller; None: none has.

    Raises:
        NotAvailable: it is not there, with the reason.
    """
    knob = _KNOBS.get(version or 0, {}).get(type_)
    if knob is not None:
        return knob
    if version is None and type_ in _CONTROLLERS:
        raise NotAvailable(f"no group of the controller {_CONTROLLERS[type_][0]}")
    raise NotAvailable(_WHY_NOT[type_])
