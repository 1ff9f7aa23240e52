"""The contract of a storage: where metrics go."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from wca.errors import FailedDeliveryException
from wca.metrics import Metric

__all__ = ["FailedDeliveryException", "Storage"]


class Storage(ABC):
    """Takes one batch of metrics per interval.

    ``store`` is the only method a storage needs. While ``blocking`` is true, the default, it is
    called on a sender thread of its own, one batch after the other, and may take its time: the loop
    does not wait for it. With ``blocking = False`` it is called on the loop's thread and must not
    wait for anything outside this process.

    Optional abilities, found by name: ``start()`` opens connections and files, and raises
    ``StartError`` with a sentence that says what to do; ``check()`` returns the problems that this
    machine would cause; ``flush(timeout)`` hands on what is held back, before any storage is
    closed; ``close(timeout)`` flushes and closes within ``timeout`` seconds, is safe
    without ``start`` and safe twice; ``weigh(metrics)`` returns the ``wca.storage.weight.Weight``
    that a batch would have, for ``wca plan``: it encodes, needs no ``start`` and passes nothing on;
    a storage that was asked for it is not used for anything else.

    Optional attributes, all of them read after every ``store``: ``rejected``, ``filtered`` and
    ``merged`` are numbers that only grow, of samples that were not passed on; ``failing`` is a
    sentence that says why what was taken cannot be delivered now, or None; ``storages`` lists
    those that this one passes metrics on to; ``ledger`` is a ``wca.storage.ledger.Ledger`` of a
    storage that goes on delivering after ``store`` has returned; ``holds`` is a set of names of
    what only one storage can have, such as the path of a file: when the configuration changes, who
    has it is closed before the next one starts.
    """

    #: Whether ``store`` waits for anything; see above.
    blocking: ClassVar[bool] = True
    #: Whether ``store`` takes the loop's ``wca.metrics.Batch`` as it is, to write its columns
    #: without making a ``Metric`` of each sample. Others get a plain list.
    takes_batches: ClassVar[bool] = False

    @abstractmethod
    def store(self, metrics: Sequence[Metric]) -> None:
        """Store a batch.

        Args:
            metrics: at most one batch per interval, possibly empty; neither the list nor the
                metrics may be changed.

        Raises:
            FailedDeliveryException: the batch could not be delivered; it is counted as dropped.
                Any other exception is treated the same and reported as a defect of the storage.
        """
