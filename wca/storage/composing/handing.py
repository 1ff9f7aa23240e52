"""Samples on their way to other storages: entered in the books once, whoever says it first."""

import threading
from collections.abc import Mapping

from wca.metrics import Batch
from wca.storage.ledger import Ledger

__all__ = ["Handing"]


class Handing:
    """A batch that is being handed on, and stands for samples that wait in a ledger.

    Args:
        batch: what is handed on.
        samples: how many it stands for.
        ledger: the books.
    """

    def __init__(self, batch: Batch, samples: int, ledger: Ledger) -> None:
        self.batch = batch
        self._samples = samples
        self._ledger = ledger
        self._entering = threading.Lock()

    def delivered(self, left_out: Mapping[str, int]) -> None:
        """The storages have it; changes nothing after one of these was said.

        Args:
            left_out: how many samples they did not pass on, by reason.
        """
        if self._entering.acquire(blocking=False):  # for good
            self._ledger.settle(self._samples, left_out)

    def lost(self, reason: str) -> bool:
        """Nobody may count on it.

        Args:
            reason: as of ``Ledger.drop``.

        Returns:
            False: one of these was said before, and nothing is changed.
        """
        first = self._entering.acquire(blocking=False)
        if first:
            self._ledger.drop(reason, self._samples)
        return first
