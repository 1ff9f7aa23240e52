"""What labels say about the readings of a task: usual, disturbed in some numbers, or not known."""

from collections.abc import Mapping, Sequence

from wca.detectors.interfering.judged import Group
from wca.detectors.interfering.table import TABLE, Level
from wca.detectors.interfering.verdicts import Verdict
from wca.recording.labels import Episode
from wca.recording.scoring import AFTER

__all__ = ["QUIET", "Truth", "disturbed", "groups_of"]

#: Numbers of a task with which nothing is wrong.
QUIET: frozenset[Group] = frozenset()
#: Seconds after the start of an episode that belong to nobody: numbers are medians of five.
_SETTLE = 5.0


def groups_of(verdict: str) -> frozenset[Group]:
    """The groups of numbers that are high in a trouble, as the triage table has it."""
    return _GROUPS.get(verdict, QUIET)


class Truth:
    """The episodes of a recording.

    Args:
        episodes: what happened; None: nobody has written it down, so that all is taken as usual.
    """

    def __init__(self, episodes: Sequence[Episode] | None) -> None:
        # A control is a time in which nothing is done that hurts: it is usual, scored or not.
        self._episodes = [one for one in episodes or () if one.verdict is not None]

    def at(self, timestamp: float) -> Sequence[Episode]:
        """Episodes that have something to do with a moment, those that have just ended too."""
        return [one for one in self._episodes if one.start <= timestamp <= one.end + AFTER]


def disturbed(
    episodes: Sequence[Episode], timestamp: float, task_id: str
) -> frozenset[Group] | None:
    """The groups of numbers in which a task is disturbed; QUIET; None: not known.

    Args:
        episodes: those of ``Truth.at``.
        timestamp: Unix time in seconds.
        task_id: the task.
    """
    if not episodes:
        return QUIET
    found = [
        groups_of(one.verdict or "")
        for one in episodes
        if one.scored and one.victim == task_id and one.start + _SETTLE <= timestamp <= one.end
    ]
    groups = QUIET.union(*found)
    return groups or None


def _groups() -> Mapping[str, frozenset[Group]]:
    found: dict[str, frozenset[Group]] = {one.value: QUIET for one in Verdict}
    for row in TABLE:
        high = {group for group in Group if row.when.get(group) == frozenset((Level.HIGH,))}
        found[row.verdict.value] |= high
    return found


_GROUPS = _groups()
