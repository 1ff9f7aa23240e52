"""When a value that is beyond a limit becomes an anomaly, and when it ends to be one."""

from dataclasses import dataclass

__all__ = ["Alarm", "Limits"]


@dataclass(frozen=True)
class Limits:
    """What a value is held against.

    Args:
        threshold: what it must not pass.
        above: whether passing means to be above it; otherwise below.
        clear: what it has to come back to.
        for_seconds: how long it has to be beyond the threshold.
        clear_seconds: how long it has to be back.
    """

    threshold: float
    above: bool
    clear: float
    for_seconds: float = 0.0
    clear_seconds: float = 0.0

    def passed(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return value > self.threshold if self.above else value < self.threshold

    def cleared(self, value: float) -> bool:
        """Whether a value is back."""
        return value <= self.clear if self.above else value >= self.clear


class Alarm:
    """The state of one value.

    Args:
        limits: what it is held against.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.active = False
        self._passed_since: float | None = None
        self._cleared_since: float | None = None

    def judge(self, now: float, value: float | None) -> bool:
        """Whether there is an anomaly now. A value that is not known ends it.

        Args:
            now: monotonic time in seconds.
            value: as it is now.
        """
        if value is None:
            self.active = False
            self._passed_since = self._cleared_since = None
        elif self.active:
            self._judge_end(now, value)
        else:
            self._judge_begin(now, value)
        return self.active

    def forget(self, gap: float) -> None:
        """Nobody has looked for some time: what was seen before it says nothing of that time.

        Args:
            gap: seconds; a shorter one than a period that is waited for changes nothing.
        """
        if gap > self._limits.for_seconds:
            self._passed_since = None
        if gap > self._limits.clear_seconds:
            self._cleared_since = None

    def _judge_begin(self, now: float, value: float) -> None:
        self._passed_since = _since(self._passed_since, now, going_on=self._limits.passed(value))
        if self._passed_since is not None:
            self.active = now - self._passed_since >= self._limits.for_seconds

    def _judge_end(self, now: float, value: float) -> None:
        self._cleared_since = _since(self._cleared_since, now, going_on=self._limits.cleared(value))
        if self._cleared_since is None:
            return
        if now - self._cleared_since >= self._limits.clear_seconds:
            self.active = False
            self._passed_since = self._cleared_since = None


def _since(before: float | None, now: float, *, going_on: bool) -> float | None:
    if not going_on:
        return None
    return now if before is None else before
