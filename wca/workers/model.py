"""What worker monitoring speaks of: workers, answers about them, alerts and actions. Pure data.

Times are Unix seconds (wall clock) unless a name says otherwise; utilization is in percent, from 0
to 100.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "BEGUN",
    "HELD",
    "UNANSWERED",
    "Action",
    "ActionRecord",
    "Alert",
    "AlertState",
    "Checks",
    "Gap",
    "Gone",
    "HistoryPoint",
    "InstanceState",
    "Judgement",
    "Measured",
    "MetricQuery",
    "Reading",
    "Sample",
    "ScheduledEvent",
    "Severity",
    "Shard",
    "Status",
    "StatusAnswer",
    "Verdict",
    "Worker",
    "WorkerState",
]


# What is watched


@dataclass(frozen=True, slots=True)
class Shard:
    """What is polled together: the unit of the schedule, of the lease and of the circuit breaker.

    Args:
        account: name of an account in the configuration; empty: that of the agent's credentials.
        region: such as ``eu-west-1``.
    """

    account: str
    region: str

    @property
    def key(self) -> str:
        """Names it in a schedule, a lease and a metric: ``account/region``."""
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker of the fleet: an EC2 instance by another name.

    Args:
        id: unique in the fleet; where its source has none, the id of the instance.
        region: in which the instance is.
        instance_id: such as ``i-0123456789abcdef0``; empty: it has none yet, and is not polled.
        account: as in a shard.
        name: for people; empty: the id.
        tags: of the instance or of the source.
    """

    id: str
    region: str
    instance_id: str
    account: str = ""
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def shard(self) -> Shard:
        """With whom it is polled."""
        return Shard(self.account, self.region)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a list of workers lacks some, because who would list them has never given a list.

    Args:
        account: of workers that may be missing; None: of any.
        region: of workers that may be missing; None: of any.
    """

    account: str | None = None
    region: str | None = None

    def has(self, worker: Worker) -> bool:
        """Whether this worker may be missing."""
        return self.account in (None, worker.account) and self.region in (None, worker.region)


# What is asked


class InstanceState(StrEnum):
    """State of an EC2 instance, with EC2's own words."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Checks:
    """EC2's status checks.

    EC2's words: ok, impaired, initializing, insufficient-data, not-applicable.

    Args:
        system: of the host.
        instance: of the guest.
        ebs: of attached volumes; empty: not told.
    """

    system: str = ""
    instance: str = ""
    ebs: str = ""


@dataclass(frozen=True, slots=True)
class ScheduledEvent:
    """What EC2 has announced for an instance.

    Args:
        id: of the event.
        code: such as ``instance-reboot`` or ``system-maintenance``.
        description: EC2's words.
        not_before: begin; None: not told.
        not_after: end; None: not told.
    """

    id: str
    code: str
    description: str = ""
    not_before: float | None = None
    not_after: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What EC2 says of one instance.

    Args:
        instance_id: of which.
        state: of the instance.
        checks: its status checks.
        events: announced and not completed.
    """

    instance_id: str
    state: InstanceState
    checks: Checks = field(default_factory=Checks)
    events: tuple[ScheduledEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """EC2 does not know this instance any more.

    Args:
        instance_id: of which.
    """

    instance_id: str


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The states of the instances of a shard.

    Args:
        by_id: what is known, by instance id. An instance that was asked for and is missing could
            not be asked this time: nothing is concluded from that.
        problems: sentences about what could not be asked, for the log.
    """

    by_id: Mapping[str, Status | Gone]
    problems: tuple[str, ...] = ()


class Verdict(StrEnum):
    """What a reading is worth."""

    VALUE = "value"  #: a settled value, above zero
    ZERO = "zero"  #: a settled value of exactly zero: it is idle, and it reports
    NO_DATA = "no data"  #: CloudWatch has no point in the window
    STALE = "stale"  #: the newest point is older than it should be
    THROTTLED = "throttled"  #: AWS refused to answer because of the rate: nothing is known
    FAILED = "failed"  #: another error: nothing is known
    SKIPPED = "skipped"  #: not asked, to keep to the budget: nothing is known


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one worker.

    Args:
        verdict: what it is worth.
        value: None unless the verdict is VALUE, ZERO or STALE.
        at: begin of the period of the value.
        parts: where the metric is read of several parts of the worker, such as its disks: the value
            of each by its name. Then ``value`` is the greatest of them, or the least where the
            query asks for the minimum.
    """

    verdict: Verdict
    value: float | None = None
    at: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)

    def named(self, name: str) -> Mapping[str, float]:
        """Its value and that of each part, by names that begin with that of the query."""
        whole = {} if self.value is None else {name: self.value}
        return {**whole, **{f"{name}: {part}": value for part, value in self.parts.items()}}


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A metric that is read of each running worker.

    Args:
        name: what WCA calls it: ``cpu``, ``memory``.
        namespace: of CloudWatch.
        metric: of CloudWatch.
        stat: Average, Minimum, Maximum, Sum or SampleCount.
        period: seconds, a multiple of 60.
        dimensions: besides InstanceId; None: found out by ListMetrics, since CloudWatch matches
            exact sets only. Then it may be read of several parts of a worker, such as its disks.
    """

    name: str
    namespace: str
    metric: str
    stat: str = "Average"
    period: int = 300
    dimensions: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """Readings of a shard's workers.

    Args:
        by_id: readings by the name of their query, by instance id.
        problems: sentences about what could not be asked, for the log.
    """

    by_id: Mapping[str, Mapping[str, Reading]]
    problems: tuple[str, ...] = ()


class Action(StrEnum):
    """What may be done to an instance."""

    REBOOT = "reboot"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll found of one worker: what rules, observers and the history get.

    Args:
        worker: of whom.
        at: when it was polled.
        status: what EC2 said; None: it could not be asked this time.
        readings: by the name of their query; empty for an instance that does not run.
    """

    worker: Worker
    at: float
    status: Status | Gone | None
    readings: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What is remembered of a worker from one poll, and from one run, to the next.

    Args:
        worker: of whom.
        state: the last one known.
        checks: the last ones known.
        changed_at: when the state was first seen as it is now; None: since the first poll.
        polled_at: when EC2 last answered about it; None: never.
        active_at: when its CPU was last seen above the idle threshold; None: never seen.
        readings: the last ones.
        monitored: False: monitoring of it was stopped by hand.
    """

    worker: Worker
    state: InstanceState = InstanceState.UNKNOWN
    checks: Checks = field(default_factory=Checks)
    changed_at: float | None = None
    polled_at: float | None = None
    active_at: float | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    monitored: bool = True


# What is judged and told


class Severity(StrEnum):
    """How bad it is, in the words of PagerDuty's Events API v2."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a sample.

    Args:
        active: True: it holds; False: it is over; None: as before (between two thresholds, or
            nothing is known: no data neither fires nor resolves).
        summary: one sentence for people: what, how much, against which bound.
        value: the number it is about; None: there is none.
        what: names of the several things that hold, such as checks; another one is told of.
        at: the time of the reading that was judged: the same one, judged again by a later poll,
            does not count again. None: it is judged what the poll itself has found.
    """

    active: bool | None
    summary: str = ""
    value: float | None = None
    what: tuple[str, ...] = ()
    at: float | None = None


class AlertState(StrEnum):
    """Where an alert is in its life."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that holds, or has held, for a worker.

    Args:
        key: the same for the same rule and worker, in every run: receivers deduplicate by it.
        rule: its name.
        worker: whom it is about.
        severity: how bad.
        state: where in its life.
        summary: one sentence for people.
        value: the newest number; None: there is none.
        polls: how many polls in a row it held, while it is pending; of one about readings, how many
            of these.
        since: when it was first seen.
        fired_at: when it fired; None: it has not.
        resolved_at: when it was over; None: it is not.
        what: names of all that has held since it was first seen, where it may be several things.
        changed_at: when something was added to these while it fires; None: never.
        read_at: the time of the newest reading that was counted; None: it is about none.
    """

    key: str
    rule: str
    worker: Worker
    severity: Severity
    state: AlertState
    summary: str
    value: float | None
    polls: int
    since: float
    fired_at: float | None = None
    resolved_at: float | None = None
    what: tuple[str, ...] = ()
    changed_at: float | None = None
    read_at: float | None = None

    @property
    def happened_at(self) -> float:
        """When it fired, has changed since, or was over."""
        if self.state is AlertState.RESOLVED and self.resolved_at is not None:
            return self.resolved_at
        if self.changed_at is not None:
            return self.changed_at
        return self.fired_at if self.fired_at is not None else self.since

    @property
    def event_id(self) -> str:
        """Names what receivers are told of it now, in every run."""
        return f"{self.key}-{self.state}-{round(self.happened_at * 1000)}"

    @property
    def is_news(self) -> bool:
        """Whether receivers are told: it fires, or is over and has fired."""
        return self.state is not AlertState.PENDING and self.fired_at is not None


#: The outcome of an ActionRecord before there is one: an agent that ends now has perhaps done it.
BEGUN = "begun"
#: Begins the outcome of what was perhaps done, since the answer was lost.
UNANSWERED = "failed, perhaps done: "
#: Begins the outcome of what WCA itself has decided not to do: it was not tried.
HELD = "held back: "


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """Something that was done to a worker, or would have been.

    What is done has two records, of the same worker, action and time: one that it begins, kept
    before, and one of what came of it.

    Args:
        worker: to whom.
        action: what.
        at: when, or when it began.
        reason: the sentence of the alert that asked for it.
        outcome: ``begun``, ``done``, ``dry run``, or why it was not done.
    """

    worker: Worker
    action: Action
    at: float
    reason: str
    outcome: str


# What is kept


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What a history tells of one poll of one worker.

    Args:
        at: when.
        state: of the instance.
        values: readings that had a value, by the name of their query.
    """

    at: float
    state: InstanceState
    values: Mapping[str, float]
