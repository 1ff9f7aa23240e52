"""What to expect of a configuration, as data."""

from dataclasses import dataclass

from wca.doctor import Finding

__all__ = ["Cpu", "Lacking", "LeftOut", "Output", "Plan", "Series", "Tasks"]


@dataclass(frozen=True)
class Tasks:
    """What the plan is for.

    Args:
        node: class of the node.
        found: tasks that run now.
        planned: tasks that the plan is for.
        seconds: of CPU, for asking the node once.
    """

    node: str
    found: int
    planned: int
    seconds: float


@dataclass(frozen=True)
class Series:
    """Numbers in one interval.

    Args:
        total: all of them.
        per_task: on average; 0 without a task.
        others: of the machine and the agent.
    """

    total: int
    per_task: float
    others: int


@dataclass(frozen=True)
class Output:
    """What one storage gets.

    Args:
        name: of its place in the configuration.
        form: what it makes of metrics.
        samples: in one batch.
        batch_bytes: of one batch.
        seconds: from one batch to the next.
        day_bytes: of a day; of what is fetched, when it is fetched once in each interval.
        fetched: whether it goes out only when somebody asks for it.
        problem: why it could not be encoded; empty: it could.
    """

    name: str
    form: str
    samples: int
    batch_bytes: int
    seconds: float
    day_bytes: int
    fetched: bool
    problem: str = ""


@dataclass(frozen=True)
class Cpu:
    """Time of the processor.

    Args:
        interval_seconds: of one interval.
        share: of one core, of all but pages.
        page_seconds: each time that pages are fetched, all of them together; 0: there are none.
    """

    interval_seconds: float
    share: float
    page_seconds: float


@dataclass(frozen=True)
class Lacking:
    """Metrics without numbers here.

    Args:
        collector: that would have them.
        reason: why it has none; empty: nobody knows.
        metrics: names.
    """

    collector: str
    reason: str
    metrics: list[str]


@dataclass(frozen=True)
class LeftOut:
    """A collector that was not tried, because it changes something.

    Args:
        collector: its class.
        changes: what.
        metrics: names, which come on top.
    """

    collector: str
    changes: str
    metrics: list[str]


@dataclass(frozen=True)
class Plan:
    """What to expect of a configuration on this machine.

    Args:
        interval: seconds.
        tasks: what it is for.
        series: in one interval.
        outputs: what storages get.
        descriptors: open files, sockets and perf events.
        descriptor_limit: how many this process may have.
        cpu: of the agent.
        memory: resident bytes of the agent.
        privileges: capabilities that the configuration needs.
        impossible: metrics of collectors that have no source here.
        unseen: metrics of the others that had no numbers in these intervals.
        left_out: collectors that were not tried.
        lacks: what does not fit or will not work, one sentence each.
        assumptions: one sentence each.
    """

    interval: float
    tasks: Tasks
    series: Series
    outputs: list[Output]
    descriptors: int
    descriptor_limit: int
    cpu: Cpu
    memory: int
    privileges: list[Finding]
    impossible: list[Lacking]
    unseen: list[Lacking]
    left_out: list[LeftOut]
    lacks: list[str]
    assumptions: list[str]
