"""What the agent knows about itself: durations, health and failures of its parts."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ITERATION", "Telemetry"]

log = logging.getLogger(__name__)

#: The function that all stages are parts of. Its durations have names of their own, because a sum
#: never stands beside its parts.
ITERATION = "iteration"


class Telemetry:
    """Durations by stage, and by component whether it works. Written by any thread.

    A failure and its log line are one call. A component that fails again and again is logged when
    it begins to fail and when it works again, not each time. What fails for one task and works for
    the next has failed: within a round a failure outweighs every success.

    Args:
        monotonic: a clock in seconds, for durations.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._total: dict[str, float] = {}
        self._count: dict[str, int] = {}
        self._healthy: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._reasons: dict[str, str] = {}
        self._failed_now: set[str] = set()
        self._recovering: set[str] = set()
        self._counters: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, function: str) -> Iterator[None]:
        """Measure a block; one that raises is measured too."""
        start = self._monotonic()
        try:
            yield
        finally:
            self.duration(function, self._monotonic() - start)

    def duration(self, function: str, seconds: float) -> None:
        """Record one duration."""
        self._last[function] = seconds
        self._total[function] = self._total.get(function, 0.0) + seconds
        self._count[function] = self._count.get(function, 0) + 1

    def last(self, function: str) -> float | None:
        """Seconds of the last duration; None before the first."""
        return self._last.get(function)

    def count(self, counter: str, by: int = 1) -> None:
        """Add to a counter; adding zero makes it visible before the first event."""
        with self._lock:
            self._counters[counter] = self._counters.get(counter, 0) + by

    def expect(self, components: Iterable[str]) -> None:
        """These may fail: their failures are told while there are none yet."""
        with self._lock:
            self._failures = dict.fromkeys(components, 0) | self._failures

    def forget(self, components: Iterable[str]) -> None:
        """These are gone: nothing is told of them any more."""
        with self._lock:
            for name in components:
                for known in (self._last, self._total, self._count):
                    known.pop(name, None)
                for told in (self._healthy, self._failures, self._reasons):
                    told.pop(name, None)
                self._failed_now.discard(name)
                self._recovering.discard(name)

    @property
    def failing(self) -> list[str]:
        """The components whose last attempt failed."""
        with self._lock:
            return sorted(name for name, healthy in self._healthy.items() if not healthy)

    def begin_round(self) -> None:
        """A new iteration begins: what only succeeded in the last one works again."""
        with self._lock:
            recovered = sorted(self._recovering)
            self._healthy.update(dict.fromkeys(recovered, 1))
            self._recovering.clear()
            self._failed_now.clear()
        for component in recovered:
            log.info("%s works again", component)

    def success(self, component: str) -> None:
        """The component did its work, which counts unless it fails as well in this round."""
        with self._lock:
            if component in self._failed_now:
                return
            if self._healthy.get(component) == 0:
                self._recovering.add(component)
                return
            self._healthy[component] = 1
            self._failures.setdefault(component, 0)

    def failure(self, component: str, error: BaseException | str) -> None:
        """The component failed: count it, and log it when that is new."""
        reason = _sentence(error)
        with self._lock:
            new = self._healthy.get(component) != 0
            self._healthy[component] = 0
            self._failed_now.add(component)
            self._recovering.discard(component)
            self._failures[component] = self._failures.get(component, 0) + 1
            self._reasons[component] = reason
        if new:
            log.error("%s fails: %s", component, reason)
        if isinstance(error, BaseException):
            log.debug("%s failed", component, exc_info=error)

    def healthy(self, component: str) -> bool | None:
        """Whether the last attempt succeeded; None before the first."""
        state = self._healthy.get(component)
        return None if state is None else bool(state)

    def failures(self, component: str) -> int:
        """Failed attempts since start."""
        return self._failures.get(component, 0)

    def reason(self, component: str) -> str | None:
        """Why the last attempt that failed has; None: none has. It is kept when it works again."""
        return self._reasons.get(component)

    def measurements(self) -> dict[str, Any]:
        """Durations, health and counters as measurements of the catalogue's names."""
        last = self._last.copy()
        averages = {name: self._total[name] / self._count[name] for name in last}
        values: dict[str, Any] = {
            "wca_iteration_duration_seconds": last.pop(ITERATION, None),
            "wca_iteration_duration_seconds_avg": averages.pop(ITERATION, None),
            "wca_duration_seconds": last,
            "wca_duration_seconds_avg": averages,
            "wca_healthy": self._healthy.copy(),
            "wca_failures": self._failures.copy(),
            **self._counters,
        }
        return {name: value for name, value in values.items() if value not in (None, {})}


def _sentence(error: BaseException | str) -> str:
    if isinstance(error, str):
        return error
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
