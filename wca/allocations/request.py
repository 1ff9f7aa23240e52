"""One request of an allocator, as files and as a number. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.allocations.api import Entry
from wca.allocations.changes import Change, Wanted
from wca.allocations.envelope import Measure
from wca.errors import WcaError

__all__ = ["Refused", "Request", "foreign_of", "is_back"]


class Refused(WcaError):  # noqa: N818 - named for what the kernel or the value does
    """A request that cannot be made, with the reason."""


@dataclass
class Request:
    """What a request means.

    Args:
        wanted: the files that it changes.
        current: what is in all of them now, by path.
        before: the value in force; None: it cannot be told.
        amount: how much is asked for.
        now: how much is in force; None: it cannot be told.
        back: whether it is what was there before the agent.
        foreign: a file of it that somebody else has written since we did; empty: none.
        measures: how much is asked for, as each type of which bounds hold for it.
        after: the value that would be in force; None: the one that was asked for.
        affects: group of resctrl in which others may be that feel it; None: there is none.
    """

    wanted: Wanted
    current: dict[str, str] = field(default_factory=dict)
    before: Any = None
    amount: float = 0.0
    now: float | None = None
    back: bool = False
    foreign: str = ""
    measures: Sequence[Measure] = ()
    after: Any = None
    affects: str | None = None

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return any(self.current[one.path] != one.new for one in self.wanted.changes)


def is_back(
    changes: Sequence[Change], entries: Mapping[str, Entry], current: Mapping[str, str]
) -> bool:
    """Whether all that would be written was there before the agent."""
    written = [one for one in changes if not one.implied and current[one.path] != one.new]
    return bool(written) and all(
        one.path in entries and entries[one.path].original == one.new for one in written
    )


def foreign_of(current: Mapping[str, str], entries: Mapping[str, Entry]) -> str:
    """A file that somebody else has written since we did; empty: there is none."""
    return next(
        (
            path
            for path, text in current.items()
            if path in entries and text not in (*entries[path].values, entries[path].original)
        ),
        "",
    )
