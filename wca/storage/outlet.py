"""Delivery to a storage that may take its time: one bounded queue and one sender thread."""

import logging
import threading
from collections import deque
from collections.abc import Sequence

from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Metric
from wca.storage.api import Storage
from wca.storage.ledger import Ledger, ledger_of
from wca.telemetry import Telemetry

__all__ = ["Outlet"]

log = logging.getLogger(__name__)

#: Batches that may wait for a storage, and samples in them; beyond that the oldest makes room. One
#: batch may wait whatever its size.
QUEUE_LENGTH, QUEUE_SAMPLES = 10, 250_000
#: Share of the time to close that the sender has; the rest is for counting what is left.
JOIN_SHARE = 0.9
#: Seconds after which a ``store`` that has not returned counts as a failure.
STORE_DEADLINE = 5.0
#: Attributes in which a storage counts samples that it did not pass on; they are the reasons too.
LEFT_OUT = ("rejected", "filtered", "merged")


class Outlet:
    """Hands batches to one storage and counts what became of them.

    A blocking storage is called on a thread of its own, so that ``put`` returns at once; a storage
    with ``blocking = False`` is called by ``put`` itself. A batch that the storage does not take is
    dropped and counted with its reason: ``failed``, ``queue_full`` (the storage is slower than the
    batches come) or ``closed`` (it was still waiting at the end). Single samples that a storage
    does not pass on it counts itself, in numbers that only grow: ``rejected``, ``filtered`` and
    ``merged``; they are dropped with that reason. A storage with a ``ledger`` keeps the books
    itself, from ``store`` on; one with a text in ``failing`` cannot deliver what it has taken,
    which is one failure however long it lasts.

    Args:
        storage: where batches go.
        name: name of the storage in metrics, logs and the thread's name.
        telemetry: where failures are reported.
        clock: time for the deadline.
        queue_length: batches that may wait.
        queue_samples: samples that may wait in more than one batch.
        deadline: seconds a ``store`` may take before the storage counts as failing.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        telemetry: Telemetry,
        *,
        clock: Clock | None = None,
        queue_length: int = QUEUE_LENGTH,
        queue_samples: int = QUEUE_SAMPLES,
        deadline: float = STORE_DEADLINE,
    ) -> None:
        self.name = name
        own = ledger_of(storage)
        #: What became of the samples.
        self.ledger = Ledger() if own is None else own
        self._keeps_books = own is None
        self._storage = storage
        self._telemetry = telemetry
        self._clock = clock or SystemClock()
        self._deadline = deadline
        self._queue: deque[Sequence[Metric]] = deque()
        self._queue_length = queue_length
        self._queue_samples = queue_samples
        self._changed = threading.Condition()
        self._closing = False
        self._abandoned = False
        self._target_away = False
        self._busy_since: float | None = None
        self._sending = 0
        self._thread: threading.Thread | None = None
        # On its own thread whatever a storage raises can be survived; on the loop's thread some of
        # it is meant for the loop.
        self._survived = (BaseException,) if storage.blocking else PLUGIN_ERRORS
        self.ledger.expect(*_reasons(storage, self._keeps_books))

    def put(self, metrics: Sequence[Metric]) -> None:
        """Take a batch; never waits for a blocking storage and never raises."""
        if not self._storage.blocking:
            self._collect(metrics)
            self._store(metrics)
            return
        with self._changed:
            self._collect(metrics)
            if self._closing:
                self._drop("closed", len(metrics))
                return
            self._report_late()
            self._make_room(len(metrics))
            self._queue.append(metrics)
            self._ensure_thread()
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Let waiting batches go out for at most ``timeout`` seconds, then end; safe twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        thread = self._thread
        if thread is not None:
            thread.join(timeout * JOIN_SHARE)
        with self._changed:
            while self._queue:
                self._drop("closed", len(self._queue.popleft()))
            if self._busy_since is not None and not self._abandoned:
                self._abandoned = True
                if self._keeps_books:
                    self._drop("closed", self._sending)
                log.warning("%s did not finish in time: its last batch counts as lost", self.name)

    def _make_room(self, samples: int) -> None:
        """Drop the oldest batches until one more of so many samples may wait."""
        waiting = sum(map(len, self._queue))
        while self._queue and (
            len(self._queue) >= self._queue_length or waiting + samples > self._queue_samples
        ):
            oldest = len(self._queue.popleft())
            self._drop("queue_full", oldest)
            waiting -= oldest

    def _ensure_thread(self) -> None:
        if self._thread is None:
            # A daemon: a storage that never returns must not keep the agent alive.
            thread = threading.Thread(target=self._send_all, name=self.name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no room for one more; the next batch tries again
                self._telemetry.failure(self.name, error)
            else:
                self._thread = thread

    def _send_all(self) -> None:
        while (metrics := self._next()) is not None:
            self._store(metrics)

    def _next(self) -> Sequence[Metric] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return self._queue.popleft() if self._queue else None

    def _store(self, metrics: Sequence[Metric]) -> None:
        with self._changed:
            self._busy_since = self._clock.monotonic()
            self._sending = len(metrics)
        left_out: dict[str, int] = {}
        error: BaseException | None = None
        failing: str | None = None
        try:
            left_out = self._deliver(metrics)
            failing = self._failing()
        except self._survived as failure:
            error = failure
        with self._changed:
            self._busy_since = None
            if self._abandoned:
                return  # close() gave up on this batch and has counted it
            if self._keeps_books:
                failed = {"failed": len(metrics)}
                self.ledger.settle(len(metrics), left_out if error is None else failed)
        self._report(error, failing)
        error = None  # or its traceback holds it, and the batch

    def _report(self, error: BaseException | None, failing: str | None) -> None:
        if error is not None:
            self._telemetry.failure(self.name, error)
        elif failing is None:
            self._telemetry.success(self.name)
        elif not self._target_away:
            self._telemetry.failure(self.name, failing)
        self._target_away = failing is not None

    def _report_late(self) -> None:
        if self._busy_since is None:
            return
        late = self._clock.monotonic() - self._busy_since
        if late > self._deadline and self._telemetry.healthy(self.name) is not False:
            self._telemetry.failure(self.name, f"store() has not returned for {late:.1f} s")

    def _collect(self, metrics: Sequence[Metric]) -> None:
        if self._keeps_books:
            self.ledger.collect(len(metrics))

    def _drop(self, reason: str, samples: int) -> None:
        """Write off what the storage has not been given."""
        if self._keeps_books:
            self.ledger.drop(reason, samples)
        else:
            self.ledger.lose(reason, samples)

    def _deliver(self, metrics: Sequence[Metric]) -> dict[str, int]:
        """Store a batch; how many of its samples the storage did not pass on, by reason."""
        before = self._left_out()
        self._storage.store(metrics if self._storage.takes_batches else list(metrics))
        return {reason: count - before[reason] for reason, count in self._left_out().items()}

    def _left_out(self) -> dict[str, int]:
        counts = {reason: getattr(self._storage, reason, 0) for reason in LEFT_OUT}
        return {reason: n if isinstance(n, int) else 0 for reason, n in counts.items()}

    def _failing(self) -> str | None:
        """Why the storage cannot deliver what it has taken, where it says so."""
        reason = getattr(self._storage, "failing", None)
        return reason if isinstance(reason, str) else None


def _reasons(storage: Storage, keeps_books: bool) -> list[str]:
    """Why samples may be given up in front of a storage, and by it where it keeps no books."""
    reasons = ["queue_full", "closed"] if storage.blocking else []
    if keeps_books:
        names = dir(storage)  # what a plugin's property does is not for now
        reasons += ["failed", *(reason for reason in LEFT_OUT if reason in names)]
    return reasons
