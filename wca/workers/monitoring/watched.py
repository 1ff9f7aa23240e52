"""What is known of one shard, and what a poll of it finds. Pure: it asks nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wca.workers.model import Alert, Sample, Shard, Status, Worker, WorkerState
from wca.workers.monitoring.contracts import Judging
from wca.workers.monitoring.states import has_ended, next_state

__all__ = ["Findings", "Watched"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What has become known of a shard.

    Args:
        shard: of which.
        samples: what was found.
        states: what is known now of the workers that were polled, without those that ended.
        alerts: those that have changed.
        ended: workers that are not watched any more.
        firing: all alerts of the shard that fire now.
    """

    shard: Shard
    samples: Sequence[Sample] = ()
    states: Sequence[WorkerState] = ()
    alerts: Sequence[Alert] = ()
    ended: Sequence[Worker] = ()
    firing: Sequence[Alert] = ()


@dataclass
class Watched:
    """The memory of one shard, from one poll to the next.

    Args:
        shard: of which.
        book: its alerts.
        active_above: percentage of CPU above which a worker is active.
        states: what is known of its workers, by id.
        term: of the lease, in which this is known.
        waiting_since: seconds of a clock since when nobody can tell what was kept of the shard;
            meanwhile nothing is told or kept of it. None: it is known what was kept.
    """

    shard: Shard
    book: Judging
    active_above: float
    states: dict[str, WorkerState] = field(default_factory=dict)
    term: int = 0
    waiting_since: float | None = None

    @property
    def waits(self) -> bool:
        """Whether it is a memory only until what was kept can be had."""
        return self.waiting_since is not None

    def workers(self) -> list[Worker]:
        """Those whose state is known, and those that an alert has outlived."""
        known = {alert.worker.id: alert.worker for alert in self.book.firing()}
        known |= {id_: state.worker for id_, state in self.states.items()}
        return list(known.values())

    def seen(self) -> set[str]:
        """Ids of those that the cloud has known before."""
        return {id_ for id_, state in self.states.items() if state.polled_at is not None}

    def polled(self, workers: Iterable[Worker]) -> list[Worker]:
        """Those that can be polled, and of which nobody has said that they are not to be."""
        return [
            worker
            for worker in workers
            if worker.instance_id
            and (worker.id not in self.states or self.states[worker.id].monitored)
        ]

    def learn(self, samples: Sequence[Sample]) -> Findings:
        """What the samples of one poll change."""
        states: list[WorkerState] = []
        alerts: list[Alert] = []
        ended: list[Worker] = []
        for sample in samples:
            worker = sample.worker
            before = self.states.get(worker.id)
            alerts += self.book.judge(sample, before)
            after = next_state(before, sample, self.active_above)
            if has_ended(sample.status):
                ended.append(worker)
                self.states.pop(worker.id, None)
                alerts += self.book.end(worker.id)
            else:
                self.states[worker.id] = after
                states.append(after)
        return Findings(self.shard, samples, states, alerts, ended, self.book.firing())

    def actionable(self, samples: Sequence[Sample]) -> list[tuple[WorkerState, Sequence[Alert]]]:
        """What is known of the workers of these samples, and alerts that may be acted on.

        Without those of which EC2 has said nothing this time: what was known of them may be over.
        """
        return [
            (self.states[sample.worker.id], self.book.actionable(sample))
            for sample in samples
            if sample.worker.id in self.states and isinstance(sample.status, Status)
        ]

    def leave(self, workers: Iterable[Worker], *, at_once: bool = False) -> Findings | None:
        """What changes when workers are not watched any more; None: nothing.

        Args:
            workers: that are not watched any more; of those that have left before, the alerts that
                have outlived them may be over now.
            at_once: whether these are over in any case.
        """
        alerts: list[Alert] = []
        ended: list[Worker] = []
        for worker in workers:
            over = self.book.end(worker.id, at_once=at_once)
            known = self.states.pop(worker.id, None)
            if known is not None or over:
                ended.append(worker)
                alerts += over
        return Findings(self.shard, (), (), alerts, ended, self.book.firing()) if ended else None
