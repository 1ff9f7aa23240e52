"""Metrics in CloudWatch's embedded metric format: lines of JSON that its logs make metrics of."""

import logging
import threading
from collections.abc import Sequence
from typing import Annotated, BinaryIO, Literal
from urllib.parse import urlsplit

from wca.clock import Clock, SystemClock
from wca.config.types import Injected, LabelName, Str
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.storage.api import Storage
from wca.storage.cloudwatch_client.datum import Datum
from wca.storage.cloudwatch_client.datums import Datums
from wca.storage.cloudwatch_client.embedding import is_free, lines_of
from wca.storage.cloudwatch_client.limits import check_namespace
from wca.storage.cloudwatch_client.naming import MetricName, naming
from wca.storage.cloudwatch_client.sockets import TcpOutput, UdpOutput
from wca.storage.encoding import Rejected
from wca.storage.outputs import AppendedFile, Output, Stream
from wca.storage.rejections import Rejections
from wca.storage.weight import Weight

__all__ = ["EmfStorage"]

log = logging.getLogger(__name__)

_NAME = Str(255)
#: Where the CloudWatch agent takes lines.
_PORT = 25888


class EmfStorage(Storage):
    """Writes metrics in CloudWatch's embedded metric format.

    It needs no credentials and no call: standard output is read by Lambda and by the awslogs
    driver, files and ``tcp://`` and ``udp://`` by the CloudWatch agent. Names, dimensions and
    units are those of CloudWatchStorage; of counters the growth between two batches is written.

    Args:
        namespace: where metrics go; not one of ``AWS/``.
        output: ``stdout``, the path of a file that is appended to, ``tcp://HOST:PORT`` or
            ``udp://HOST:PORT``; the port is 25888 when left out.
        dimensions: of every metric.
        label_dimensions: labels that become dimensions: their names, or label to dimension.
        metrics: by name of the metric, ``name`` and ``unit`` there, and a ``factor`` of its values.
        resolution: in seconds: 60, or 1 for high resolution.
        stream: a binary stream instead of standard output.
        clock: the time of batches whose metrics have none.

    Raises:
        ValidationError: CloudWatch would refuse a name, a unit or a dimension, or there is no such
            output.
    """

    def __init__(
        self,
        namespace: Annotated[str, _NAME],
        output: Annotated[str, Str(4096)] = "stdout",
        dimensions: dict[str, str] | None = None,
        label_dimensions: list[Annotated[str, LabelName()]]
        | dict[Annotated[str, LabelName()], str]
        | None = None,
        metrics: dict[str, MetricName] | None = None,
        resolution: Literal[1, 60] = 60,
        *,
        stream: Annotated[BinaryIO | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        check_namespace(namespace)
        self.namespace = namespace
        self.resolution = resolution
        self._clock = clock or SystemClock()
        self._datums = Datums(naming(dimensions, label_dimensions, metrics))
        self._output = _output(output, stream)
        udp = isinstance(self._output, UdpOutput)
        self._most_bytes = UdpOutput.most_bytes if udp else None
        self._rejections = Rejections(f"EmfStorage on {self._output.name}", log)
        self._lock = threading.Lock()

    @property
    def rejected(self) -> int:
        """Samples left out since start."""
        return self._rejections.count

    def check(self) -> list[str]:
        """What would keep this process from writing on this machine."""
        return self._output.problems()

    def start(self) -> None:
        """Open the output. Raises StartError."""
        try:
            self._output.open()
        except OSError as error:
            reason = error.strerror or error
            raise StartError(f"EmfStorage cannot write to {self._output.name}: {reason}") from error

    def store(self, metrics: Sequence[Metric]) -> None:
        """Write a batch. Raises FailedDeliveryException."""
        with self._lock:
            free, rejected = self._free_datums(metrics)
            self._rejections.add(rejected)
            lines = self._lines(free)
            if not lines:
                return
            try:
                self._output.write(lines)
            except OSError as error:
                reason = error.strerror or error
                raise FailedDeliveryException(
                    f"cannot write to {self._output.name}: {reason}"
                ) from error

    def weigh(self, metrics: Sequence[Metric]) -> Weight:
        """How much a batch would be; nothing is written."""
        with self._lock:
            free, _ = self._free_datums(metrics)
            size = sum(map(len, self._lines(free)))
        return Weight(sum(one.samples for one in free), size, "embedded metric format")

    def close(self, timeout: float = 5.0) -> None:
        """Close the output, after waiting so many seconds at most for a write under way."""
        if self._lock.acquire(timeout=max(0.0, timeout)):
            try:
                self._output.close()
            finally:
                self._lock.release()

    def _free_datums(self, metrics: Sequence[Metric]) -> tuple[list[Datum], list[Rejected]]:
        """The data of a batch, and what has no place in a line."""
        datums, rejected = self._datums.of(metrics, self._clock.now())
        free = [one for one in datums if is_free(one)]
        rejected += [
            Rejected(metric, "its name is that of a dimension, or _aws")
            for one in datums
            if not is_free(one)
            for metric in one.metrics
        ]
        return free, rejected

    def _lines(self, datums: Sequence[Datum]) -> list[bytes]:
        return list(lines_of(self.namespace, datums, self.resolution, self._most_bytes))


def _output(output: str, stream: BinaryIO | None) -> Output:
    if stream is not None or output == "stdout":
        return Stream(stream)
    if "://" not in output:
        return AppendedFile(output)
    parts = urlsplit(output)
    try:
        port = parts.port or _PORT
    except ValueError:
        port = 0
    known = parts.scheme in ("tcp", "udp") and not parts.path.strip("/")
    if not known or not parts.hostname or not port:
        raise ValidationError(
            f"output: {output!r}: write stdout, the path of a file, tcp://HOST:PORT or "
            "udp://HOST:PORT"
        )
    if parts.scheme == "tcp":
        return TcpOutput(parts.hostname, port)
    return UdpOutput(parts.hostname, port)
