"""Whose a file is that somebody else has written since the agent did. Pure: no file, no clock."""

import enum
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from wca.allocations.api import Entry
from wca.allocations.undo import is_ours
from wca.allocations.values import current_value, same_value

__all__ = ["Decision", "ForeignWrite", "ForeignWrites", "Kind", "Ownership", "describe"]

#: Foreign writes of one file, within the time below, after which the agent may write it again.
MOST_REWRITES = 4
#: Seconds for which a file is left to whoever has written it.
YIELD_FOR = 3600.0
#: Seconds before the first answer; it doubles with each.
FIRST_PAUSE = 1.0


class ForeignWrites(enum.StrEnum):
    """What is done where somebody else writes what the agent has written."""

    YIELD = "yield"
    REASSERT = "reassert"


class Kind(enum.StrEnum):
    """Of a foreign write."""

    RESET = "kubelet reset"
    REFUSED = "refused"
    OTHER = "other"


class Decision(enum.StrEnum):
    """What is done about one foreign write."""

    YIELD = "yield"
    REASSERT = "reassert"
    FLAP = "flap breaker"


@dataclass(frozen=True)
class ForeignWrite:
    """Somebody else has written a file in which a value of the agent's was in force.

    Args:
        entry: what was in force.
        value: what is there now.
        kind: ``kubelet reset``: the value from before the agent, or the one that follows from what
            the task has asked for; ``refused``: the kernel has refused it because of the agent's
            value; ``other``.
        decision: what is done about it.
        until: monotonic time in seconds until which the file is left alone.
    """

    entry: Entry
    value: str
    kind: Kind
    decision: Decision
    until: float

    @property
    def returns_early(self) -> bool:
        """Whether the value from before the agent ends it: what was reset has it already."""
        return self.kind is Kind.OTHER and self.decision is Decision.YIELD


class Ownership:
    """Decides whose a file is, and for how long.

    With ``yield`` a file that somebody else has written is theirs for an hour, or until the value
    from before the agent is there again. With ``reassert`` the agent writes its own again after a
    pause that doubles each time. With both, after some of these within an hour, the file is theirs
    for an hour, whatever happens.

    Args:
        policy: which of both.
        most_rewrites: foreign writes of one file within ``yield_for`` that may be answered.
        yield_for: seconds.
        first_pause: seconds before the first re-assertion.
    """

    def __init__(
        self,
        policy: ForeignWrites = ForeignWrites.YIELD,
        most_rewrites: int = MOST_REWRITES,
        yield_for: float = YIELD_FOR,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._policy = policy
        self._most = most_rewrites
        self._yield_for = yield_for
        self._first_pause = first_pause
        self._theirs: dict[str, ForeignWrite] = {}
        self._written: dict[str, list[float]] = {}

    def judge(
        self,
        entry: Entry,
        text: str,
        now: float,
        *,
        attempted: bool = False,
        spec: Callable[[], Iterable[str]] = tuple,
    ) -> ForeignWrite | None:
        """Whether somebody else has written a file, and what is done about it; it is remembered.

        Args:
            entry: what is in force. While a write of it may still be to come, only a value that
                nobody knows is foreign.
            text: what is in the file now.
            now: monotonic time in seconds.
            attempted: whether somebody else has opened it for writing.
            spec: gives the texts that follow from what the task has asked for.
        """
        value = current_value(text, entry.original, entry.path)
        kind = Kind.OTHER
        if is_ours(entry, value):
            if not attempted or entry.pending:
                return None
            kind = Kind.REFUSED
        elif any(same_value(value, one) for one in (entry.original, *spec())):
            if entry.pending:
                return None
            kind = Kind.RESET
        decision, pause = self._decision(entry.path, now)
        found = ForeignWrite(entry, value, kind, decision, now + pause)
        self._theirs[entry.path] = found
        return found

    def along(self, entry: Entry, found: ForeignWrite) -> None:
        """Another file of the same allocation goes the same way."""
        kind = Kind.RESET if found.kind is Kind.OTHER else found.kind
        self._theirs[entry.path] = replace(found, entry=entry, value=entry.original, kind=kind)

    def keep(
        self, now: float, there: Callable[[Entry], bool], current: Callable[[str], str | None]
    ) -> None:
        """Forget what is over: groups that are gone, and values that have come back.

        Args:
            now: monotonic time in seconds.
            there: whether the group of an entry is still the same one.
            current: gives the text of a file; None: it cannot be read.
        """
        for path, one in list(self._theirs.items()):
            over = not there(one.entry)
            if not over and one.returns_early:
                text = current(path)
                entry = one.entry
                over = text is not None and same_value(
                    current_value(text, entry.original, path), entry.original
                )
            if over:
                del self._theirs[path]
        self._written = {
            path: times
            for path, times in self._written.items()
            if times[-1] > now - self._yield_for
        }

    def is_theirs(self, path: str, now: float) -> bool:
        """Whether a file has to be left alone now."""
        one = self._theirs.get(path)
        if one is None:
            return False
        if now < one.until:
            return True
        if one.decision is not Decision.REASSERT:
            del self._theirs[path]
        return False

    def take(self, path: str) -> None:
        """The agent has written a file again."""
        self._theirs.pop(path, None)

    def due(self, now: float) -> list[Entry]:
        """What is to be in force again, oldest first."""
        return [
            one.entry
            for one in self._theirs.values()
            if one.decision is Decision.REASSERT and now >= one.until
        ]

    def entries(self, now: float) -> dict[str, Entry]:
        """What was in force in the files to be left alone, by path, without a value of ours."""
        return {
            path: replace(one.entry, settled=(), pending=(), implied=False)
            for path, one in list(self._theirs.items())
            if self.is_theirs(path, now)
        }

    @property
    def count(self) -> int:
        """Files that are somebody else's."""
        return len(self._theirs)

    def _decision(self, path: str, now: float) -> tuple[Decision, float]:
        times = [one for one in self._written.get(path, ()) if one > now - self._yield_for]
        self._written[path] = [*times, now]
        if len(times) >= self._most:
            return Decision.FLAP, self._yield_for
        if self._policy is ForeignWrites.YIELD:
            return Decision.YIELD, self._yield_for
        return Decision.REASSERT, self._first_pause * 2.0 ** len(times)


def describe(found: ForeignWrite) -> str:
    """One sentence for the log."""
    entry = found.entry
    name = posixpath.join(posixpath.basename(entry.cgroup[0]), posixpath.basename(entry.path))
    if found.kind is Kind.REFUSED:
        what = f"somebody else could not write {name}, because it has {entry.ours!r} of the agent's"
    else:
        what = f"somebody else has written {found.value!r} to {name}, where {entry.ours!r} was"
    says = {
        Decision.YIELD: "it is left alone",
        Decision.REASSERT: "the agent's value comes back after a pause",
        Decision.FLAP: "both have written it again and again, so that now it is left alone",
    }
    return f"{what} ({found.kind}, task {entry.task_id}): {says[found.decision]}"
