"""What is done about which verdict, the gentlest first. Data only.

The order for a neighbour of the CPU is the one that protects: idle class or weight, then CPUs,
then a quota, which makes bad moments rarer and not shorter. Against memory traffic a quota is what
helps. A victim's own quota is nobody else's fault: neighbours are left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wca.allocators.contending.cpu import (
    BANDWIDTH_QUOTA,
    BURST,
    CPUSET,
    IDLE,
    QUOTA,
    RAISED_QUOTA,
    WEIGHT,
)
from wca.allocators.contending.disk import IO_LIMIT, IO_WEIGHT
from wca.allocators.contending.levers import Lever
from wca.allocators.contending.memory import BANDWIDTH, MEMORY_LIMIT
from wca.detectors.api import ContendedResource, ContentionAnomaly
from wca.detectors.interfering import sampling
from wca.detectors.interfering.verdicts import Verdict

__all__ = ["LADDERS", "Ladder", "ladder_of"]


@dataclass(frozen=True)
class Ladder:
    """What is done about one kind of trouble.

    Args:
        verdict: which.
        levers: the gentlest first.
        signals: measures of the victim, the first one that is known tells whether it recovers.
        together: whether several suspects of whom none stands out are acted on together.
        coded: whether what is done is felt within an interval, so that suspects can be tested.
    """

    verdict: str
    levers: Sequence[Lever]
    signals: Sequence[int]
    together: bool = False
    coded: bool = False

    @property
    def of_victim(self) -> bool:
        """Whether it is the victim that something is done to."""
        return self.levers[0].of_victim


_S, _V, _R = sampling, Verdict, ContendedResource
_LADDERS = (
    Ladder(_V.SELF_INFLICTED, (BURST, RAISED_QUOTA), (_S.THROTTLED,)),
    Ladder(
        _V.CPU_NEIGHBOUR,
        (IDLE, WEIGHT, CPUSET, QUOTA),
        (_S.PSI_CPU, _S.DELAY),
        together=True,
        coded=True,
    ),
    Ladder(_V.MEMORY_NEIGHBOUR, (BANDWIDTH, BANDWIDTH_QUOTA), (_S.CPI, _S.COST), coded=True),
    Ladder(_V.CACHE_THRASH, (MEMORY_LIMIT,), (_S.PSI_IO, _S.REFAULTS)),
    Ladder(_V.DISK, (IO_LIMIT, IO_WEIGHT), (_S.PSI_IO,)),
    Ladder(_V.MEMORY_EXHAUSTION, (MEMORY_LIMIT,), (_S.PSI_MEMORY_FULL,)),
)
#: By verdict. What is not here is nothing that something could be done about.
LADDERS: Mapping[str, Ladder] = {one.verdict: one for one in _LADDERS}
#: For detectors with other verdicts, by what is short.
_OTHERS: Mapping[str, str] = {
    _R.CPUS: _V.CPU_NEIGHBOUR,
    _R.MEMORY_BW: _V.MEMORY_NEIGHBOUR,
    _R.LLC: _V.MEMORY_NEIGHBOUR,
    _R.DISK: _V.DISK,
}
_OURS = frozenset(one.value for one in Verdict)


def ladder_of(anomaly: ContentionAnomaly) -> Ladder | None:
    """What is done about an anomaly; None: nothing.

    Args:
        anomaly: of any detector; where its verdict is none of ours the resource counts, if
            somebody is accused.
    """
    if anomaly.verdict in _OURS:
        return LADDERS.get(anomaly.verdict or "")
    resource = str(getattr(anomaly.resource, "value", anomaly.resource))
    return LADDERS.get(_OTHERS.get(resource, "")) if anomaly.contending_task_ids else None
