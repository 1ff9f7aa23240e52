"""The observer that judges what is collected."""

import logging
from typing import Any

from wca.errors import ValidationError
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.cml.tracing import span
from wca.workers.cml.words import percent

__all__ = ["WorkerNotificationHandler"]

log = logging.getLogger(__name__)


class WorkerNotificationHandler:
    """Compares CPU and memory with thresholds, and notices another status.

    Subscribe it to a job. It is called on the event loop, so that what it does must not wait; to
    tell others, override ``_handle_threshold_violation`` or ``_handle_status_change``.

    Args:
        cpu_threshold: percent of CPU that must not be exceeded.
        memory_threshold: percent of memory that must not be exceeded.

    Raises:
        ValidationError: a threshold is not between 0 and 100.
    """

    def __init__(self, cpu_threshold: float = 90.0, memory_threshold: float = 90.0) -> None:
        for name, threshold in (
            ("cpu_threshold", cpu_threshold),
            ("memory_threshold", memory_threshold),
        ):
            if not 0 <= threshold <= 100:
                raise ValidationError(f"{name} {threshold!r}: write percent, from 0 to 100")
        self.cpu_threshold = cpu_threshold
        self.memory_threshold = memory_threshold
        self._statuses: dict[str, str] = {}

    def __call__(self, metrics_data: dict[str, Any]) -> None:
        """Judge one poll of one worker.

        Args:
            metrics_data: as a job tells it.
        """
        worker_id, name = metrics_data["worker_id"], metrics_data["worker_name"]
        with span("handle_worker_metrics", worker_id=worker_id):
            self._notice_status(worker_id, name, metrics_data["status"])
            metrics = metrics_data.get("metrics") or {}
            cpu, memory = metrics.get("cpu_utilization"), metrics.get("memory_utilization")
            violated = [
                self._check(worker_id, name, "cpu", cpu, self.cpu_threshold),
                self._check(worker_id, name, "memory", memory, self.memory_threshold),
            ]
            if not any(violated):
                log.info(
                    "Worker %s is %s: CPU %s, memory %s",
                    name,
                    metrics_data["status"],
                    percent(cpu),
                    percent(memory),
                )

    def _check(
        self, worker_id: str, name: str, metric_type: str, value: float | None, threshold: float
    ) -> bool:
        """Whether a value exceeds its threshold, which is told."""
        if value is None or value <= threshold:
            return False
        log.warning(
            "⚠️ HIGH %s: Worker %s - %s (threshold: %g%%)",
            metric_type.upper(),
            worker_id,
            percent(value),
            threshold,
        )
        self._handle_threshold_violation(worker_id, name, metric_type, value, threshold)
        return True

    def _notice_status(self, worker_id: str, name: str, status: str) -> None:
        before = self._statuses.get(worker_id)
        if status == CMLWorkerStatus.TERMINATED:
            self._statuses.pop(worker_id, None)
        else:
            self._statuses[worker_id] = status
        if before is not None and before != status:
            self._handle_status_change(worker_id, name, before, status)

    def _handle_threshold_violation(
        self, worker_id: str, worker_name: str, metric_type: str, value: float, threshold: float
    ) -> None:
        """Tell of a threshold that is exceeded; called at each poll that finds it so.

        Args:
            worker_id: of which worker.
            worker_name: for people.
            metric_type: ``cpu`` or ``memory``.
            value: in percent.
            threshold: in percent.
        """
        log.warning(
            "🚨 Threshold Violation: %s - %s at %.1f%% exceeds %s%%",
            worker_name,
            metric_type.upper(),
            value,
            threshold,
            extra={"worker_id": worker_id},
        )

    def _handle_status_change(
        self, worker_id: str, worker_name: str, old_status: str, new_status: str
    ) -> None:
        """Tell of a status that is another than at the poll before.

        Args:
            worker_id: of which worker.
            worker_name: for people.
            old_status: at the poll before.
            new_status: now.
        """
        log.info("Worker %s (%s) was %s and is %s", worker_name, worker_id, old_status, new_status)
