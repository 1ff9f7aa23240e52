"""What all storages that talk to a network have in common: nothing lost, nobody blocked."""

import logging
import os
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS, FailedDeliveryException, StartError
from wca.metrics import Metric
from wca.metrics.vocabulary import Names, Vocabulary
from wca.storage.api import Storage
from wca.storage.delivery.backlog import Backlog, Size
from wca.storage.delivery.dispatch import Dispatch
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.delivery.options import (
    DeliveryMode,
    Order,
    QueueOptions,
    SpoolOptions,
    Survives,
    WhenFull,
    check_options,
)
from wca.storage.delivery.parcel import (
    Outcome,
    Parcel,
    Refused,
    Target,
    Unavailable,
    check_outcomes,
)
from wca.storage.delivery.patience import Patience
from wca.storage.delivery.sender import Sender
from wca.storage.encoding import Rejected
from wca.storage.ledger import Ledger
from wca.storage.rejections import Rejections
from wca.storage.weight import Weight

__all__ = ["Encode", "Encoding", "NetworkStorage"]

log = logging.getLogger(__name__)

#: Bounds of the queue in memory, where the configuration names none.
MAX_BYTES, MAX_MESSAGES = 64 * 2**20, 100_000
#: Bounds of the spool, likewise; the age in seconds.
MAX_SPOOL_BYTES, MAX_SPOOL_AGE = 2**30, 7 * 86400.0
#: Seconds before a target is tried again: at first, and at most.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """A batch as messages.

    Args:
        parcels: the messages; none of an empty batch.
        rejected: the samples that are in none of them.
    """

    parcels: list[Parcel]
    rejected: list[Rejected] = field(default_factory=list)


#: Turns metrics into messages; the second argument is the Unix time of metrics that have none.
Encode = Callable[[Sequence[Metric], float], Encoding]


class NetworkStorage(Storage):
    """A storage that sends messages to a target; made of a target and an encoding.

    ``queued``: ``store`` encodes the batch, puts the messages into a bounded queue, in memory or on
    disk, and returns; one thread sends them and tries again for as long as the queue has room for
    them. ``blocking``: ``store`` sends, waits for the answer and raises what went wrong.

    Args:
        target: where messages go.
        encode: makes the messages of a batch.
        name: what to call it in messages, without secrets.
        timeout: seconds one attempt to send may take.
        delivery: see above.
        queue: bounds of the queue and pauses between attempts.
        spool: the file in which messages wait, instead of memory.
        names: which names and labels metrics get.
        task_labels: labels of tasks that are kept, see ``Vocabulary``.
        history: whether the target keeps one state of a series beside the next.
        kind: what the bodies of messages are, for a later run that finds them in the spool; None:
            the name of the class.
        clock: time.
        jitter: gives numbers from 0 to 1.

    Raises:
        ValidationError: some of the options have no effect beside others.
    """

    takes_batches = True

    def __init__(
        self,
        target: Target,
        encode: Encode,
        *,
        name: str,
        timeout: float,
        delivery: DeliveryMode = DeliveryMode.QUEUED,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
        names: Names = Names.WCA,
        task_labels: Sequence[str] | None = None,
        history: bool = True,
        kind: str | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.delivery = DeliveryMode(delivery)
        check_options(self.delivery, queue, spool)
        self.ledger = Ledger(*_reasons(self.delivery, queue, spool))
        self._target = target
        self._encode = encode
        self._name = name
        self._kind = kind or type(self).__name__
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._vocabulary = Vocabulary(names, task_labels)
        self._rejections = Rejections(name, log)
        self._lock = threading.Lock()
        self._connected = False
        queue = queue or {}
        patience = Patience(
            queue.get("first_retry", FIRST_RETRY),
            queue.get("longest_retry", LONGEST_RETRY),
            jitter,
        )
        self._backlog = _backlog(queue, spool, self._kind, history=history)
        self._spool = frozenset(() if spool is None else (os.path.realpath(spool["path"]),))
        self._sender = Sender(
            target,
            self._backlog,
            self.ledger,
            patience,
            timeout=timeout,
            name=name,
            clock=self._clock,
        )
        self._dispatch = Dispatch(self._sender, name, self._clock)

    @property
    def rejected(self) -> int:
        """Samples left out since start: the target's format has no place for them."""
        return self._rejections.count

    @property
    def failing(self) -> str | None:
        """Why what waits is not being delivered; None: it is, or nothing was tried."""
        return self._sender.failing

    @property
    def waiting(self) -> Size:
        """How much waits."""
        return self._sender.size

    @property
    def damaged_spools(self) -> int | None:
        """Files of the spool that were damaged and put aside since start; None: there is none."""
        return getattr(self._backlog, "damaged", None)

    @property
    def holds(self) -> frozenset[str]:
        """The file of the spool, which only one storage can have open."""
        return self._spool

    def check(self) -> list[str]:
        """What would keep the spool from being used on this machine."""
        problems = getattr(self._backlog, "problems", None)
        return list(problems()) if problems else []

    def start(self) -> None:
        """Open the spool and begin to send what it holds; waits for no target.

        Raises:
            StartError: the spool cannot be used.
        """
        if self.delivery is DeliveryMode.QUEUED:
            self._dispatch.start()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Take a batch over (``queued``), or deliver it (``blocking``).

        Raises:
            FailedDeliveryException: ``blocking``: it was not delivered, not as a whole at least;
                ``queued``: a format of a plugin cannot encode it.
        """
        with self._lock:
            self.ledger.collect(len(metrics))
            parcels = self._parcels(metrics)
            if self.delivery is DeliveryMode.BLOCKING:
                self._deliver(parcels)
            elif parcels:
                self._queue(parcels)

    def weigh(self, metrics: Sequence[Metric]) -> Weight:
        """How much a batch would be, in all messages; none is sent."""
        with self._lock:
            parcels = self._encode(self._vocabulary.translate(metrics), self._clock.now()).parcels
        samples = sum(parcel.samples for parcel in parcels)
        size = sum(self.size_of(parcel) for parcel in parcels)
        return Weight(samples, size, self._kind, loads=getattr(self._target, "loads", ()))

    def size_of(self, parcel: Parcel) -> int:
        """Bytes of a message as it is sent; a client that compresses makes them fewer."""
        return len(parcel.body)

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most ``timeout`` seconds, then give everything back.

        Args:
            timeout: seconds. What could not be sent is lost, unless it waits on disk.
        """
        self._dispatch.close(timeout)

    def _parcels(self, metrics: Sequence[Metric]) -> list[Parcel]:
        try:
            encoding = self._encode(self._vocabulary.translate(metrics), self._clock.now())
            self._rejections.add(encoding.rejected)
            inside = sum(parcel.samples for parcel in encoding.parcels)
            if inside > len(metrics):
                raise ValueError(f"{inside} samples in the messages of {len(metrics)} metrics")
        except PLUGIN_ERRORS as error:  # a plugin's own format
            self.ledger.drop("failed", len(metrics))
            log.debug("%s: encoding failed", self._name, exc_info=error)
            reason = f"{type(error).__name__}: {error}"
            raise FailedDeliveryException(f"the batch cannot be encoded: {reason}") from error
        self.ledger.drop("rejected", len(metrics) - inside)
        return encoding.parcels

    def _queue(self, parcels: Sequence[Parcel]) -> None:
        try:
            self._dispatch.put(parcels)
        except StartError as error:  # as start() has said, or would have said
            self.ledger.drop("failed", sum(parcel.samples for parcel in parcels))
            raise FailedDeliveryException(str(error)) from error

    def _deliver(self, parcels: Sequence[Parcel]) -> None:
        end = self._clock.monotonic() + self._timeout
        left = list(parcels)
        try:
            if not self._connected and left:
                self._target.open(self._timeout)
                self._connected = True
            while left:
                some = left[: self._target.window]
                outcomes = self._target.send(some, max(0.0, end - self._clock.monotonic()))
                check_outcomes(outcomes, some)
                left = self._enter(some, outcomes) + left[len(some) :]
                _raise_first(some, outcomes)
        except Unavailable as absent:
            self._connected = False
            raise FailedDeliveryException(absent.reason) from absent
        except PLUGIN_ERRORS as error:
            # A refusal says nothing against the connection, anything else may have broken it.
            self._connected = self._connected and isinstance(error, FailedDeliveryException)
            raise
        finally:
            self.ledger.drop("failed", sum(parcel.samples for parcel in left))

    def _enter(self, parcels: Sequence[Parcel], outcomes: Sequence[Outcome]) -> list[Parcel]:
        """Write down what became of parcels; those that were neither taken nor refused."""
        left = []
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            if isinstance(outcome, Unavailable):
                left.append(parcel)
                continue
            refused = 0
            if outcome is not None:
                refused = outcome.lost(parcel)
                self.ledger.drop(outcome.label, refused)
            self.ledger.deliver(parcel.samples - refused)
        return left


def _raise_first(parcels: Sequence[Parcel], outcomes: Sequence[Outcome]) -> None:
    for parcel, outcome in zip(parcels, outcomes, strict=True):
        if isinstance(outcome, Unavailable):
            raise outcome
        if isinstance(outcome, Refused) and outcome.lost(parcel):
            raise FailedDeliveryException(outcome.reason)


def _reasons(
    delivery: DeliveryMode, queue: QueueOptions | None, spool: SpoolOptions | None
) -> list[str]:
    """Why samples may be given up, with these options."""
    reasons = ["failed", "rejected", "refused", "too_large"]
    if delivery is DeliveryMode.BLOCKING:
        return reasons
    reasons += ["merged", "undeliverable", "closed"]
    if spool:
        return [*reasons, "spool_full", "expired", "disk_error", "spool_corrupt", "other_kind"]
    return [*reasons, "queue_full", *(["expired"] if queue and "max_age" in queue else [])]


def _backlog(
    queue: QueueOptions, spool: SpoolOptions | None, kind: str, *, history: bool
) -> Backlog:
    order = Order(queue.get("order", Order.OLDEST))
    when_full = WhenFull(queue.get("when_full", WhenFull.MERGE))
    if spool is None:
        return MemoryQueue(
            queue.get("max_bytes", MAX_BYTES),
            queue.get("max_messages", MAX_MESSAGES),
            queue.get("max_age"),
            order,
            when_full,
            history=history,
        )
    from wca.storage.spool import Spool  # only agents that have one import SQLite's module

    return Spool(
        spool["path"],
        max_bytes=spool.get("max_bytes", MAX_SPOOL_BYTES),
        max_age=spool.get("max_age", MAX_SPOOL_AGE),
        order=order,
        survives=Survives(spool.get("survives", Survives.KILL)),
        when_full=when_full,
        history=history,
        kind=kind,
    )
