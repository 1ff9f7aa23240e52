"""What a storage leaves out of its batches: every sample counted, every reason logged once."""

import logging
from collections.abc import Iterable, Sequence

from wca.storage.encoding import Rejected

__all__ = ["Rejections"]

#: A plugin that makes up names must not fill the memory or the log.
_MOST_REASONS = 1000
#: Names in one line of the log.
_MOST_NAMES = 10


class Rejections:
    """Counts rejected samples and logs each name with each reason once.

    Args:
        storage: what to call the storage in the log.
        logger: where to log.
    """

    def __init__(self, storage: str, logger: logging.Logger) -> None:
        self.count = 0
        self._storage = storage
        self._logger = logger
        self._reported: set[tuple[str, str]] = set()

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Count and log the rejected samples of one batch; a line for each reason."""
        names: dict[str, list[str]] = {}
        for one in rejected:
            self.count += 1
            name = str(one.metric.name)
            if (name, one.reason) not in self._reported and len(self._reported) < _MOST_REASONS:
                self._reported.add((name, one.reason))
                names.setdefault(one.reason, []).append(name)
        for reason, metrics in names.items():
            self._report(metrics, reason)
        if names and len(self._reported) == _MOST_REASONS:
            self._logger.warning("%s: further rejected metrics are only counted", self._storage)

    def _report(self, names: Sequence[str], reason: str) -> None:
        listed = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            listed += f" and {len(names) - _MOST_NAMES} more"
        what = f"metric {listed} is" if len(names) == 1 else f"metrics {listed} are"
        self._logger.warning("%s: %s not stored: %s", self._storage, what, reason)
