"""A collector that may block, at work on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

from wca.abilities import ability
from wca.collectors import Collector, NotAvailable, Probe, TargetGone
from wca.collectors.api import NodeTarget, TaskTarget, TellsUnmeasured
from wca.containers.costs import Costs
from wca.containers.last_values import LastValues, Request
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Measurements, MetricMetadata
from wca.telemetry import Telemetry

__all__ = ["Background"]

log = logging.getLogger(__name__)


#: Share of the time for closing after which a thread that still works is left behind: who closes
#: must have time to say so.
_OF_THE_TIME = 0.8
#: A reading that takes more intervals than this, and more seconds, is a hanging one.
_HANGING_INTERVALS, _HANGING_SECONDS = 3, 5.0


class Background(Collector):
    """Runs all of a blocking collector on one thread; its probes give the last values at once.

    Args:
        collector: what may block.
        name: under which its failures are reported.
        telemetry: where they are.
        costs: where its time is.
        seconds: gives the time between two readings.
    """

    blocking = True

    def __init__(
        self,
        collector: Collector,
        name: str,
        telemetry: Telemetry,
        costs: Costs,
        seconds: Callable[[], float],
    ) -> None:
        super().__init__()
        # What the class says of others, this one takes from what it stands for.
        self.scope = collector.scope  # type: ignore[misc]
        self.emits = collector.emits  # type: ignore[misc]
        self.per_container = collector.per_container  # type: ignore[misc]
        self.sums_containers = collector.sums_containers  # type: ignore[misc]
        self._collector = collector
        self._name = name
        self._telemetry = telemetry
        self._costs = costs
        self._seconds = seconds
        self._entries: list[LastValues] = []
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._wake = threading.Event()
        self._stopped = False
        self._paused = False
        self._read_before = False
        self._busy_since: float | None = None
        self._hanging = False
        self._end = 0.0  # monotonic time by which all has to be closed
        # Real time: it must not depend on the clock that the loop waits with.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def metrics(self) -> Sequence[MetricMetadata]:
        """Those of the collector."""
        return self._collector.metrics

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Those of the collector, if it tells."""
        one = self._collector
        return one.unmeasured if isinstance(one, TellsUnmeasured) else {}

    def start(self) -> None:
        """Start the collector, then its thread. Raises what the collector's ``start`` does."""
        start = ability(self._collector, "start")
        if start is not None:
            start()
        self._thread.start()

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """A probe that has no values until the thread has read the target for the first time."""
        entry = LastValues(target, self._requests, self._wake.set)
        self._entries.append(entry)
        self._wake.set()
        return entry

    def pause(self, *, paused: bool) -> None:
        """Read nothing until told otherwise. What is open stays open, with what it has counted.

        Args:
            paused: whether to rest.
        """
        if paused != self._paused:
            self._paused = paused
            for entry in self._entries.copy():
                entry.values = {}  # they would be old ones when it goes on
            self._wake.set()

    def close(self, timeout: float) -> None:
        """Close all probes and the collector on the thread, and end it.

        Args:
            timeout: seconds for all of it. A thread that hangs longer is left behind.
        """
        self._end = time.monotonic() + timeout
        self._stopped = True
        self._wake.set()
        if self._thread.ident is None:  # it could not start
            self._close_collector()
        else:
            self._thread.join(timeout * _OF_THE_TIME)
            if self._thread.is_alive():
                log.warning("%s is still busy: it is left behind", self._name)

    def look(self) -> None:
        """Report a reading that hangs, once. Called from another thread, again and again."""
        since = self._busy_since
        busy = 0.0 if since is None else time.monotonic() - since
        hangs = busy > max(_HANGING_INTERVALS * self._seconds(), _HANGING_SECONDS)
        if hangs and not self._hanging:
            self._telemetry.failure(self._name, f"it has not answered for {busy:.0f} s")
        self._hanging = hangs

    def _run(self) -> None:
        deadline = time.monotonic()
        while not self._stopped:
            self._wake.clear()
            now = self._busy_since = time.monotonic()
            if now >= deadline:
                self._pass(now)
                # One that takes longer than its interval does not work without a break.
                missed = (time.monotonic() - deadline) // self._seconds()
                deadline += (missed + 1) * self._seconds()
            else:
                self._pass(now, new_only=True)
            self._busy_since = None
            self._wake.wait(max(0.0, deadline - time.monotonic()))
        for entry in self._entries:
            self._close(entry)
        self._close_collector()

    def _close_collector(self) -> None:
        close = ability(self._collector, "close")
        if close is None:
            return
        try:
            close(max(0.0, self._end - time.monotonic()))
        except PLUGIN_ERRORS as error:
            log.error("%s did not close: %s", self._name, error)  # noqa: TRY400 - one sentence
            log.debug("%s did not close", self._name, exc_info=error)

    def _pass(self, now: float, *, new_only: bool = False) -> None:
        """Read every target, or those that have not been read yet, and those asked for first."""
        cpu, failed, read = time.thread_time(), False, False
        for entry in self._entries.copy():
            if self._stopped:
                return
            read = self._answer() or read
            if entry.closed or entry.ended:
                self._close(entry)
                self._entries.remove(entry)
            elif not self._paused and (entry.probe is None or not new_only):
                read = True
                failed = not self._read(entry) or failed
        if not read:
            return
        if not failed and not new_only:  # what is new says nothing of the others
            self._telemetry.success(self._name)
        cost, duration = time.thread_time() - cpu, time.monotonic() - now
        whole = not new_only or not self._read_before
        self._read_before = True
        self._costs.add(self._name, cost, duration if whole else None, now if whole else None)

    def _answer(self) -> bool:
        """Make the readings that were asked for; whether there were any."""
        answered = False
        while True:
            try:
                entry, done = self._requests.get_nowait()
            except Empty:
                return answered
            answered = True
            if not (entry.closed or entry.ended):
                self._read(entry)
            done.put(None)

    def _read(self, entry: LastValues) -> bool:
        """Read one target; False when that failed."""
        start = time.thread_time()
        try:
            return self._reads(entry)
        finally:
            entry.cpu_seconds = time.thread_time() - start

    def _reads(self, entry: LastValues) -> bool:
        values: Measurements = {}
        try:
            if entry.probe is None:
                entry.probe = self._collector.attach(entry.target)
            entry.probe.read(values)
        except (*PLUGIN_ERRORS, KeyboardInterrupt) as error:  # no signal comes to this thread
            if isinstance(error, NotAvailable):
                entry.end(error)
                return True
            if isinstance(error, TargetGone) and self.scope == "task":
                entry.end(error)
                return True
            entry.values = values  # what it could still read; the rest is not known any more
            self._telemetry.failure(self._name, error)
            return False
        entry.values = values
        return True

    def _close(self, entry: LastValues) -> None:
        if entry.probe is not None:
            try:
                entry.probe.close()
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(self._name, error)
            entry.probe = None
