"""Brings tasks from whoever wants them to whoever schedules them."""

from collections.abc import Callable

from wca.workers.cml.background import RecurrentTaskDescriptor

__all__ = ["BackgroundTasksBus"]

Receiver = Callable[[RecurrentTaskDescriptor], None]


class BackgroundTasksBus:
    """Hands tasks to schedulers; while there is none, tasks wait. Used on the event loop."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []
        self._waiting: dict[str, RecurrentTaskDescriptor] = {}

    def schedule_task(self, task: RecurrentTaskDescriptor) -> None:
        """Schedule a task, in place of one with the same id."""
        if not self._receivers:
            self._waiting[task.id] = task
        for receive in tuple(self._receivers):
            receive(task)

    def subscribe(self, receive: Receiver) -> None:
        """Receive tasks from now on, and those that wait."""
        self._receivers.append(receive)
        waiting, self._waiting = self._waiting, {}
        for task in waiting.values():
            receive(task)

    def unsubscribe(self, receive: Receiver) -> None:
        """Receive no more."""
        if receive in self._receivers:
            self._receivers.remove(receive)
