"""The annotation of perf events in a configuration."""

from dataclasses import dataclass
from typing import Any, ClassVar

from wca.config.types import Constraint

__all__ = ["PerfEventName"]


@dataclass(frozen=True)
class PerfEventName(Constraint):
    """The name of a perf event, so that a wrong one is reported where it stands.

    Whether this machine has the event is known when it is opened.
    """

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no event on any machine. Raises ValidationError."""
        if isinstance(value, str):
            from wca.collectors.perf.wanted import metric_of  # with tables that not all need

            metric_of(value)

    def expected(self) -> str:
        """What is accepted."""
        return "the name of a perf event"
