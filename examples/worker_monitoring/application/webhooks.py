"""A handler that tells webhooks of threshold violations: how to extend one."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import requests

from wca.workers import WorkerNotificationHandler

log = logging.getLogger("wca.workers.webhooks")

MOST_WAITING = 1000
TIMEOUT = 5.0


class WebhookNotificationHandler(WorkerNotificationHandler):
    """Posts violations, on a thread of its own: the handler is called on the event loop.

    A webhook that does not take a violation is logged, and told of the next one; the notifiers of
    WCA's ``WorkerMonitoringRunner`` try again, and tell of a violation once.

    Args:
        addresses: where to post; the JSON object that is posted has a ``text``, as Slack wants it.
        cpu_threshold: percent of CPU that must not be exceeded.
        memory_threshold: percent of memory that must not be exceeded.
    """

    def __init__(
        self, addresses: Sequence[str], cpu_threshold: float, memory_threshold: float
    ) -> None:
        super().__init__(cpu_threshold=cpu_threshold, memory_threshold=memory_threshold)
        self._addresses = addresses
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to post."""
        # A daemon: a webhook that does not answer must not keep the process alive.
        self._thread = threading.Thread(target=self._post_all, name="webhooks", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 10.0) -> None:
        """Post what waits, then end; blocks.

        Args:
            timeout: seconds for all of it; what is not posted then is lost, which is logged.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        end = time.monotonic() + timeout
        with suppress(queue.Full):
            self._waiting.put(None, timeout=timeout)
            thread.join(max(0.0, end - time.monotonic()))
        if lost := self._drop():
            log.warning("%d violations were not posted before the end", lost)
        self._waiting.put(None)

    def _drop(self) -> int:
        """Take out what waits; how many violations that were."""
        lost = 0
        with suppress(queue.Empty):
            while True:
                lost += self._waiting.get_nowait() is not None
        return lost

    def _handle_threshold_violation(
        self, worker_id: str, worker_name: str, metric_type: str, value: float, threshold: float
    ) -> None:
        super()._handle_threshold_violation(worker_id, worker_name, metric_type, value, threshold)
        violation = {
            "text": f"{worker_name}: {metric_type.upper()} at {value:.1f}% exceeds {threshold}%",
            "worker_id": worker_id,
            "worker_name": worker_name,
            "metric_type": metric_type,
            "value": value,
            "threshold": threshold,
        }
        try:
            self._waiting.put_nowait(violation)
        except queue.Full:
            log.warning("Too many violations wait for webhooks: that of %s is lost", worker_name)

    def _post_all(self) -> None:
        while (violation := self._waiting.get()) is not None:
            for address in self._addresses:
                try:
                    answer = requests.post(address, json=violation, timeout=TIMEOUT)
                    answer.raise_for_status()
                except requests.RequestException as error:
                    # The address of a webhook is a secret: only its kind of failure is told.
                    log.warning("A webhook was not told: %s", type(error).__name__)
