"""Which numbers are held against what is usual, and how far from it is too far."""

import enum
from dataclasses import dataclass

from wca.detectors.interfering import sampling
from wca.detectors.interfering.histogram import Spread

__all__ = ["JUDGED", "Group", "Judged", "Strictness", "Usual"]


class Group(enum.StrEnum):
    """What a number tells of."""

    WAIT = "waiting for a CPU"
    THROTTLED = "throttling"
    COST = "CPU cost of the work"
    MISSES = "cache misses"
    IO = "waiting for io"
    REFAULTS = "refaults"
    MEMORY = "waiting for memory"
    OWN_IO = "own reads"


@dataclass(frozen=True)
class Strictness:
    """How limits are made.

    Args:
        deviations: standard deviations above the median.
        share: of the median, above it, at least.
    """

    deviations: float
    share: float


@dataclass(frozen=True)
class Usual:
    """What is held against a number.

    Args:
        median: what it usually is.
        limit: from where on it is unusual.
    """

    median: float
    limit: float


@dataclass(frozen=True)
class Judged:
    """A number that may be unusual.

    Args:
        measure: its place in ``MEASURES``.
        group: what it tells of.
        floor: a rise that is too small to matter, in its own unit.
        smooth: whether the median of the last five readings is looked at, which spreads less: the
            smallest share that counts is then half as large.
        alarming: whether it makes an anomaly; otherwise it only tells anomalies apart.
        by_cpu: whether it says nothing of a task that hardly runs.
        with_load: whether it grows with the load.
    """

    measure: int
    group: Group
    floor: float
    smooth: bool = False
    alarming: bool = True
    by_cpu: bool = False
    with_load: bool = True

    @property
    def name(self) -> str:
        """What it is called in evidence."""
        return sampling.MEASURES[self.measure].name

    def usual(self, spread: Spread, strictness: Strictness) -> Usual:
        """The limit: above the median by deviations, share and floor.

        It is not below what one of twenty usual readings passes.
        """
        share = strictness.share / 2 if self.smooth else strictness.share
        far = max(strictness.deviations * spread.deviation, share * spread.median, self.floor)
        return Usual(spread.median, max(spread.median + far, spread.high))

    def borrowed(self, known: Usual, times: float) -> Usual:
        """The limit at a load that is so many times the one it was learned at: twice as far."""
        scale = max(times, 1.0) if self.with_load else 1.0
        return Usual(known.median * scale, known.median * scale + 2 * (known.limit - known.median))


_S = sampling
JUDGED = (
    Judged(_S.PSI_CPU, Group.WAIT, 0.025, by_cpu=True),
    Judged(_S.DELAY, Group.WAIT, 0.2, by_cpu=True),
    Judged(_S.THROTTLED, Group.THROTTLED, 0.1),
    Judged(_S.COST, Group.COST, 0.0, smooth=True, by_cpu=True, with_load=False),
    Judged(_S.CPI, Group.COST, 0.0, smooth=True, by_cpu=True, with_load=False),
    Judged(_S.MPKI, Group.MISSES, 0.1, smooth=True, alarming=False, by_cpu=True, with_load=False),
    Judged(_S.PSI_IO, Group.IO, 0.03),
    Judged(_S.REFAULTS, Group.REFAULTS, 50.0),
    Judged(_S.MAJOR, Group.REFAULTS, 20.0, alarming=False),
    Judged(_S.PSI_MEMORY_FULL, Group.MEMORY, 0.05),
    Judged(_S.READ, Group.OWN_IO, float(1 << 20), alarming=False),
)
