"""Where workers are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy

from wca.errors import ValidationError
from wca.workers.cml.events import EventBus
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.cml.worker import CMLWorker, CMLWorkerState

__all__ = ["CMLWorkerRepository", "InMemoryCMLWorkerRepository"]


class CMLWorkerRepository(ABC):
    """Keeps workers, and publishes what happened to them once that is saved.

    Called on the event loop; an implementation that waits for a database awaits it.

    Args:
        events: where events are published; None: a bus of its own.
    """

    def __init__(self, events: EventBus | None = None) -> None:
        self.events = events or EventBus()

    async def add_async(self, worker: CMLWorker) -> CMLWorker:
        """Keep a new worker, then publish its events.

        Raises:
            ValidationError: there is one with its id.
        """
        if await self.get_by_id_async(worker.id) is not None:
            raise ValidationError(f"worker {worker.id} is there already: use update_async")
        return await self.update_async(worker)

    async def update_async(self, worker: CMLWorker) -> CMLWorker:
        """Keep what a worker is now, then publish its events."""
        events = worker.take_events()
        await self._save_async(worker.state)
        for event in events:
            await self.events.publish_async(event)
        return worker

    @abstractmethod
    async def get_by_id_async(self, worker_id: str) -> CMLWorker | None:
        """The worker with this id; None: there is none."""

    @abstractmethod
    async def get_active_workers_async(self) -> Sequence[CMLWorker]:
        """All workers that are not TERMINATED."""

    @abstractmethod
    async def _save_async(self, state: CMLWorkerState) -> None:
        """Keep this in place of what was kept of the same worker."""


class InMemoryCMLWorkerRepository(CMLWorkerRepository):
    """Keeps workers as long as the process lives.

    It hands out copies: a change that is not saved is none.

    Args:
        events: where events are published; None: a bus of its own.
    """

    def __init__(self, events: EventBus | None = None) -> None:
        super().__init__(events)
        self._states: dict[str, CMLWorkerState] = {}

    async def get_by_id_async(self, worker_id: str) -> CMLWorker | None:
        """The worker with this id; None: there is none."""
        state = self._states.get(worker_id)
        return None if state is None else CMLWorker(deepcopy(state))

    async def get_active_workers_async(self) -> Sequence[CMLWorker]:
        """All workers that are not TERMINATED."""
        return [
            CMLWorker(deepcopy(state))
            for state in self._states.values()
            if state.status is not CMLWorkerStatus.TERMINATED
        ]

    async def remove_async(self, worker_id: str) -> None:
        """Forget a worker; that there is none is no error."""
        self._states.pop(worker_id, None)

    async def _save_async(self, state: CMLWorkerState) -> None:
        self._states[state.id] = deepcopy(state)
