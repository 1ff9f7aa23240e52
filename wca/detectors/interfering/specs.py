"""What CPI squared knows of an application: mean and deviation, aged."""

import math
from collections.abc import Mapping
from typing import Any

from wca.detectors.interfering.ageing import Age
from wca.detectors.interfering.histogram import numbers_of
from wca.errors import ValidationError

__all__ = ["Spec", "Specs"]

#: Applications at most; the one that was learned from longest ago goes first.
_MOST = 2000


class Spec:
    """Of one application.

    Args:
        timestamp: Unix time in seconds.
    """

    def __init__(self, timestamp: float) -> None:
        self._age = Age(timestamp)
        self.weight = self.mean = self._squares = 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(max(0.0, self._squares / self.weight)) if self.weight else 0.0

    def learn(self, value: float, timestamp: float) -> None:
        """Take a sample; those of a day ago count nine tenths of it."""
        factor = self._age.factor(timestamp)
        self.weight = self.weight * factor + 1.0
        self._squares *= factor
        apart = value - self.mean
        self.mean += apart / self.weight
        self._squares += apart * (value - self.mean)

    def dump(self) -> list[float]:
        """What ``load`` takes."""
        return [self._age.since, self.weight, self.mean, self._squares]

    @classmethod
    def load(cls, dumped: object) -> "Spec":
        """What ``dump`` gave. Raises ValidationError."""
        since, weight, mean, squares = numbers_of(dumped, 4)
        if min(weight, mean, squares) < 0:
            raise ValidationError("weight, mean and squares of a specification are below 0")
        spec = cls(since)
        spec.weight, spec.mean, spec._squares = weight, mean, squares
        return spec


class Specs:
    """Of all applications, by what was measured."""

    def __init__(self) -> None:
        self._specs: dict[str, Spec] = {}

    def get(self, name: str) -> Spec | None:
        """That of one; None where nothing is known."""
        return self._specs.get(name)

    def learn(self, name: str, value: float, timestamp: float) -> None:
        """Take a sample of one."""
        spec = self._specs.pop(name, None) or Spec(timestamp)
        self._specs[name] = spec  # the newest is last
        spec.learn(value, timestamp)
        if len(self._specs) > _MOST:
            del self._specs[next(iter(self._specs))]

    def clear(self) -> None:
        """Nothing is known any more."""
        self._specs.clear()

    def dump(self) -> dict[str, Any]:
        """All of them, as JSON can hold them."""
        return {name: spec.dump() for name, spec in self._specs.items()}

    def load(self, dumped: object) -> None:
        """Take what ``dump`` gave in place of what is known. Raises ValidationError."""
        if not isinstance(dumped, Mapping) or not all(isinstance(name, str) for name in dumped):
            raise ValidationError("specifications must be a mapping by name")
        self._specs = {name: Spec.load(one) for name, one in dumped.items()}
