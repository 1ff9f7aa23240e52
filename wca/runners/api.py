"""The contract of a runner: the root of a configuration."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from wca.supervisor import Supervisor

if TYPE_CHECKING:
    from wca.config.loader import Loaded

__all__ = [
    "Configurations",
    "Configured",
    "Described",
    "ExpectsExit",
    "Limited",
    "Recorded",
    "Reloads",
    "Reports",
    "Runner",
]


class Runner(ABC):
    """What ``runner:`` in a configuration file names.

    Optional abilities: ``stop_after(iterations)``, without which ``--once`` and ``--iterations``
    are refused, ``record_to(path)``, which ``wca record`` needs, ``expect_exit()``,
    ``described_in(path)``, ``configured_by(fingerprint)``, ``report_to(supervisor)``, and
    ``reload_from(configurations)`` with ``reload()``, without which a changed file needs a restart;
    see the protocols below.
    """

    @abstractmethod
    def run(self) -> int | None:
        """Do the work, on the main thread, until it is done or a signal ends it.

        Returns:
            The exit code of the program; None is 0.
        """


@runtime_checkable
class Limited(Protocol):
    """A runner that can end by itself."""

    def stop_after(self, iterations: int) -> None:
        """End ``run`` after this many iterations."""


@runtime_checkable
class Recorded(Protocol):
    """A runner that can record what it measures, once in each interval."""

    interval: float

    def record_to(self, path: str) -> None:
        """Write a recording of the next ``run`` to this file."""


@runtime_checkable
class Described(Protocol):
    """A runner that says where it is described."""

    def described_in(self, path: str) -> None:
        """This file describes it."""


@runtime_checkable
class ExpectsExit(Protocol):
    """A runner that wants to know that the program ends with it."""

    def expect_exit(self) -> None:
        """The program ends with the next ``run``."""


@runtime_checkable
class Reports(Protocol):
    """A runner that says itself when it has started, and gives signs of life."""

    def report_to(self, supervisor: Supervisor) -> None:
        """Tell this one during the next ``run``; of a runner without this it is ready at once."""


@runtime_checkable
class Configured(Protocol):
    """A runner that tells by which configuration it runs."""

    def configured_by(self, fingerprint: str) -> None:
        """The hash of the configuration, see ``wca.config.loader.Loaded``, before ``run``."""


class Configurations(Protocol):
    """Where the configurations of a run come from."""

    def next(self) -> "Loaded":
        """What the file describes now; components that are the same are those of before.

        Raises:
            ConfigLoadError: with all problems of the file.
        """

    def again(self, works: Callable[[object], bool]) -> "Loaded":
        """What the run does now, once more.

        Args:
            works: which of its components can be taken as they are.

        Raises:
            ConfigLoadError: it cannot be built any more.
        """

    def settle(self, loaded: "Loaded") -> None:
        """This is what the run does from now on."""


@runtime_checkable
class Reloads(Protocol):
    """A runner that can go over to another configuration while it runs."""

    def reload_from(self, configurations: Configurations) -> None:
        """Take the next configuration from here; called before ``run``."""

    def reload(self) -> None:
        """Go over to the next configuration, if it is a good one; called from another thread.

        Returns when that is done; a configuration that cannot be taken over is logged.
        """
