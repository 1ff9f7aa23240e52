"""The loop: several jobs on one monotonic schedule."""

import math
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from wca.clock import Clock
from wca.runners.schedule import Schedule
from wca.supervisor import Supervisor
from wca.telemetry import Telemetry

__all__ = ["Job", "Loop", "Progress", "Watchdog"]


class Progress(Protocol):
    """A loop as seen from outside."""

    @property
    def progress(self) -> float:
        """Monotonic time at which it was last seen alive."""

    @property
    def waiting(self) -> bool:
        """Whether it waits for its next deadline."""

    @property
    def iterations(self) -> int:
        """How many are complete."""


class Job:
    """Something the loop does once per period.

    Args:
        action: what to do; it must not raise.
        period: seconds; None: only when it is requested.
        on_missed: told how many deadlines were missed, whenever some were.
    """

    def __init__(
        self,
        action: Callable[[], None],
        period: float | None,
        on_missed: Callable[[int], None] = lambda _missed: None,
    ) -> None:
        self._action = action
        self._period = period
        self._on_missed = on_missed
        self._schedule: Schedule | None = None
        self._requested = False

    def request(self) -> None:
        """Do it once more before the next deadline; called from any thread."""
        self._requested = True

    def every(self, period: float, now: float) -> None:
        """Do it in another period from now on, where it is another one.

        Args:
            period: seconds.
            now: monotonic time.
        """
        if period != self._period:
            self._period = period
            self.start(now)

    def start(self, now: float) -> None:
        """Set the first deadline."""
        self._schedule = None if self._period is None else Schedule(self._period, now)

    @property
    def deadline(self) -> float:
        """Monotonic time of the next deadline."""
        return self._schedule.deadline if self._schedule else math.inf

    def run_if_due(self, now: float) -> bool:
        """Do it when its deadline has come or when it was requested."""
        if self._schedule is not None and self._schedule.due(now):
            if missed := self._schedule.advance(now):
                self._on_missed(missed)
        elif not self._requested:
            return False
        self._requested = False
        self._action()
        return True


class Loop:
    """Runs its jobs, in their order, whenever one of them is due.

    The last job is the one that the loop is for: its runs are the iterations.

    Args:
        jobs: in the order in which they run when several are due.
        clock: time and waiting.
        stop: ends the loop when set.
        wake: when set, ends the wait for the next deadline, for a job that was requested; whoever
            sets ``stop`` sets it as well. None: ``stop`` alone ends a wait.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        clock: Clock,
        stop: threading.Event,
        wake: threading.Event | None = None,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._stop = stop
        self._wake = stop if wake is None else wake
        self.iterations = 0
        #: Monotonic time at which the loop was last seen alive, and the deadline it waits for.
        self.progress = clock.monotonic()
        self.waiting = False

    def run(self, iterations: int | None = None) -> None:
        """Loop until ``stop`` is set, or until the last job has run ``iterations`` times."""
        now = self._clock.monotonic()
        for job in self._jobs:
            job.start(now)
        while not self._stop.is_set():
            self._run_due()
            if iterations is not None and self.iterations >= iterations:
                return
            self._wait()

    def _run_due(self) -> None:
        self.waiting = False
        for job in self._jobs:
            self.progress = self._clock.monotonic()
            ran = job.run_if_due(self.progress)
            if ran and job is self._jobs[-1]:
                self.iterations += 1

    def _wait(self) -> None:
        deadline = min(job.deadline for job in self._jobs)
        self.progress = self._clock.monotonic()
        self.waiting = True
        self._clock.wait(self._wake, deadline - self.progress)
        if self._wake is not self._stop:
            self._wake.clear()


class Watchdog:
    """Makes a loop that stands still visible, from a thread of its own.

    Args:
        loop: what is watched.
        limit: seconds one job may take.
        clock: time.
        telemetry: where it is reported.
        supervisor: gets a sign of life as long as the loop does not stand still.
        doing: gives what the supervisor is told then.
    """

    def __init__(
        self,
        loop: Progress,
        limit: float,
        clock: Clock,
        telemetry: Telemetry,
        supervisor: Supervisor | None = None,
        doing: Callable[[], str] = lambda: "measuring",
    ) -> None:
        self._doing = doing
        self._supervisor = supervisor or Supervisor()
        self._telemetry = telemetry
        self._loop = loop
        #: Seconds one job may take.
        self.limit = limit
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watched = threading.get_ident()
        self._reported: float | None = None

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        patience = math.inf if self._supervisor.patience is None else self._supervisor.patience
        return min(max(self.limit / 3, 0.05), patience / 2)

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Report the loop when it begins to stand still, and when it goes on."""
        progress = self._loop.progress
        still = self._clock.monotonic() - progress
        if self._loop.waiting or still <= self.limit:
            if self._reported is not None and progress != self._reported:
                self._reported = None
                self._telemetry.success("loop")
            self._supervisor.status(self._doing())
            self._supervisor.alive()
        elif progress != self._reported:
            self._reported = progress
            self._telemetry.count("wca_loop_stuck")
            words = f"it has stood still for {still:.1f} s, in {_place(self._watched)}"
            self._telemetry.failure("loop", words)
            self._supervisor.status(f"the loop stands still: {words}")

    def _watch(self) -> None:
        # Real time: it must not depend on the clock that the loop itself waits with.
        while not self._ended.wait(self.pause):
            self.look()


def _place(thread_id: int) -> str:
    """Where a thread is now, as ``file:line function``."""
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - the documented way to see a thread
    if frame is None:
        return "a thread that has ended"
    last = traceback.extract_stack(frame)[-1]
    return f"{last.filename}:{last.lineno} {last.name}"
