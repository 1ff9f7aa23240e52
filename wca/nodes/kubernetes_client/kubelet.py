"""The pods of a node, from its kubelet."""

from collections.abc import Callable, Sequence

from wca.errors import TaskSynchronizationException
from wca.nodes.kubernetes_client.connection import Connection, Stream
from wca.nodes.kubernetes_client.json_stream import Broken, read_list
from wca.nodes.kubernetes_client.pods import Pod, PodReader

__all__ = ["Heard", "Kubelet", "by_name", "read_pods"]

#: Takes a list of pods; None: it is the same as before.
Heard = Callable[[Sequence[Pod] | None], None]


class Kubelet:
    """Asks the kubelet of this node for its pods; it does not tell what changes.

    Args:
        connection: to it.
        reader: makes tasks of pods.
    """

    def __init__(self, connection: Connection, reader: PodReader) -> None:
        self._connection = connection
        self._reader = reader

    def pods(self) -> list[Pod]:
        """Those that run now.

        Raises:
            TaskSynchronizationException: it gave no list.
        """
        pods: list[Pod] = []
        with self._connection.get("/pods") as stream:
            read_pods(stream, self._reader, pods.append)
        return by_name(pods)

    def follow(self, heard: Heard) -> bool:
        """Nothing is heard: ask when the list is wanted."""
        del heard
        return False


def read_pods(stream: Stream, reader: PodReader, take: Callable[[Pod], None]) -> str:
    """Read a list of pods to its end.

    Args:
        stream: the answer.
        reader: makes tasks of pods.
        take: called for each pod.

    Returns:
        The version of the list; empty where it has none.

    Raises:
        TaskSynchronizationException: it is no list of pods, or breaks off.
    """
    version, is_list = "", False
    pieces = stream.pieces()
    try:
        for name, value in read_list(pieces, "items"):
            if name == "items":
                is_list = True
                pod = None if value is None else reader.read(value)
                if pod is not None:
                    take(pod)
            elif name == "kind":
                is_list = is_list or value == "PodList"
            elif name == "metadata" and isinstance(value, dict):
                version = str(value.get("resourceVersion") or "")
        for _ in pieces:  # the end of the answer, so that the connection can be kept
            pass
    except Broken as error:
        raise TaskSynchronizationException(
            f"{stream.place}: its answer is broken: {error}"
        ) from None
    if not is_list:
        raise TaskSynchronizationException(f"{stream.place}: its answer is no list of pods")
    return version


def by_name(pods: Sequence[Pod]) -> list[Pod]:
    """In an order that stays; the kubelet's changes from answer to answer."""
    return sorted(pods, key=lambda pod: (pod.name, pod.task_id))
