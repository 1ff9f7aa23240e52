"""The pods of a node, from the kube-apiserver: a list, then what changes.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/, "Efficient detection of
changes".
"""

import logging
import random
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from wca.clock import Clock
from wca.errors import TaskSynchronizationException
from wca.nodes.kubernetes_client.connection import Connection, Refused, Stream
from wca.nodes.kubernetes_client.json_stream import Broken, read_lines
from wca.nodes.kubernetes_client.kubelet import Heard, by_name, read_pods
from wca.nodes.kubernetes_client.pods import Pod, PodReader

__all__ = ["ApiServer"]

log = logging.getLogger(__name__)

#: Seconds after which a watch is to end and be opened again, less up to a quarter by chance.
_WATCH = 400
#: Seconds without a watch after one has failed: the first time, at most, and where the server
#: does not allow it.
_FIRST_REST, _LONGEST_REST, _REST_IF_FORBIDDEN = 2.0, 60.0, 600.0
#: A watch that ends sooner without a word is short; so many in a row have failed.
_LEAST_WATCH, _MOST_SHORT = 1.0, 3
#: Pods that have ended are of no use here.
_NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"


class ApiServer:
    """Asks the kube-apiserver for the pods of one node, and watches them.

    A watch that ends goes on where it was; where the server does not remember that place any more,
    the list is read anew. Where no watch can be had, lists alone do, each time they are wanted.

    Args:
        connection: to it.
        reader: makes tasks of pods; knows the address of the node where its name is not known.
        namespaces: those that are listed; None: all.
        node_name: of the node; None: as the first pod of the node says.
        clock: time.
    """

    def __init__(
        self,
        connection: Connection,
        reader: PodReader,
        namespaces: Sequence[str] | None,
        node_name: str | None,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._each = [f"/api/v1/namespaces/{quote(one, safe='')}/pods" for one in namespaces or ()]
        #: What is listed: one namespace, or all of them, of which the reader takes its own.
        self._paths = self._each if len(self._each) == 1 else ["/api/v1/pods"]
        self._node_name = node_name
        self._clock = clock
        self._pods: dict[str, Pod] = {}
        self._version = ""
        self._forgotten = False
        self._failures = self._short = 0
        self._rests_until = 0.0

    def pods(self) -> list[Pod]:
        """Those that run now; what changes from then on is for ``follow``.

        Raises:
            TaskSynchronizationException: it gave no list.
        """
        self._list()
        return self._sorted()

    def follow(self, heard: Heard) -> bool:
        """Hear of changes since the last list, as long as that is possible.

        Args:
            heard: called with the list after each change; with None when there was none.

        Returns:
            Whether the list is to be read anew now; else when it is wanted.

        Raises:
            TaskSynchronizationException: it is away, or what it says makes no sense.
        """
        while self._version and not self._rests():
            stream = self._watch()
            if stream is not None:
                self._hear(stream, heard)
        return not self._rests()

    def _rests(self) -> bool:
        return self._clock.monotonic() < self._rests_until

    def _watch(self) -> Stream | None:
        """Open a watch at the version that is known; None: it is refused."""
        seconds = int(_WATCH * random.uniform(0.75, 1.0))  # noqa: S311 - to spread agents
        query = {
            **self._selector(),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(seconds),
        }
        try:
            stream = self._connection.get(self._paths[0], query)
        except Refused as refused:
            self._note(refused)
            return None
        stream.last(seconds + self._connection.timeout)
        return stream

    def _hear(self, stream: Stream, heard: Heard) -> None:
        """Take what a watch says until it ends; the next one goes on where it was."""
        began, told = self._clock.monotonic(), False
        try:
            with stream:
                for event in read_lines(stream.pieces(None)):
                    changed = self._take(event)
                    told = True
                    heard(self._sorted() if changed else None)
        except Refused as refused:
            self._note(refused)
            return
        except TaskSynchronizationException as error:
            log.debug("the watch has ended: %s", error)
        except Broken as error:
            self._version = ""
            reason = f"{stream.place}: its watch is broken: {error}"
            raise TaskSynchronizationException(reason) from None
        if told or self._clock.monotonic() - began >= _LEAST_WATCH:
            self._failures = self._short = 0
        else:
            self._short += 1
            if self._short >= _MOST_SHORT:
                self._rest(f"{stream.place}: its watch ends at once", _FIRST_REST)

    def _note(self, refused: Refused) -> None:
        """Do what follows from the refusal of a watch."""
        if refused.status == HTTPStatus.GONE:
            self._version, self._forgotten = "", True
        elif refused.status in (HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED):
            self._rest(str(refused), _REST_IF_FORBIDDEN)
        else:
            self._rest(str(refused), _FIRST_REST)

    def _rest(self, reason: str, seconds: float) -> None:
        """Have no watch for a while, the longer the oftener in a row."""
        self._version = ""
        rest = max(seconds, min(_LONGEST_REST, seconds * 2.0 ** min(self._failures, 10)))
        if not self._failures:
            log.warning("no watch of pods, their list is read each time instead: %s", reason)
        self._failures += 1
        self._rests_until = self._clock.monotonic() + rest

    def _list(self) -> None:
        pods: dict[str, Pod] = {}
        try:
            versions = [self._list_one(path, pods) for path in self._paths]
        except Refused as refused:
            if refused.status != HTTPStatus.FORBIDDEN or len(self._each) < 2:
                raise
            if self._paths is self._each:
                raise
            log.info("each namespace is listed by itself, without a watch: %s", refused)
            self._paths = self._each
            versions = [self._list_one(path, pods) for path in self._paths]
        self._pods, self._forgotten = pods, False
        self._version = versions[0] if len(versions) == 1 and not self._rests() else ""
        self._learn_name()

    def _list_one(self, path: str, pods: dict[str, Pod]) -> str:
        # Any version will do: it comes from the server's memory, without a look into its database.
        # Unless just that one was too old to go on from.
        query = (
            self._selector() if self._forgotten else {**self._selector(), "resourceVersion": "0"}
        )

        def take(pod: Pod) -> None:
            pods[pod.task_id] = pod

        with self._connection.get(path, query) as stream:
            return read_pods(stream, self._reader, take)

    def _learn_name(self) -> None:
        name = next((pod.node for pod in self._pods.values() if pod.node), None)
        if self._node_name is None and name is not None:
            self._node_name, self._reader.node_ip = name, None
            log.info("this node is %s, by the address of its pods", name)

    def _sorted(self) -> list[Pod]:
        return by_name(list(self._pods.values()))

    def _selector(self) -> dict[str, str]:
        if self._node_name is None:
            return {"fieldSelector": _NOT_ENDED}
        return {"fieldSelector": f"spec.nodeName={self._node_name},{_NOT_ENDED}"}

    def _take(self, event: Any) -> bool:
        """Do what an event says; whether the pods are others now.

        Raises:
            Refused: the server ends the watch with an error.
            Broken: it makes no sense.
        """
        kind = event.get("type") if isinstance(event, dict) else None
        item = event.get("object") if isinstance(event, dict) else None
        if not isinstance(item, dict) or not isinstance(kind, str):
            raise Broken("an event has no type or no object")
        if kind == "ERROR":
            code = item.get("code")
            raise Refused(code if isinstance(code, int) else 500, str(item.get("message"))[:200])
        metadata = item.get("metadata")
        if not isinstance(metadata, dict):
            raise Broken(f"an event {kind[:20]} has no metadata")
        changed = False
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            changed = self._put(metadata.get("uid"), self._reader.read(item), kind)
        version = metadata.get("resourceVersion")
        self._version = version if isinstance(version, str) else self._version
        return changed

    def _put(self, uid: Any, pod: Pod | None, kind: str) -> bool:
        """Enter a pod, or take it out; whether anything is another now."""
        if pod is None or kind == "DELETED":
            return isinstance(uid, str) and self._pods.pop(uid, None) is not None
        known = self._pods.get(pod.task_id)
        self._pods[pod.task_id] = pod
        return known is None or vars(known) != vars(pod)
