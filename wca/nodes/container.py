"""The containers of a container runtime on this machine."""

import threading
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from wca.clock import Clock
from wca.config.types import Duration, Injected, Str
from wca.errors import PLUGIN_ERRORS, TaskSynchronizationException
from wca.linux.files import Kernel
from wca.nodes.api import Task
from wca.nodes.container_client.known import KnownContainers
from wca.nodes.container_client.opening import Api, api_of_path, lack, open_client
from wca.nodes.container_client.place import find_cgroup
from wca.nodes.container_client.unix_socket import path_of_socket
from wca.nodes.label_names import safe_labels
from wca.nodes.left_out import LeftOut
from wca.nodes.polling import PollingNode
from wca.nodes.reading import Reading

if TYPE_CHECKING:
    from wca.nodes.container_client.api import ContainerClient, Details, Listed

__all__ = ["ContainerNode"]

_TIMEOUT = Duration(1, 60)
_KEEP = Duration(0, 86400)
#: Labels of a cluster that have shorter names as well, which other parts of WCA know.
_SHORT_NAMES = {
    "io.kubernetes.pod.namespace": "namespace",
    "io.kubernetes.pod.name": "pod",
    "io.kubernetes.container.name": "container_name",
}
_NAMESPACE = "io.kubernetes.pod.namespace"
#: Names of labels that say something else than a label of a container, here or elsewhere.
_TAKEN = frozenset(
    {*_SHORT_NAMES.values(), "image", "container", "container_id", "cgroup_path", "host"}
    | {"task_id", "task_name"}
)
_SHORT_ID = 12


class ContainerNode(PollingNode):
    """The containers that containerd, CRI-O or Docker runs on this machine.

    containerd and CRI-O are asked through the Container Runtime Interface (CRI, version v1), Docker
    and what imitates it through Docker's API. The task's id is the container's, its name
    ``namespace/pod/container`` or Docker's name. Its cgroup is that of its first process, as
    /proc/PID/cgroup tells it, or else the one that the runtime asked the kernel for; WCA must see
    the processes of the host. Each discovery is one question for the list; a container is asked
    for when it is new, and every five minutes because its limits may change.

    Labels are ``image``; ``namespace``, ``pod`` and ``container_name`` of a container in a pod; and
    those of the container and of its pod in letters that Prometheus takes, such as
    ``io_kubernetes_pod_uid``. Resources are ``requests_cpu``,
    ``limits_cpu`` (cores), ``requests_memory``, ``limits_memory`` (bytes), and ``cpus`` and
    ``mem``: what was requested, or the limit where the runtime knows of no request.

    Needs the packages grpcio and protobuf (``pip install 'wca[cri]'``) or docker
    (``pip install 'wca[docker]'``).

    Args:
        socket: of the runtime, as a path or ``unix://`` URL: ``/run/containerd/containerd.sock``,
            ``/run/crio/crio.sock``, ``/run/docker.sock``.
        api: ``cri`` or ``docker``; when left out, as the name of the socket says, or else as the
            runtime answers.
        timeout: time in which the runtime must have listed its containers, and again in which it
            must have told of new ones; those that it has not told of come with the next list.
        keep: how long the last list is used while the runtime does not answer.
        namespaces: names or patterns (``team-*``) of the Kubernetes namespaces whose containers
            are tasks; when left out, all, and containers of no pod as well.
        selector: labels that a container or its pod must have: names, each with the value or a
            pattern of it.
        labels: names or patterns (``app.kubernetes.io/*``) of the labels of containers and pods
            that a task gets; when left out, all.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.

    Raises:
        ValidationError: ``socket`` is no path.
    """

    def __init__(
        self,
        socket: Annotated[str, Str()],
        api: Api | None = None,
        timeout: Annotated[float, _TIMEOUT] = 5.0,
        keep: Annotated[float, _KEEP] = 300.0,
        namespaces: list[str] | None = None,
        selector: dict[str, str] | None = None,
        labels: list[str] | None = None,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(keep, clock)
        _TIMEOUT.check(timeout)
        self._path = path_of_socket(socket)
        self._api = None if api is None else Api(api)
        self._timeout = timeout
        self._namespaces = namespaces
        self._selector = dict(selector or {})
        self._labels = labels
        self._reading = Reading(kernel)
        self._known = KnownContainers(self._place, self._clock)
        self._left_out = LeftOut(type(self).__name__)
        self._lock = threading.Lock()
        self._client: ContainerClient | None = None
        self._interruptions = 0

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        self._reading.use(kernel)

    def check(self) -> list[str]:
        """What this machine lacks; what cannot be known before the runtime answers is not told."""
        api = self._api or api_of_path(self._path)
        lacking = None if api is None else lack(api)
        return [] if lacking is None else [lacking]

    def poll(self) -> list[Task]:
        """Ask the runtime.

        Raises:
            TaskSynchronizationException: it gave no list.
        """
        client = self._open()
        try:
            listed, refused = client.containers(self._timeout)
            wanted = [one for one in listed if self._is_wanted(one)]
            found = list(self._known.learn(client, wanted, self._timeout))
        except PLUGIN_ERRORS:
            self._drop(client)
            raise
        names = {one.container_id: one.name for one in wanted}
        for container_id, reason in self._known.left_out().items():
            refused[f"{names[container_id]} ({container_id[:_SHORT_ID]})"] = reason
        self._left_out.tell(refused)
        tasks = [self._task(*one) for one in found]
        return sorted(tasks, key=lambda task: (task.name, task.task_id))

    def interrupt(self) -> None:
        """End a question that waits, and the connection."""
        with self._lock:
            self._interruptions += 1
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _open(self) -> "ContainerClient":
        with self._lock:
            if self._client is not None:
                return self._client
            interruptions = self._interruptions
        client = open_client(self._path, self._api, self._timeout, self._clock)
        with self._lock:
            if self._interruptions == interruptions:
                self._client = client
                return client
        client.close()
        raise TaskSynchronizationException(f"{self._path}: closed")

    def _drop(self, client: "ContainerClient") -> None:
        """After a failure a new connection is made."""
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()

    def _is_wanted(self, container: "Listed") -> bool:
        labels = container.labels
        if self._namespaces is not None:
            namespace = labels.get(_NAMESPACE)
            if namespace is None or not _fits(namespace, self._namespaces):
                return False
        return all(
            name in labels and fnmatchcase(labels[name], pattern)
            for name, pattern in self._selector.items()
        )

    def _place(self, container_id: str, details: "Details") -> str:
        return find_cgroup(self._reading.hierarchies, container_id, details)

    def _task(self, container: "Listed", details: "Details", cgroup_path: str) -> Task:
        given = container.labels
        short = {name: given[full] for full, name in _SHORT_NAMES.items() if full in given}
        return Task(
            name=container.name,
            task_id=container.container_id,
            cgroup_path=cgroup_path,
            labels={
                **safe_labels(given, self._labels, taken=_TAKEN),
                **short,
                **({"image": details.image} if details.image else {}),
            },
            resources=dict(details.resources),
        )


def _fits(text: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
