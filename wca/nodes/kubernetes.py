"""Tasks are the pods of a node of Kubernetes."""

import logging
import os
from collections.abc import Sequence
from typing import Annotated, Literal

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, Path, Str, Url
from wca.errors import ValidationError
from wca.linux.files import Kernel
from wca.nodes.api import Task
from wca.nodes.kubernetes_client.apiserver import ApiServer
from wca.nodes.kubernetes_client.cgroup_paths import CgroupDriverType, PodCgroups
from wca.nodes.kubernetes_client.connection import (
    SERVICE_ACCOUNT_CA,
    SERVICE_ACCOUNT_TOKEN,
    Connection,
    api_url,
)
from wca.nodes.kubernetes_client.kubelet import Kubelet
from wca.nodes.kubernetes_client.pods import Pod, PodReader
from wca.nodes.polling import PollingNode
from wca.security import SSL

__all__ = ["KubernetesNode"]

log = logging.getLogger(__name__)

_WHICH_NODE = (
    "the kube-apiserver knows the pods of all nodes: write this node's node_name, such as "
    "!Env NODE_NAME, or its node_ip; or kubelet_enabled: true"
)

_ReadablePath = Annotated[str, Path(absolute=True, mode=os.R_OK)]


class KubernetesNode(PollingNode):
    """The pods of this node of Kubernetes that have a cgroup, whatever their state.

    A task is a pod: ``namespace/name``, its uid as id, its labels and ``namespace``, ``pod`` and
    ``app_kubernetes_io__qos_class``; what it has asked for as resources. Its containers are parts
    of it, by their names. It is learnt from the kube-apiserver, which is watched, or from the
    kubelet, which is asked each time. Cgroups are looked for, whichever driver, runtime and version
    there are.

    Args:
        cgroup_driver: the kubelet's; left out: found by looking.
        ssl: whom to believe, and the agent's certificate; when left out servers are verified by
            ``server_cert_ca_path``.
        client_token_path: file of the token that is shown, read anew for each question; ``null``:
            none. The default is left out where it does not exist.
        server_cert_ca_path: file of the certificate authorities that are believed; ``null``: those
            of this machine, which also hold where the default does not exist.
        kubelet_enabled: ask the kubelet instead of the kube-apiserver.
        kubelet_endpoint: address of the kubelet.
        kubeapi_host: name or address of the kube-apiserver.
        kubeapi_port: its port.
        node_name: the node's name in Kubernetes; for the kube-apiserver.
        node_ip: the node's address, from which its name is found where that is not known.
        timeout: how long a question and its answer may take.
        monitored_namespaces: namespaces whose pods are measured, ``[default]`` when left out;
            ``all``: every pod.
        labels: labels of pods to take, by name or pattern (``app.kubernetes.io/*``); left out: all.
        cgroup_path_label: add the label ``cgroup_path``, of which cAdvisor's ``id`` is made.
        pod_ip_label: add the label ``pod_ip``, the pod's address as soon as it has one, for
            WorkEndpoint.
        keep: how long the last list is used while no other can be had.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.

    Raises:
        ValidationError: the kube-apiserver is to be asked for a node without name and address.
    """

    def __init__(
        self,
        cgroup_driver: CgroupDriverType | None = None,
        ssl: SSL | None = None,
        client_token_path: _ReadablePath | None = SERVICE_ACCOUNT_TOKEN,
        server_cert_ca_path: _ReadablePath | None = SERVICE_ACCOUNT_CA,
        kubelet_enabled: bool = False,
        kubelet_endpoint: Annotated[str, Url()] = "https://127.0.0.1:10250",
        kubeapi_host: Annotated[str, Str()] = "kubernetes.default.svc",
        kubeapi_port: Annotated[str, Str()] | int = "443",
        node_name: Annotated[str, Str()] | None = None,
        node_ip: Annotated[str, Str()] | None = None,
        timeout: Annotated[float, Duration(1, 60)] = 5.0,
        monitored_namespaces: list[Annotated[str, Str()]] | Literal["all"] | None = None,
        labels: list[Annotated[str, Str()]] | None = None,
        cgroup_path_label: bool = False,
        pod_ip_label: bool = False,
        keep: Annotated[float, Duration(0, 86400)] = 300.0,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        clock = clock or SystemClock()
        super().__init__(keep, clock)
        namespaces = None if monitored_namespaces == "all" else monitored_namespaces or ["default"]
        name, address = _given(node_name), _given(node_ip)
        url = kubelet_endpoint if kubelet_enabled else api_url(kubeapi_host, kubeapi_port)
        self._connection = Connection(
            url, ssl, server_cert_ca_path, client_token_path, timeout, clock
        )
        self._source: Kubelet | ApiServer
        if kubelet_enabled:
            self._source = Kubelet(self._connection, PodReader(namespaces, labels))
        elif name is None and address is None:
            raise ValidationError(_WHICH_NODE)
        else:
            reader = PodReader(namespaces, labels, address if name is None else None)
            self._source = ApiServer(self._connection, reader, namespaces, name, clock)
        self._driver = None if cgroup_driver is None else CgroupDriverType(cgroup_driver)
        self._cgroup_path_label = cgroup_path_label
        self._pod_ip_label = pod_ip_label
        self._injected = kernel is not None
        self._cgroups = PodCgroups(kernel or Kernel(), clock.monotonic, self._driver)
        self._absent: set[str] = set()

    def use_kernel(self, kernel: Kernel) -> None:
        """Look through this one from now on, unless one was given from Python."""
        if not self._injected:
            self._cgroups = PodCgroups(kernel, self._clock.monotonic, self._driver)

    def check(self) -> list[str]:
        """What keeps this machine from asking as somebody whom Kubernetes knows."""
        return self._connection.problems()

    def start(self) -> None:
        """Ask for the first time, and have a thread that hears of changes or asks again."""
        self._connection.resume()
        super().start()

    def poll(self) -> Sequence[Task]:
        """Ask for the pods; see ``PollingNode``."""
        return self._source.pods()

    def follow(self) -> bool:
        """Watch the pods, where that can be done; see ``PollingNode``."""
        return self._source.follow(self.heard)

    def interrupt(self) -> None:
        """End a question or a watch from another thread, and close the connection."""
        self._connection.interrupt()

    def get_tasks(self) -> list[Task]:
        """The pods of the last list that have a cgroup now.

        Raises:
            TaskSynchronizationException: there is no list, or it is too old.
        """
        pods = [one for one in super().get_tasks() if isinstance(one, Pod)]
        self._cgroups.look([pod.cgroup_ids for pod in pods if pod.running])
        self._absent &= {pod.task_id for pod in pods}
        return [task for pod in pods if (task := self._task(pod)) is not None]

    def _task(self, pod: Pod) -> Task | None:
        found = self._cgroups.find(pod.cgroup_ids, pod.containers)
        if found is None:
            self._say_absent(pod)
            return None
        path, containers = found
        if pod.task_id in self._absent:
            self._absent.remove(pod.task_id)
            log.info("pod %s has a cgroup now", pod.name)
        place = {"cgroup_path": path} if self._cgroup_path_label else {}
        if self._pod_ip_label and pod.ip:
            place["pod_ip"] = pod.ip
        return Task(
            name=pod.name,
            task_id=pod.task_id,
            cgroup_path=path,
            labels={**pod.labels, **place},
            resources=pod.resources,
            subcgroups_paths=sorted(containers.values()),
            subcgroups_labels={
                containers[runtime_id]: pod.containers[runtime_id] for runtime_id in containers
            },
        )

    def _say_absent(self, pod: Pod) -> None:
        if pod.running and pod.task_id not in self._absent:
            self._absent.add(pod.task_id)
            log.warning(
                "pod %s is left out: no cgroup of its id %s is below the kubelet's",
                pod.name,
                " or ".join(pod.cgroup_ids),
            )


def _given(text: str | None) -> str | None:
    """What a variable of the environment may have left empty, or with a line end."""
    return (text or "").strip() or None
