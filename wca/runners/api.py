"""The contract of a runner: the root of a configuration."""

from abc import ABC, abstractmethod

__all__ = ["Runner"]


class Runner(ABC):
    """What ``runner:`` in a configuration file names."""

    @abstractmethod
    def run(self) -> int | None:
        """Do the work, on the main thread, until it is done or a signal ends it.

        Returns:
            The exit code of the program; None is 0.
        """
