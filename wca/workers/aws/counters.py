"""What was asked of AWS, in numbers of the catalogue."""

import threading
from collections import Counter, defaultdict

from wca.metrics import Measurements
from wca.workers.aws.apis import DESCRIBE_INSTANCE_STATUS, GET_METRIC_DATA, LIST_METRICS
from wca.workers.aws.errors import Kind

__all__ = ["Counters"]

#: What every cloud calls: known as 0 before the first call.
_EVERY_CLOUD = tuple(
    api.operation for api in (DESCRIBE_INSTANCE_STATUS, GET_METRIC_DATA, LIST_METRICS)
)


class Counters:
    """Counts calls and metrics. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter(dict.fromkeys(_EVERY_CLOUD, 0))
        self._failed = defaultdict(Counter, {one: _none_failed() for one in _EVERY_CLOUD})
        self._metrics = 0
        self._skipped = 0

    def request(self, operation: str) -> None:
        """An attempt of a call is made."""
        with self._lock:
            self._requests[operation] += 1

    def failed(self, operation: str, kind: Kind) -> None:
        """A call has failed, after all its attempts."""
        with self._lock:
            self._failed[operation][kind.value] += 1

    def metrics(self, count: int) -> None:
        """So many metrics are requested, which AWS is paid for."""
        with self._lock:
            self._metrics += count

    def skipped(self, count: int) -> None:
        """So many metrics are not requested, because of the budget."""
        with self._lock:
            self._skipped += count

    def measurements(self) -> Measurements:
        """All counts since start."""
        with self._lock:
            return {
                "wca_aws_requests": dict(self._requests),
                "wca_aws_failed_requests": {
                    operation: dict(kinds) for operation, kinds in self._failed.items()
                },
                "wca_aws_metrics_requested": self._metrics,
                "wca_aws_metrics_skipped": self._skipped,
            }


def _none_failed() -> Counter[str]:
    return Counter({kind.value: 0 for kind in Kind})
