"""Metrics as Prometheus text, on standard output or in a file."""

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Annotated, BinaryIO

from wca.clock import Clock, SystemClock
from wca.config.types import Injected, LabelName, Path
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.metrics.vocabulary import Names, Vocabulary
from wca.storage.api import Storage
from wca.storage.encoding import Encoded, Encoder
from wca.storage.outputs import AppendedFile, Output, ReplacedFile, Stream
from wca.storage.rejections import Rejections
from wca.storage.weight import Weight

__all__ = ["LogStorage"]

log = logging.getLogger(__name__)


class LogStorage(Storage):
    """Writes every batch as Prometheus text, version 0.0.4.

    A series that Prometheus would refuse is left out, logged once and counted in ``rejected``.

    Args:
        output_filename: the file; none: standard output. Without ``overwrite`` every batch is
            appended, with an empty line after it, and the file may be rotated.
        overwrite: the file holds the last batch only and is replaced as a whole, so that
            node_exporter's textfile collector can read it. Its mode is 0644.
        include_timestamp: write the time of each sample. By default, timestamps are written
            except with ``overwrite``: the textfile collector refuses them.
        filter_labels: names of the labels to write; by default all. Of series that become equal
            without the other labels, the first one is written.
        names: ``wca``, ``prometheus`` (base units, ``_total`` on counters, no facts of the machine
            on every series) or ``cadvisor`` (``container_*`` names and labels where cAdvisor has
            the same); see docs/names.md.
        task_labels: with other names than ``wca``, the labels of tasks to keep instead of the
            usual ones; ``task_id`` and ``container`` always stay.
        stream: a binary stream instead of standard output.
        clock: the time of batches whose metrics have none.

    Raises:
        ValidationError: ``overwrite`` without ``output_filename``, or ``task_labels`` without
            ``names``.
    """

    takes_batches = True

    def __init__(
        self,
        output_filename: Annotated[str, Path()] | None = None,
        overwrite: bool = False,
        include_timestamp: bool | None = None,
        filter_labels: list[str] | None = None,
        names: Names = Names.WCA,
        task_labels: list[Annotated[str, LabelName()]] | None = None,
        *,
        stream: Annotated[BinaryIO | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if overwrite and output_filename is None:
            raise ValidationError("overwrite needs a file: write its path as output_filename")
        self.output_filename = output_filename
        self.overwrite = overwrite
        self.include_timestamp = not overwrite if include_timestamp is None else include_timestamp
        self.filter_labels = filter_labels
        self._vocabulary = Vocabulary(names, task_labels)
        self.names = self._vocabulary.names
        self.task_labels = task_labels
        self._clock = clock or SystemClock()
        self._encoder = Encoder(timestamps=self.include_timestamp, only_labels=filter_labels)
        self._output = _choose_output(output_filename, stream, overwrite=overwrite)
        self._rejections = Rejections(f"LogStorage on {self._output.name}", log)
        self._lock = threading.Lock()

    @property
    def rejected(self) -> int:
        """Samples left out since start."""
        return self._rejections.count

    def check(self) -> list[str]:
        """What would keep this process from writing on this machine."""
        return self._output.problems()

    def start(self) -> None:
        """Open the output.

        Raises:
            StartError: it cannot be written.
        """
        try:
            with self._lock:
                self._output.open()
        except OSError as error:
            reason = error.strerror or error
            raise StartError(f"LogStorage cannot write to {self._output.name}: {reason}") from error

    def store(self, metrics: Sequence[Metric]) -> None:
        """Write a batch; works without ``start`` as well.

        Raises:
            FailedDeliveryException: the file or pipe did not take it.
        """
        with self._lock:
            encoded = self._encode(metrics)
            self._rejections.add(encoded.rejected)
            self._write(encoded)

    def weigh(self, metrics: Sequence[Metric]) -> Weight:
        """How much a batch would be; nothing is written."""
        with self._lock:
            encoded = self._encode(metrics)
            size = sum(map(len, self._chunks(encoded)))
        form = "Prometheus text, the file replaced" if self.overwrite else "Prometheus text"
        return Weight(len(encoded.heads), size, form)

    def close(self, timeout: float = 5.0) -> None:
        """Close the output.

        Args:
            timeout: how long to wait for a write that is under way, in seconds. A file that is
                still being written then is left to the end of the process.
        """
        if self._lock.acquire(timeout=max(0.0, timeout)):
            try:
                self._output.close()
            finally:
                self._lock.release()

    def _encode(self, metrics: Sequence[Metric]) -> Encoded:
        return self._encoder.encode(self._vocabulary.translate(metrics), self._clock.now())

    def _chunks(self, encoded: Encoded) -> Iterable[bytes]:
        """What is written; nothing of an empty batch that would be appended."""
        if self.overwrite:
            return encoded.chunks()
        return (*encoded.chunks(), b"\n") if encoded.heads else ()

    def _write(self, encoded: Encoded) -> None:
        chunks = self._chunks(encoded)
        if not chunks:
            return
        try:
            self._output.write(chunks)
        except OSError as error:
            reason = error.strerror or error
            raise FailedDeliveryException(
                f"cannot write to {self._output.name}: {reason}"
            ) from error


def _choose_output(path: str | None, stream: BinaryIO | None, *, overwrite: bool) -> Output:
    if path is None:
        return Stream(stream)
    return ReplacedFile(path) if overwrite else AppendedFile(path)
