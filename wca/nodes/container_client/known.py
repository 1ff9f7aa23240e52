"""What is known of each container: asked for when it is new, and now and then."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wca.clock import Clock
from wca.errors import NotAvailable, TargetGone
from wca.nodes.container_client.api import ContainerClient, Details, Listed

__all__ = ["KnownContainers"]

#: Seconds after which a container is asked for again that is left out.
_AGAIN = 10.0
#: Seconds after which one is asked for again that is known: its limits may have been changed.
_REFRESH = 300.0
#: Times that a container is passed over without a word because it does not seem to run: it is
#: usual that one ends between the list and the question.
_PATIENCE = 1

#: The path of a container's cgroup: of its id and details. Raises TargetGone and NotAvailable.
Place = Callable[[str, Details], str]


@dataclass(slots=True)
class _Known:
    """One container.

    Args:
        asked_at: on the monotonic clock, when it was asked for the last time.
        found: its details and the path of its cgroup; None: it is left out.
        reason: why it is left out.
        ended: times in a row that it did not seem to run.
    """

    asked_at: float
    found: tuple[Details, str] | None = None
    reason: str = ""
    ended: int = 0


class KnownContainers:
    """Keeps what containers have told, so that a list that is still the same asks for nothing.

    Of those that are known at most one is asked for again at a time, so that this is spread.

    Args:
        place: finds the cgroup of a container.
        clock: time.
    """

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def learn(
        self, client: ContainerClient, listed: Sequence[Listed], timeout: float
    ) -> Iterator[tuple[Listed, Details, str]]:
        """Each container that can be a task, with its details and the path of its cgroup.

        Args:
            client: is asked.
            listed: all containers that run now; others are forgotten.
            timeout: seconds for asking; those that are not asked within are asked the next time.

        Raises:
            TaskSynchronizationException: the runtime is away.
        """
        self._known = {
            one.container_id: self._known[one.container_id]
            for one in listed
            if one.container_id in self._known
        }
        end = self._clock.monotonic() + timeout
        for container in self._due(listed):
            left = end - self._clock.monotonic()
            if left <= 0:
                break
            self._ask(client, container, left)
        for container in listed:
            known = self._known.get(container.container_id)
            if known is not None and known.found is not None:
                yield container, *known.found

    def left_out(self) -> dict[str, str]:
        """Why each of the others is left out, by its id; one that has just ended is not told of."""
        return {
            container_id: known.reason
            for container_id, known in self._known.items()
            if known.found is None and (known.ended == 0 or known.ended > _PATIENCE)
        }

    def _due(self, listed: Sequence[Listed]) -> list[Listed]:
        """Whom to ask: the new ones, then those left out, then the one not asked for longest."""
        now = self._clock.monotonic()
        new, again, old = [], [], []
        for container in listed:
            known = self._known.get(container.container_id)
            if known is None:
                new.append(container)
            elif known.found is None and now - known.asked_at >= _AGAIN:
                again.append(container)
            elif known.found is not None and now - known.asked_at >= _REFRESH:
                old.append(container)
        old.sort(key=lambda container: self._known[container.container_id].asked_at)
        return [*new, *again, *old[:1]]

    def _ask(self, client: ContainerClient, container: Listed, timeout: float) -> None:
        asked_at = self._clock.monotonic()
        known = self._known.get(container.container_id) or _Known(asked_at)
        try:
            details = client.details(container, timeout)
            known.found = details, self._place(container.container_id, details)
            known.ended = 0
        except TargetGone as error:
            known.reason, known.ended = str(error), known.ended + 1
        except NotAvailable as error:
            known.reason, known.ended = error.reason, 0
        known.asked_at = asked_at
        self._known[container.container_id] = known  # not of one that was not answered at all
