"""How far best-effort tasks are held back: stages, entered at once and left slowly. Pure."""

import enum

__all__ = ["Stage", "Stages"]


class Stage(enum.IntEnum):
    """What is done, in the order that protects; each includes those before it."""

    NOTHING = 0
    WEIGHT = 1
    CPUS = 2
    QUOTA = 3


class Stages:
    """Where best-effort tasks stand.

    Under pressure one stage more, as often as it takes, with so many readings in between that what
    the last one did can be seen; one less when it was quiet for long enough, and for twice as long
    after a relapse. When all stages together have not helped, it is not best-effort tasks that
    press: everything is given back, for as long.

    Args:
        readings: after a stage by which it is judged.
        hold: seconds of quiet before a stage is left.
        longest_hold: seconds at most, after relapses.
    """

    #: What has to be left of the pressure before the first stage for them to have helped.
    HELPED = 0.8

    def __init__(self, readings: int, hold: float, longest_hold: float) -> None:
        self._readings = readings
        self._first = hold
        self._hold = hold
        self._longest = longest_hold
        self._before = 0.0
        self._seen = 0
        self._quiet = 0.0
        self._left: float | None = None
        self._rest = 0.0
        self.stage = Stage.NOTHING

    def step(self, now: float, pressure: float | None, limit: float, *, able: bool) -> Stage:
        """Another interval.

        Args:
            now: monotonic time in seconds.
            pressure: on latency-critical tasks; None: nothing was read.
            limit: from where on it is too much.
            able: whether best-effort tasks do anything that could be the reason.
        """
        self._seen += pressure is not None
        if pressure is None or pressure <= limit:
            self._calm(now)
        else:
            self._quiet = now
            self._press(now, pressure, able=able)
        return self.stage

    def leave(self) -> None:
        """There is nobody left to protect."""
        self.stage, self._hold, self._left, self._rest = Stage.NOTHING, self._first, None, 0.0

    def _press(self, now: float, pressure: float, *, able: bool) -> None:
        if self._left is not None and now - self._left < self._hold:
            self._hold = min(self._longest, 2 * self._hold)  # it was left too early
        self._left = None
        if now < self._rest or not able:
            return
        if self.stage is Stage.NOTHING:
            self._before = pressure
        elif self._seen < self._readings:
            return
        if self.stage is not Stage.QUOTA:
            self._enter(Stage(self.stage + 1))
        elif pressure > self.HELPED * self._before:
            self._enter(Stage.NOTHING)
            self._rest = now + self._hold
            self._hold = min(self._longest, 2 * self._hold)

    def _calm(self, now: float) -> None:
        if self.stage is Stage.NOTHING:
            if self._left is not None and now - self._left >= self._longest:
                self._hold, self._left = self._first, None
        elif now - self._quiet >= self._hold:
            self._enter(Stage(self.stage - 1))
            self._quiet = self._left = now

    def _enter(self, stage: Stage) -> None:
        self.stage, self._seen = stage, 0
