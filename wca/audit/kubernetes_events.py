"""``KubernetesEvents``: what was decided about a pod, for everybody who may look at the pod."""

import logging
import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any

from wca.audit.pod_event import event_of, path_of
from wca.audit.token_bucket import TokenBucket
from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, Numeric, Path, Str
from wca.errors import TaskSynchronizationException
from wca.nodes.kubernetes_client.connection import (
    SERVICE_ACCOUNT_CA,
    SERVICE_ACCOUNT_TOKEN,
    Connection,
    api_url,
)
from wca.security import SSL

__all__ = ["KubernetesEvents"]

log = logging.getLogger(__name__)

#: Events that may wait for the kube-apiserver; beyond that the newest is left out.
_MOST_WAITING = 100
#: Share of the time to close in which what waits is still sent.
_OF_THE_TIME = 0.8
_ReadablePath = Annotated[str, Path(absolute=True, mode=os.R_OK)]
_PER_HOUR = Numeric(1, 3600)


class KubernetesEvents:
    """Tells Kubernetes of each decision, as an Event on the pod: ``kubectl describe pod`` shows it.

    They are sent on a thread of their own; one that cannot be sent, or is beyond the rates, is left
    out and counted. The agent's account needs the right to create events, see
    configs/deploy/kubernetes/overlays/events.

    Args:
        node_name: who reports: this node's name in Kubernetes, such as ``!Env NODE_NAME``.
        kubeapi_host: name or address of the kube-apiserver.
        kubeapi_port: its port.
        ssl: whom to believe, and the agent's certificate; when left out the server is verified by
            ``server_cert_ca_path``.
        client_token_path: as of KubernetesNode.
        server_cert_ca_path: as of KubernetesNode.
        timeout: how long one Event may take.
        per_pod: Events about one pod within an hour.
        per_node: Events within an hour in all.
        clock: for tests: time.
    """

    def __init__(
        self,
        node_name: Annotated[str, Str(128)],
        kubeapi_host: Annotated[str, Str()] = "kubernetes.default.svc",
        kubeapi_port: Annotated[str, Str()] | int = "443",
        ssl: SSL | None = None,
        client_token_path: _ReadablePath | None = SERVICE_ACCOUNT_TOKEN,
        server_cert_ca_path: _ReadablePath | None = SERVICE_ACCOUNT_CA,
        timeout: Annotated[float, Duration(1, 60)] = 5.0,
        per_pod: Annotated[int, _PER_HOUR] = 12,
        per_node: Annotated[int, _PER_HOUR] = 120,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._connection = Connection(
            api_url(kubeapi_host, kubeapi_port),
            ssl,
            server_cert_ca_path,
            client_token_path,
            timeout,
            self._clock,
        )
        self._node_name = node_name
        self._per_pod = per_pod
        self._of_node = TokenBucket(per_node)
        self._of_pods: dict[str, TokenBucket] = {}
        self._waiting: deque[dict[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._dropped = 0
        self._works: bool | None = None
        self._thread: threading.Thread | None = None

    def check(self) -> list[str]:
        """What keeps this machine from speaking as somebody whom Kubernetes knows."""
        return self._connection.problems()

    def start(self) -> None:
        """Begin to send."""
        self._connection.resume()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="kubernetes events", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Events that were left out: beyond the rates, too many that wait, or refused."""
        with self._changed:
            return self._dropped

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record; one that is no decision about a pod is none of its business."""
        event = event_of(record, self._node_name)
        if event is None:
            return
        with self._changed:
            if not self._may(event["regarding"]["uid"]) or len(self._waiting) >= _MOST_WAITING:
                self._dropped += 1
                return
            self._waiting.append(event)
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Send what waits, for at most ``timeout`` seconds; safe twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout * _OF_THE_TIME)
        self._connection.interrupt()

    def _may(self, uid: str) -> bool:
        now = self._clock.monotonic()
        of_pod = self._of_pods.setdefault(uid, TokenBucket(self._per_pod))
        may = of_pod.has(now) and self._of_node.has(now)
        if may:
            of_pod.take()
            self._of_node.take()
        if len(self._of_pods) > _MOST_WAITING:
            self._of_pods = {
                key: one for key, one in self._of_pods.items() if not (one.has(now) and one.full)
            }
        return may

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._connection.post(path_of(event), event)
            except TaskSynchronizationException as error:
                self._failed(str(error))
            else:
                self._worked()

    def _next(self) -> dict[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _failed(self, reason: str) -> None:
        with self._changed:
            self._dropped += 1
        if self._works is not False:
            log.error("Kubernetes takes no events: %s", reason)
        self._works = False

    def _worked(self) -> None:
        if self._works is False:
            log.info("Kubernetes takes events again")
        self._works = True
