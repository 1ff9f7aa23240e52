"""What is usual, whoever knows it: what was learned on the way, or a model that was made before."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from wca.detectors.interfering.judged import JUDGED, Group, Usual

__all__ = ["NEAR", "Norms", "WIDTH", "borrow", "load_bin"]

#: Width of a load bin: loads in one differ by less than this factor.
WIDTH = 1.5
#: Bins away from its own in which a load that is new borrows limits: up to five times the load.
NEAR = 4


def load_bin(load: float) -> int | None:
    """The place of a load, in geometric steps; None where there is none."""
    return round(math.log(load) / math.log(WIDTH)) if load > 1e-6 else None


class Norms(Protocol):
    """What is usual for an application at a load, and what becomes of new readings."""

    def usual(self, application: str, place: int) -> Sequence[Usual | None]:
        """What is held against numbers, in the order of ``JUDGED``; None: nothing is known.

        Args:
            application: whose.
            place: of the load, as ``load_bin`` has it.
        """

    def learn(self, application: str, place: int, values: Sequence[float], now: float) -> None:
        """Take readings that nothing is wrong with.

        Args:
            application: whose.
            place: of the load.
            values: in the order of ``JUDGED``; those that are not known are NaN.
            now: Unix time in seconds.
        """

    def forget(self, application: str, group: Group) -> None:
        """The numbers of one group have another level from now on."""


def borrow(
    found: list[Usual | None], place: int, bins: Mapping[int, Sequence[Usual | None]], near: int
) -> None:
    """Fill what is not known at a load with what is known at the nearest ones.

    Args:
        found: what is known, in the order of ``JUDGED``; is filled.
        place: of the load.
        bins: what is known at each load.
        near: how many bins away is near.
    """
    for distance in range(1, near + 1):
        for there in (place + distance, place - distance):
            usual = bins.get(there)
            if usual is not None:
                _borrow(found, usual, WIDTH ** (place - there))


def _borrow(found: list[Usual | None], usual: Sequence[Usual | None], times: float) -> None:
    for number, judged in enumerate(JUDGED):
        known = usual[number]
        if found[number] is None and known is not None:
            found[number] = judged.borrowed(known, times)
