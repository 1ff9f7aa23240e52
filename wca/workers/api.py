"""The contracts of worker monitoring: sources, cloud, rules, notifiers, and what is kept.

None of them knows AWS' library, a scheduler or a database.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from wca.workers.model import (
    Action,
    ActionRecord,
    Alert,
    HistoryPoint,
    Judgement,
    Measured,
    MetricQuery,
    Sample,
    Severity,
    Shard,
    StatusAnswer,
    Worker,
    WorkerState,
)

__all__ = [
    "Cloud",
    "CloudError",
    "History",
    "Lease",
    "Notifier",
    "RefusedError",
    "Rule",
    "SourceError",
    "TryLaterError",
    "WorkerSource",
    "WorkerStore",
]


# What is watched


class SourceError(Exception):
    """A source cannot tell its workers now; the message is one sentence for the operator."""


class WorkerSource(ABC):
    """Where the list of workers comes from.

    Called on a thread of the executor, never twice at once. Optional abilities beside ``start`` and
    ``close`` are those of a source with parts that can fail one by one:
    ``use_telemetry(telemetry)``, and ``gaps()``, called after ``workers()``: a ``Gap`` for each
    part that has never given a list. What is known of workers in a gap is kept until it has.
    """

    @abstractmethod
    def workers(self) -> Sequence[Worker]:
        """All workers known now.

        Raises:
            SourceError: they cannot be told; the runner keeps the last good list.
        """


# What is asked


class CloudError(Exception):
    """A whole question failed; the message is one sentence that names what is missing or wrong.

    Args:
        message: the sentence.
        lasting: whether asking again will not help, as for a missing permission.
        unanswered: whether what was asked for is perhaps done, since no answer has come.
    """

    def __init__(self, message: str, *, lasting: bool = False, unanswered: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.unanswered = unanswered


class Cloud(ABC):
    """What answers about instances.

    Thread-safe: called on threads of the executor, several at once. Batching, rates, retries and
    the circuit breaker are its business.

    Optional abilities beside ``start``, ``check`` and ``close``: ``measurements()`` gives numbers
    of the catalogue about itself; ``forecast(workers, metrics, interval)`` gives what a month
    costs, which as text is a sentence for the log; ``unaccounted()`` and ``account(month, metrics,
    total)``, both or none, are those of a budget that all agents share: the metrics that were
    requested by month since the last account, and the account of a month.
    """

    @abstractmethod
    def status(self, shard: Shard, instance_ids: Sequence[str]) -> StatusAnswer:
        """States and status checks.

        Raises:
            CloudError: nothing at all could be asked.
        """

    @abstractmethod
    def measure(
        self, shard: Shard, instance_ids: Sequence[str], queries: Sequence[MetricQuery], now: float
    ) -> Measured:
        """The newest settled reading of each query for each instance; each has a verdict.

        Args:
            shard: where.
            instance_ids: running instances.
            queries: what to read.
            now: the end of the window.

        Raises:
            CloudError: nothing at all could be asked.
        """

    @abstractmethod
    def act(self, shard: Shard, instance_id: str, action: Action) -> None:
        """Do it; returns when EC2 has accepted it.

        Raises:
            CloudError: it was not accepted, or, where it is ``unanswered``, nobody knows.
        """


# What is judged and told


class Rule(ABC):
    """Judges samples. Pure: called on the loop for each sample in turn, it remembers nothing.

    What lasts (how many polls in a row, whether it fires) is kept in alerts, so that a restart
    forgets nothing.

    Attributes:
        name: unique among the rules of a configuration.
        severity: of its alerts.
        polls: how many polls in a row it must hold before it fires; of a rule whose judgements say
            when what they judge was (``Judgement.at``), how many of these in a row.
        while_stopped: whether it is judged while the instance is stopped or stopping; if not, its
            alerts are resolved.
        in_maintenance: whether it may begin to hold during an event that EC2 has announced; if not,
            its alerts wait until that is over.
        metric: the name of the query it looks at; None: it looks at none.
        outlives: whether its alerts may tell of the end of a worker, and go on for an hour after
            that, since nobody is told of what is over at once.
    """

    name: str
    severity: Severity
    polls: int
    while_stopped: ClassVar[bool] = True
    in_maintenance: ClassVar[bool] = True
    outlives: ClassVar[bool] = False
    metric: str | None = None

    @abstractmethod
    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Judge one sample.

        Args:
            sample: what was found.
            before: what was known before this poll; None: this is the first one.
        """


class TryLaterError(Exception):
    """A receiver did not take it now; the same may be sent again.

    Args:
        message: one sentence.
        after: seconds it asked to wait; None: it said nothing.
    """

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RefusedError(Exception):
    """A receiver will never take it; the message is one sentence that says what is wrong."""


class Notifier(ABC):
    """Tells a receiver of alerts. Called on a thread of its own, one call at a time.

    Attributes:
        resend_interval: seconds after which firing alerts are sent again, as Alertmanager needs it;
            None: each change is sent once.
        most_alerts: how many alerts one call takes; all of them differ in their keys.
        group_window: seconds an alert waits for others that are told with it.
        pause: seconds from the end of one call to the next.
    """

    resend_interval: ClassVar[float | None] = None
    most_alerts: ClassVar[int] = 1
    group_window: float = 0.0
    pause: ClassVar[float] = 0.0

    @abstractmethod
    def send(self, alerts: Sequence[Alert]) -> None:
        """Tell of alerts that fire or are resolved; what was sent twice must not be told twice.

        Raises:
            TryLaterError: send the same again later.
            RefusedError: it will never be taken; it is logged and counted.
        """

    def close(self, timeout: float) -> None:  # noqa: B027 - most have nothing to end
        """End a call that waits; called by another thread, after which nothing is sent.

        Args:
            timeout: seconds it may take.
        """


# What is kept


class WorkerStore(ABC):
    """What survives a restart: states of workers, alerts, actions.

    Called on threads of the executor, one at a time. Every call is one transaction. What cannot be
    reached raises OSError with a sentence that names the store; monitoring goes on and tries again
    with the next change.

    Attributes:
        lasting: whether a later run finds what was kept.
    """

    lasting: ClassVar[bool] = True

    @abstractmethod
    def load(self) -> Mapping[str, WorkerState]:
        """All states by the id of their worker."""

    @abstractmethod
    def save(self, states: Iterable[WorkerState]) -> None:
        """Keep these, in place of what was kept of the same workers."""

    @abstractmethod
    def remove(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers and their alerts; their actions stay."""

    @abstractmethod
    def load_alerts(self) -> Sequence[Alert]:
        """All alerts that are pending or fire."""

    @abstractmethod
    def save_alerts(self, alerts: Iterable[Alert]) -> None:
        """Keep these by their keys; a resolved one is kept no longer."""

    @abstractmethod
    def record(self, actions: Iterable[ActionRecord]) -> None:
        """Keep what was done."""

    @abstractmethod
    def actions(self, since: float) -> Sequence[ActionRecord]:
        """What was done since then, in order of time: cool-down and budget live from it."""

    @abstractmethod
    def requested(self, month: str, metrics: int) -> int:
        """Metrics that all agents of the store have requested in a month: a budget lives from it.

        Args:
            month: such as ``2026-11``.
            metrics: that are added to it; 0: it is only asked.
        """


class History(ABC):
    """Keeps what was found, longer than a worker lives. Called on threads of the executor."""

    @abstractmethod
    def append(self, samples: Sequence[Sample]) -> None:
        """Keep the samples of one cycle of a shard; raises OSError when it cannot."""

    @abstractmethod
    def query(self, worker_id: str, since: float, until: float) -> Sequence[HistoryPoint]:
        """What was found of a worker, in order of time; a history that only sends has nothing."""


#: Share of its ttl for which a lease lasts.
_LASTS = 0.75


class Lease(ABC):
    """Who may poll a shard: of several agents one at a time. Called on threads of the executor.

    Attributes:
        ttl: seconds within which a lease that is not renewed is another agent's.
    """

    ttl: float

    @property
    def lasts(self) -> float:
        """Seconds for which a lease is held that is not renewed.

        Less than the ttl: the others, who ask now and then, have it within that.
        """
        return _LASTS * self.ttl

    @abstractmethod
    def hold(self, key: str, owner: str) -> bool:
        """Take the lease if it is free, or renew it if it is ours; whether ``owner`` holds it now.

        Raises:
            OSError: nobody can tell; it must be treated as not held.
        """

    @abstractmethod
    def release(self, key: str, owner: str) -> None:
        """Give it back if it is ours."""

    @abstractmethod
    def holders(self) -> Mapping[str, str]:
        """The owners of all leases that are held now, by key.

        Raises:
            OSError: nobody can tell.
        """
