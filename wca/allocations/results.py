"""What became of requests."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.allocations.api import Write

__all__ = ["Outcome", "Result"]


class Outcome(enum.StrEnum):
    """Of one request."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    WOULD = "would"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass
class Result:
    """One request and what became of it.

    Args:
        task_id: whose.
        type: of allocation, as the allocator has named it.
        value: that was asked for.
        outcome: what became of it.
        reason: why it failed, or the clause that it broke; of an event what came of it.
        before: what was in force, decoded; None: not known.
        after: what is in force where it was applied; None: the value that was asked for.
        writes: of the kernel's files.
    """

    task_id: str
    type: str
    value: Any
    outcome: Outcome = Outcome.UNCHANGED
    reason: str = ""
    before: Any = None
    after: Any = None
    writes: Sequence[Write] = field(default_factory=list)
