"""What was kept of an earlier time, and what the store has not taken yet. Pure: no I/O."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wca.workers.model import ActionRecord, Alert, AlertState, Shard, Worker, WorkerState

__all__ = ["Kept", "Unsaved"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of an earlier time.

    Args:
        states: by the id of their worker.
        alerts: those that are pending or fire.
        news: what not all receivers have been told, in its order.
    """

    states: Mapping[str, WorkerState] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    news: Sequence[Alert] = ()

    def workers(self) -> dict[str, Worker]:
        """All workers of which something was kept, by id."""
        known = [one.worker for one in (*self.news, *self.alerts)]
        known += [one.worker for one in self.states.values()]
        return {worker.id: worker for worker in known}

    def split(self, shard: Shard) -> "tuple[Kept, Kept]":
        """What was kept of a shard, and of all others."""
        return self._where(lambda worker: worker.shard == shard), self._where(
            lambda worker: worker.shard != shard
        )

    def _where(self, fits: Callable[[Worker], bool]) -> "Kept":
        return Kept(
            {id_: one for id_, one in self.states.items() if fits(one.worker)},
            [one for one in self.alerts if fits(one.worker)],
            [one for one in self.news if fits(one.worker)],
        )


@dataclass
class Unsaved:
    """What the store has not taken yet: of each thing the last word, so that it stays small.

    Args:
        removed: workers that are to be forgotten, and the shards in which they were.
        states: by the id of their worker.
        alerts: by their keys.
        news: as the outbox has them kept, by their keys there.
        actions: in the order in which they were done.
    """

    removed: dict[str, Shard] = field(default_factory=dict)
    states: dict[str, WorkerState] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    news: dict[str, Alert] = field(default_factory=dict)
    actions: list[ActionRecord] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.removed or self.states or self.alerts or self.news or self.actions)

    def remove(self, workers: Iterable[Worker]) -> None:
        """These workers are to be forgotten, with what was to be kept of them."""
        gone = {worker.id: worker.shard for worker in workers}
        self.removed |= gone
        self.states = {id_: one for id_, one in self.states.items() if id_ not in gone}
        self.alerts = {k: one for k, one in self.alerts.items() if one.worker.id not in gone}

    def keep(self, states: Iterable[WorkerState], alerts: Iterable[Alert]) -> None:
        """These are to be kept; a worker that has a state again is not to be forgotten."""
        known = {one.worker.id: one for one in states}
        self.removed = {id_: one for id_, one in self.removed.items() if id_ not in known}
        self.states.update(known)
        self.alerts.update({one.key: one for one in alerts})

    def disown(self, shard: Shard) -> None:
        """Another agent has the last word on this shard."""
        self.states = {k: one for k, one in self.states.items() if one.worker.shard != shard}
        self.alerts = {k: one for k, one in self.alerts.items() if one.worker.shard != shard}
        # What was told is cleared away all the same.
        self.news = {
            key: one
            for key, one in self.news.items()
            if one.worker.shard != shard or one.state is AlertState.RESOLVED
        }

    def has(self, shard: Shard) -> bool:
        """Whether there is something of this shard."""
        return (
            shard in self.removed.values()
            or any(one.worker.shard == shard for one in self.states.values())
            or any(one.worker.shard == shard for one in self.alerts.values())
        )

    def split(self, waiting: Collection[str]) -> "tuple[Unsaved, Unsaved]":
        """What is to be saved now, and what has to wait: that these workers are forgotten.

        A worker is forgotten with all its alerts, so that one that outlives it is saved again then.
        """
        now, later = Unsaved({}, self.states, self.alerts, self.news, self.actions), Unsaved()
        for id_, shard in self.removed.items():
            (later if id_ in waiting else now).removed[id_] = shard
        later.alerts = {
            key: one
            for key, one in self.alerts.items()
            if one.worker.id in later.removed and one.state is not AlertState.RESOLVED
        }
        return now, later

    def copy(self) -> "Unsaved":
        """The same, for another thread."""
        return Unsaved(
            dict(self.removed),
            dict(self.states),
            dict(self.alerts),
            dict(self.news),
            list(self.actions),
        )

    def put_back(self, failed: "Unsaved") -> None:
        """What was not taken is to be kept still, unless there is something newer."""
        self.states = {
            **{id_: one for id_, one in failed.states.items() if id_ not in self.removed},
            **self.states,
        }
        self.alerts = {
            **{k: one for k, one in failed.alerts.items() if one.worker.id not in self.removed},
            **self.alerts,
        }
        self.news = {**failed.news, **self.news}
        self.removed = {**failed.removed, **self.removed}
        self.actions = [*failed.actions, *self.actions]
