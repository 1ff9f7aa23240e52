"""Which workers there are, by shard. Pure: it asks nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from wca.workers.model import Shard, Worker

__all__ = ["Change", "Fleet"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a new list of workers changes.

    Args:
        added: shards that are to be polled from now on.
        removed: shards without workers now.
        joined: workers that are watched from now on.
        left: workers, as they were, that are not watched any more: they are not listed, or are
            another instance now, or in another shard.
        twice: ids that are listed more than once; the first worker of each is watched.
    """

    added: tuple[Shard, ...] = ()
    removed: tuple[Shard, ...] = ()
    joined: tuple[Worker, ...] = ()
    left: tuple[Worker, ...] = ()
    twice: tuple[str, ...] = ()


class Fleet:
    """The workers that are watched."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._shards: dict[str, Shard] = {}
        #: Instances that have ended although their workers are still listed, by worker id.
        self._ended: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def shards(self) -> dict[str, Shard]:
        """The shards by their keys."""
        return self._shards

    def workers(self, key: str | None = None) -> list[Worker]:
        """Those of a shard, or all."""
        everyone = self._workers.values()
        return [one for one in everyone if key is None or one.shard.key == key]

    def watches(self, worker: Worker) -> bool:
        """Whether this very instance is watched under this id."""
        return _same(worker, self._workers.get(worker.id))

    def has(self, worker_id: str) -> bool:
        """Whether some instance is watched under this id."""
        return worker_id in self._workers

    def update(self, listed: Sequence[Worker]) -> Change:
        """Watch these from now on.

        Args:
            listed: all workers that there are; one whose instance has ended stays out, until it is
                another instance.
        """
        workers, twice = _distinct(listed)
        self._ended = {
            id_: instance
            for id_, instance in self._ended.items()
            if id_ in workers and workers[id_].instance_id == instance
        }
        workers = {id_: one for id_, one in workers.items() if id_ not in self._ended}
        before, self._workers = self._workers, workers
        left = tuple(one for id_, one in before.items() if not _same(one, workers.get(id_)))
        joined = tuple(one for id_, one in workers.items() if not _same(one, before.get(id_)))
        return self._changed(joined, left, twice)

    def end(self, worker: Worker) -> Change:
        """The instance of a worker has ended: it is not watched any more."""
        if self.watches(worker):
            self._ended[worker.id] = worker.instance_id
            del self._workers[worker.id]
        return self._changed((), (worker,), ())

    def _changed(
        self, joined: tuple[Worker, ...], left: tuple[Worker, ...], twice: tuple[str, ...]
    ) -> Change:
        before = self._shards
        self._shards = {one.shard.key: one.shard for one in self._workers.values()}
        return Change(
            tuple(shard for key, shard in self._shards.items() if key not in before),
            tuple(shard for key, shard in before.items() if key not in self._shards),
            joined,
            left,
            twice,
        )


def _same(worker: Worker, other: Worker | None) -> bool:
    """Whether two are the same instance in the same place; names and tags may change."""
    return (
        other is not None
        and worker.instance_id == other.instance_id
        and worker.shard == other.shard
    )


def _distinct(listed: Sequence[Worker]) -> tuple[dict[str, Worker], tuple[str, ...]]:
    workers: dict[str, Worker] = {}
    twice: dict[str, None] = {}
    for worker in listed:
        if worker.id in workers:
            twice[worker.id] = None
        else:
            workers[worker.id] = worker
    return workers, tuple(twice)
