"""The annotation of perf events in a configuration."""

from dataclasses import dataclass
from typing import Any, ClassVar

from wca.config.types import Constraint
from wca.linux.perf_events import parse_event

__all__ = ["PerfEventName"]


@dataclass(frozen=True)
class PerfEventName(Constraint):
    """The name of a perf event, known or raw, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no event. Raises ValidationError."""
        if isinstance(value, str):
            parse_event(value)

    def expected(self) -> str:
        """What is accepted."""
        return "the name of a perf event"
