"""What was done to workers before, found by worker and by time. Pure data."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence

from wca.workers.model import BEGUN, HELD, Action, ActionRecord

__all__ = ["Past"]


class Past:
    """Records of actions; of each action the last word, so that what was begun gives way to that.

    Args:
        records: in order of time.
    """

    def __init__(self, records: Iterable[ActionRecord] = ()) -> None:
        self._by_worker: dict[str, dict[tuple[Action, float], ActionRecord]] = defaultdict(dict)
        #: When something was tried: on any worker, and on each.
        self._tried: dict[str | None, list[float]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: ActionRecord) -> None:
        """One more, or what came of one that was begun."""
        mine = self._by_worker[record.worker.id]
        key = (record.action, record.at)
        known = key in mine
        if known and record.outcome == BEGUN:
            return
        mine[key] = record
        # A start belongs to its stop; what was held back was not tried.
        if not known and record.action is not Action.START and not record.outcome.startswith(HELD):
            insort(self._tried[None], record.at)
            insort(self._tried[record.worker.id], record.at)

    def of(self, worker_id: str) -> Sequence[ActionRecord]:
        """What was done to a worker, in order of time."""
        return list(self._by_worker.get(worker_id, {}).values())

    def tried(self, after: float, worker_id: str | None = None) -> int:
        """How often something was done or tried, or in a dry run would have been.

        Args:
            after: Unix time; that very moment does not count.
            worker_id: to which worker; None: to any.
        """
        times = self._tried.get(worker_id, [])
        return len(times) - bisect_right(times, after)
