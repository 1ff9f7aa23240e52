"""A fleet without AWS, for tests of what watches one."""

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from wca.workers.api import Cloud, CloudError, History, Lease, SourceError, WorkerSource
from wca.workers.model import (
    Action,
    Checks,
    Gap,
    Gone,
    HistoryPoint,
    InstanceState,
    Measured,
    MetricQuery,
    Reading,
    Sample,
    Shard,
    Status,
    StatusAnswer,
    Verdict,
    Worker,
)
from wca.workers.schedule.api import Schedule

__all__ = ["FakeCloud", "FakeHistory", "FakeLeases", "FakeSchedule", "FakeWorkers", "running"]


def running(instance_id: str) -> Status:
    """An instance that runs and passes its checks."""
    return Status(instance_id, InstanceState.RUNNING, Checks("ok", "ok"))


class FakeWorkers(WorkerSource):
    """A list of workers that a test changes.

    Args:
        workers: the first list.
    """

    def __init__(self, workers: Iterable[Worker] = ()) -> None:
        self.listed = list(workers)
        #: Why the list cannot be told; None: it can.
        self.failing: str | None = None
        #: What the list lacks.
        self.lacking: list[Gap] = []

    def workers(self) -> Sequence[Worker]:
        """The list as it is now."""
        if self.failing is not None:
            raise SourceError(self.failing)
        return list(self.listed)

    def gaps(self) -> Sequence[Gap]:
        """What the list lacks."""
        return list(self.lacking)


class FakeCloud(Cloud):
    """Instances that are as a test says; one it does not mention runs and uses 10 % of its CPU."""

    def __init__(self) -> None:
        self.instances: dict[str, Status | Gone] = {}
        #: Readings by name, by instance id.
        self.readings: dict[str, dict[str, Reading]] = {}
        #: Why a shard cannot be asked, by its key.
        self.failing: dict[str, str] = {}
        #: Every question: what, shard, instances.
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        #: Everything that was done: instance and action.
        self.acted: list[tuple[str, Action]] = []
        #: Answers wait for it.
        self.answering = threading.Event()
        self.answering.set()

    def status(self, shard: Shard, instance_ids: Sequence[str]) -> StatusAnswer:
        """What the test says of these."""
        self._ask("status", shard, instance_ids)
        return StatusAnswer({id_: self.instances.get(id_) or running(id_) for id_ in instance_ids})

    def measure(
        self, shard: Shard, instance_ids: Sequence[str], queries: Sequence[MetricQuery], now: float
    ) -> Measured:
        """What the test says of these."""
        self._ask("measure", shard, instance_ids)
        usual = {query.name: Reading(Verdict.VALUE, 10.0, now) for query in queries}
        return Measured({id_: {**usual, **self.readings.get(id_, {})} for id_ in instance_ids})

    def act(self, shard: Shard, instance_id: str, action: Action) -> None:
        """Note it."""
        self._ask("act", shard, [instance_id])
        self.acted.append((instance_id, action))

    def _ask(self, what: str, shard: Shard, instance_ids: Sequence[str]) -> None:
        self.asked.append((what, shard.key, tuple(instance_ids)))
        self.answering.wait(30)
        if shard.key in self.failing:
            raise CloudError(self.failing[shard.key])


class FakeSchedule(Schedule):
    """A schedule whose keys are due when a test says so."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[float, float]] = {}
        #: Keys that were made due at once.
        self.triggered: list[str] = []
        self.fire: Callable[[str], Awaitable[None]] | None = None

    def begin(self, fire: Callable[[str], Awaitable[None]]) -> None:
        """Remember what to call."""
        self.fire = fire

    def every(self, key: str, seconds: float, jitter: float) -> None:
        """Add a key."""
        self.jobs[key] = (seconds, jitter)

    def cancel(self, key: str) -> None:
        """Remove a key."""
        self.jobs.pop(key, None)

    def keys(self) -> list[str]:
        """All keys."""
        return sorted(self.jobs)

    def trigger(self, key: str) -> None:
        """Note it: a test calls ``fire``."""
        self.triggered.append(key)

    async def stop(self, timeout: float) -> None:
        """Nothing runs."""


class FakeHistory(History):
    """Keeps samples in memory."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        #: Why nothing can be kept; None: it can.
        self.failing: str | None = None

    def append(self, samples: Sequence[Sample]) -> None:
        """Keep these."""
        if self.failing is not None:
            raise OSError(self.failing)
        self.samples += samples

    def query(self, worker_id: str, since: float, until: float) -> Sequence[HistoryPoint]:
        """What was found of a worker."""
        return [
            HistoryPoint(one.at, _state(one), _values(one.readings))
            for one in self.samples
            if one.worker.id == worker_id and since <= one.at <= until
        ]


class FakeLeases(Lease):
    """Leases that a test gives and takes.

    Args:
        ttl: as of a lease.
    """

    def __init__(self, ttl: float = 30.0) -> None:
        self.ttl = ttl
        #: Owner by key.
        self.owners: dict[str, str] = {}
        #: Why nobody can tell; None: everybody can.
        self.failing: str | None = None

    def hold(self, key: str, owner: str) -> bool:
        """Take it if it is free; it never ends by itself."""
        if self.failing is not None:
            raise OSError(self.failing)
        return self.owners.setdefault(key, owner) == owner

    def release(self, key: str, owner: str) -> None:
        """Give it back."""
        if self.owners.get(key) == owner:
            del self.owners[key]

    def holders(self) -> Mapping[str, str]:
        """All owners, by key."""
        if self.failing is not None:
            raise OSError(self.failing)
        return dict(self.owners)


def _state(sample: Sample) -> InstanceState:
    status = sample.status
    return status.state if isinstance(status, Status) else InstanceState.UNKNOWN


def _values(readings: Mapping[str, Reading]) -> Mapping[str, float]:
    return {name: one.value for name, one in readings.items() if one.value is not None}
