"""What was asked of AWS, in numbers of the catalogue."""

import threading
from collections import Counter, defaultdict

from wca.metrics import Measurements
from wca.workers.aws.errors import Kind

__all__ = ["Counters"]


class Counters:
    """Counts calls and metrics. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
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
