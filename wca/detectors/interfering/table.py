"""The triage table: what it means that some numbers are high and others are not.

One row for each way to recognise a trouble, the first that fits counts. A condition names what a
column must be; a column that a row does not name may be anything.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wca.detectors.api import ContendedResource
from wca.detectors.interfering.blame import Field, Rival
from wca.detectors.interfering.judged import Group
from wca.detectors.interfering.verdicts import Verdict

__all__ = [
    "EVERYBODY_PAYS",
    "EVERYBODY_WAITS",
    "INSTRUCTIONS",
    "MACHINE",
    "STEAL",
    "TABLE",
    "Level",
    "Loss",
    "Row",
]


class Level(enum.Enum):
    """What a column says."""

    HIGH = "high"
    FLAT = "flat"
    UNKNOWN = "not known"


class Loss(enum.Enum):
    """What most of the lost time was lost with."""

    WAIT = "waiting for a CPU"
    COST = "work that costs more CPU"
    IO = "waiting for io"
    STEAL = "CPU time that the hypervisor gave to others"


#: Columns beside the groups of numbers.
STEAL = "steal"
EVERYBODY_WAITS = "everybody waits"
EVERYBODY_PAYS = "everybody's work costs more"
MACHINE = "all CPUs busy"
INSTRUCTIONS = "CPU per unit of work, at usual cycles per instruction"

_HIGH = frozenset((Level.HIGH,))
_FLAT = frozenset((Level.FLAT,))
_UNKNOWN = frozenset((Level.UNKNOWN,))
_NOT_HIGH = _FLAT | _UNKNOWN
_NOT_FLAT = _HIGH | _UNKNOWN

_ONE = frozenset((Rival.SINGLED_OUT,))
_TASKS = _ONE | {Rival.SEVERAL}
_SOMEBODY = _TASKS | {Rival.OUTSIDE}
_NOBODY = frozenset((Rival.NOBODY, Rival.UNKNOWN))
_NO_ONE_TASK = frozenset(Rival) - _ONE


@dataclass(frozen=True)
class Row:
    """One way to recognise a trouble.

    Args:
        verdict: what it is.
        resource: what the victim lacks.
        group: the numbers by which it is seen, and by which it ends.
        when: what columns must be.
        loss: what the time must be lost with; empty: anything.
        where: where suspects are looked for; None: nobody is to blame.
        rival: what the search must have given; empty: anything.
        accuses: whether one that is singled out is accused.
    """

    verdict: Verdict
    resource: ContendedResource
    group: Group
    when: Mapping[str, frozenset[Level]] = field(default_factory=dict)
    loss: frozenset[Loss] = frozenset()
    where: Field | None = None
    rival: frozenset[Rival] = frozenset()
    accuses: bool = True

    def misfits(self, levels: Mapping[str, Level], loss: Loss | None) -> Iterator[str]:
        """Which of its conditions are not met, in words; those on rivals left out."""
        for column, wanted in self.when.items():
            level = levels.get(column, Level.UNKNOWN)
            if level not in wanted:
                yield f"{column}: {level.value}"
        if self.loss and loss not in self.loss:
            yield f"most time was lost with {loss.value if loss else 'nothing that is measured'}"


_R, _V, _G, _L = ContendedResource, Verdict, Group, Loss

TABLE: tuple[Row, ...] = (
    # Nothing that runs here can help, so it comes first.
    Row(_V.HYPERVISOR, _R.CPUS, _G.WAIT, {STEAL: _HIGH, _G.WAIT: _HIGH}, frozenset((_L.STEAL,))),
    Row(_V.HYPERVISOR, _R.CPUS, _G.COST, {STEAL: _HIGH, _G.WAIT: _NOT_HIGH, _G.COST: _HIGH}),
    # A quota looks like a busy neighbour to PSI and to run-queue delay.
    Row(_V.SELF_INFLICTED, _R.CPUS, _G.THROTTLED, {_G.THROTTLED: _HIGH}),
    Row(
        _V.MEMORY_EXHAUSTION,
        _R.MEMORY,
        _G.MEMORY,
        {_G.MEMORY: _HIGH, _G.REFAULTS: _NOT_FLAT},
        where=Field.PAGES,
    ),
    Row(
        _V.CACHE_THRASH,
        _R.MEMORY,
        _G.IO,
        {_G.IO: _HIGH, _G.REFAULTS: _HIGH},
        frozenset((_L.IO,)),
        Field.PAGES,
    ),
    # A kernel without PSI.
    Row(
        _V.CACHE_THRASH,
        _R.MEMORY,
        _G.REFAULTS,
        {_G.IO: _UNKNOWN, _G.REFAULTS: _HIGH},
        where=Field.PAGES,
        rival=_SOMEBODY,
    ),
    # A kernel that does not count refaults: the victim reads again what it had.
    Row(
        _V.CACHE_THRASH,
        _R.MEMORY,
        _G.IO,
        {_G.IO: _HIGH, _G.REFAULTS: _UNKNOWN, _G.OWN_IO: _HIGH},
        frozenset((_L.IO,)),
        Field.PAGES,
        _SOMEBODY,
    ),
    Row(
        _V.DISK,
        _R.DISK,
        _G.IO,
        {_G.IO: _HIGH, _G.REFAULTS: _NOT_HIGH},
        frozenset((_L.IO,)),
        Field.IO,
        _TASKS,
    ),
    # Somebody who is no task; but not the victim itself, that reads more than it did.
    Row(
        _V.DISK,
        _R.DISK,
        _G.IO,
        {_G.IO: _HIGH, _G.REFAULTS: _NOT_HIGH, _G.OWN_IO: _NOT_HIGH},
        frozenset((_L.IO,)),
        Field.IO,
    ),
    Row(
        _V.FREQUENCY,
        _R.TDP,
        _G.COST,
        {_G.COST: _HIGH, EVERYBODY_PAYS: _HIGH},
        frozenset((_L.COST,)),
        Field.TRAFFIC,
        _NOBODY | {Rival.OUTSIDE},
        accuses=False,
    ),
    # The victim's lines are evicted: with more misses it is the cache that is contended.
    Row(
        _V.MEMORY_NEIGHBOUR,
        _R.LLC,
        _G.COST,
        {_G.COST: _HIGH, _G.MISSES: _HIGH},
        frozenset((_L.COST,)),
        Field.TRAFFIC,
        _SOMEBODY,
    ),
    Row(
        _V.MEMORY_NEIGHBOUR,
        _R.MEMORY_BW,
        _G.COST,
        {_G.COST: _HIGH},
        frozenset((_L.COST,)),
        Field.TRAFFIC,
        _SOMEBODY,
    ),
    Row(
        _V.WORKLOAD_CHANGED,
        _R.UNKN,
        _G.COST,
        {_G.COST: _HIGH},
        frozenset((_L.COST,)),
        Field.TRAFFIC,
        _NOBODY,
        accuses=False,
    ),
    # The same number of cycles for an instruction: it is the work that grew.
    Row(_V.WORKLOAD_CHANGED, _R.UNKN, _G.COST, {_G.COST: _FLAT, INSTRUCTIONS: _HIGH}),
    Row(
        _V.NODE_FULL,
        _R.CPUS,
        _G.WAIT,
        {_G.WAIT: _HIGH, EVERYBODY_WAITS: _HIGH, MACHINE: _HIGH},
        frozenset((_L.WAIT,)),
        Field.CPU,
        _NO_ONE_TASK,
        accuses=False,
    ),
    Row(
        _V.CPU_NEIGHBOUR,
        _R.CPUS,
        _G.WAIT,
        {_G.WAIT: _HIGH, _G.THROTTLED: _NOT_HIGH},
        frozenset((_L.WAIT,)),
        Field.CPU,
        _SOMEBODY | {Rival.UNKNOWN},
    ),
)
