"""The contract of a parser: numbers from the lines that a program prints."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from wca.metrics import Metric

__all__ = ["Parser"]


class Parser(ABC):
    """Finds numbers in the output of one program.

    It is used by one thread, with one line after the other. Lines are text of at most 64 KiB; what
    was not UTF-8 is replaced. Whatever it raises costs the line and is said once.
    """

    @abstractmethod
    def feed(self, line: str) -> Sequence[Metric]:
        """Take a line.

        Args:
            line: without its end.

        Returns:
            The metrics that are complete with it, their names without a prefix; none for most.
        """

    def end(self) -> Sequence[Metric]:
        """The output is at its end: the metrics of what was still incomplete."""
        return []
