"""The contract of a client of a container runtime."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ContainerClient", "Details", "Listed", "Resources"]

#: What was asked for, as a ``Task`` has it.
Resources = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A running container, as it stands in the runtime's list.

    Args:
        container_id: the full one.
        name: for people.
        image: its name, or its digest where the list has nothing better.
        labels: of the container and of its pod, by the orchestrator's names.
    """

    container_id: str
    name: str
    image: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Details:
    """What the runtime tells when it is asked for one container.

    Args:
        pid: of its first process, in the runtime's PID namespace; None: it tells none.
        cgroup_paths: where its cgroup may be, the likeliest first.
        image: as in ``Listed``.
        resources: what was asked for.
    """

    pid: int | None
    cgroup_paths: Sequence[str]
    image: str
    resources: Resources


class ContainerClient(ABC):
    """Asks one runtime through one connection; for one thread, but for ``close``.

    What the runtime itself refuses or is late with is a TaskSynchronizationException with a
    sentence; what concerns one container is not.
    """

    @abstractmethod
    def containers(self, timeout: float) -> tuple[list[Listed], dict[str, str]]:
        """The containers that run now, and why an entry of the list is left out, by its number.

        Args:
            timeout: seconds for all of it.

        Raises:
            TaskSynchronizationException: there is no list to be had.
        """

    @abstractmethod
    def details(self, container: Listed, timeout: float) -> Details:
        """What there is to know of one container.

        Args:
            container: as it was listed.
            timeout: seconds for all of it.

        Raises:
            TargetGone: it does not run any more.
            NotAvailable: the runtime cannot tell, or what it tells makes no sense.
            TaskSynchronizationException: the runtime is away.
        """

    @abstractmethod
    def close(self) -> None:
        """End the connection, and a call that waits on another thread. Safe twice."""
