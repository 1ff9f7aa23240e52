"""The annotation of uncore events in a configuration."""

from dataclasses import dataclass
from typing import Any, ClassVar

from wca.config.types import Constraint

__all__ = ["UncoreEventName"]


@dataclass(frozen=True)
class UncoreEventName(Constraint):
    """The name of an uncore event, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no event. Raises ValidationError."""
        if isinstance(value, str):
            from wca.linux.perf.uncore_names import parse_uncore_name  # with tables not all need

            parse_uncore_name(value)

    def expected(self) -> str:
        """What is accepted."""
        return "the name of an uncore event"
