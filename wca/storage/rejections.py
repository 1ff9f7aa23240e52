"""What a storage leaves out of its batches: every sample counted, every reason logged once."""

import logging
from collections.abc import Iterable

from wca.storage.encoding import Rejected

__all__ = ["Rejections"]

#: A plugin that makes up names must not fill the memory or the log.
_MOST_REASONS = 1000


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
        """Count and log the rejected samples of one batch."""
        for one in rejected:
            self.count += 1
            self._report(str(one.metric.name), one.reason)

    def _report(self, name: str, reason: str) -> None:
        if (name, reason) in self._reported or len(self._reported) >= _MOST_REASONS:
            return
        self._reported.add((name, reason))
        self._logger.warning("%s: metric %s is not stored: %s", self._storage, name, reason)
        if len(self._reported) == _MOST_REASONS:
            self._logger.warning("%s: further rejected metrics are only counted", self._storage)
