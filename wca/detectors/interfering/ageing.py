"""How what was learned loses weight, and whose it is."""

import math
from collections.abc import Mapping

from wca.detectors.api import TaskData

__all__ = ["APPLICATION", "Age", "application_of"]

#: The label that says which tasks are of one kind.
APPLICATION = "application"
_DAY = 86_400.0
#: What a reading counts after a day.
_A_DAY_LATER = 0.9
#: Seconds below which nothing fades: an hour.
_SELDOM = 3600.0


class Age:
    """Since when something has not faded.

    Args:
        timestamp: Unix time in seconds.
    """

    def __init__(self, timestamp: float) -> None:
        self.since = timestamp if math.isfinite(timestamp) else 0.0

    def factor(self, timestamp: float) -> float:
        """What has to be multiplied now; 1 when not enough time has passed.

        A wall clock that went back, or that says nothing, makes nothing older.
        """
        passed = timestamp - self.since
        if not 0 <= passed < math.inf:
            self.since = timestamp if math.isfinite(timestamp) else self.since
            return 1.0
        if passed < _SELDOM:
            return 1.0
        self.since = timestamp
        return float(_A_DAY_LATER ** (passed / _DAY))


def application_of(task: TaskData, label: str) -> str:
    """The kind of a task: a label of it, or its name.

    Args:
        task: any.
        label: name of the label.
    """
    labels: Mapping[str, str] = task.labels
    return labels.get(label) or task.name
