"""From a pod as Kubernetes describes it to a task."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from wca.errors import ValidationError
from wca.nodes.api import Task
from wca.nodes.kubernetes_client.documents import Document, entries, section, text
from wca.nodes.kubernetes_client.qos import qos_class
from wca.nodes.kubernetes_client.resources import pod_resources
from wca.nodes.label_names import safe_labels

__all__ = ["QOS_LABEL", "Pod", "PodReader"]

log = logging.getLogger(__name__)

QOS_LABEL = "app_kubernetes_io__qos_class"
#: Names of labels that say something else than a label of a pod, here or wherever metrics go.
_TAKEN = frozenset(
    {QOS_LABEL, "namespace", "pod", "container", "container_id", "image", "cgroup_path", "host"}
    | {"task_id", "task_name", "pod_ip"}
)
#: The kubelet's own id of a pod that it runs from a file, by which it names the cgroup.
_STATIC_ID = "kubernetes.io/config.hash"
_ENDED = ("Succeeded", "Failed")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
#: Pods about which something was said, at most; then all of it may be said again.
_MOST_SAID = 1000


@dataclass(eq=False)
class Pod(Task):
    """A pod as a task of which the cgroup is still to be looked for.

    Args:
        cgroup_ids: ids by one of which its cgroup is named.
        containers: labels of each of its containers, by the id that the runtime has given it.
        running: whether it must have a cgroup; one that is being started or ended may have none.
        node: name of the node that it is on.
        ip: its address; empty while it has none.
    """

    cgroup_ids: tuple[str, ...] = ()
    containers: dict[str, dict[str, str]] = field(default_factory=dict)
    running: bool = False
    node: str = ""
    ip: str = ""


class PodReader:
    """Reads pods, says what is wrong with one, and goes on.

    Args:
        namespaces: those that are measured; None: all.
        labels: names or patterns of the labels of pods to take; None: all.
        node_ip: address of the node whose pods are meant; None: it has been chosen already.
    """

    def __init__(
        self,
        namespaces: Collection[str] | None = None,
        labels: Sequence[str] | None = None,
        node_ip: str | None = None,
    ) -> None:
        self._namespaces = namespaces
        self._labels = labels
        self.node_ip = node_ip
        self._said: set[str] = set()

    def read(self, document: object) -> Pod | None:
        """A pod as a task; None: it is not to be measured, has ended, or makes no sense."""
        try:
            return self._read(document)
        except ValidationError as error:
            name = _name(document)
            self._say(f"{name}: {error}", f"pod {name} is left out: {error}")
            return None

    def _read(self, document: object) -> Pod | None:
        if not isinstance(document, dict):
            raise ValidationError(f"it is {type(document).__name__}, expected an object")
        metadata, status = section(document, "metadata"), section(document, "status")
        namespace = text(metadata, "namespace")
        if self.node_ip is not None and text(status, "hostIP") != self.node_ip:
            return None
        if self._namespaces is not None and namespace not in self._namespaces:
            self._say_left_out(namespace)
            return None
        phase = text(status, "phase")
        return None if phase in _ENDED else self._pod(document, metadata, status)

    def _pod(self, document: Document, metadata: Document, status: Document) -> Pod:
        spec = section(document, "spec")
        uid, name = text(metadata, "uid"), text(metadata, "name")
        namespace = text(metadata, "namespace")
        if not uid or not name:
            raise ValidationError("it has no uid or no name")
        given = section(metadata, "labels")
        if not all(isinstance(value, str) for value in given.values()):
            raise ValidationError("a label of it is no text")
        static_id = text(section(metadata, "annotations"), _STATIC_ID)
        containers = _containers(status)
        pod_name = f"{namespace}/{name}"
        return Pod(
            name=pod_name,
            task_id=uid,
            cgroup_path="/",
            labels={
                **safe_labels(given, self._labels, taken=_TAKEN),
                "namespace": namespace,
                "pod": name,
                **self._qos(pod_name, spec, status),
            },
            resources=self._resources(pod_name, spec, status),
            cgroup_ids=tuple(dict.fromkeys(filter(None, (static_id, uid)))),
            containers=containers,
            running=text(status, "phase") == "Running" and "deletionTimestamp" not in metadata,
            node=text(spec, "nodeName"),
            ip=text(status, "podIP"),
        )

    def _qos(self, name: str, spec: Document, status: Document) -> dict[str, str]:
        try:
            return {QOS_LABEL: qos_class(spec, status)}
        except ValidationError as error:
            self._say(f"{name} qos", f"pod {name} gets no label {QOS_LABEL}: {error}")
            return {}

    def _resources(
        self, name: str, spec: Document, status: Document
    ) -> dict[str, float | int | str]:
        try:
            return pod_resources(spec, status)
        except ValidationError as error:
            self._say(f"{name} resources", f"what pod {name} has asked for is left out: {error}")
            return {}

    def _say(self, key: str, words: str) -> None:
        """Log a warning, once."""
        if key not in self._said:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said.add(key)
            log.warning("%s", words)

    def _say_left_out(self, namespace: str) -> None:
        key = f"namespace {namespace}"
        if key not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(key)
            log.info("pods of the namespace %s are left out, see monitored_namespaces", namespace)


def _containers(status: Document) -> dict[str, dict[str, str]]:
    """Labels of the containers that may run, by id; no two have one name."""
    found: dict[str, dict[str, str]] = {}
    names: set[str] = set()
    for kind in _STATUSES:
        for one in entries(status, kind):
            name, runtime_id = text(one, "name"), text(one, "containerID").rpartition("://")[2]
            if not name or not runtime_id or name in names or "terminated" in _state(one):
                continue
            names.add(name)
            image = text(one, "image")
            found[runtime_id] = {"container": name, **({"image": image} if image else {})}
    return found


def _state(container_status: Document) -> Mapping[str, object]:
    return {
        name: value
        for name, value in section(container_status, "state").items()
        if value is not None
    }


def _name(document: object) -> str:
    """What to call a pod that may be anything."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict):
        return "without a name"
    parts = (metadata.get("namespace"), metadata.get("name"))
    return "/".join(str(part)[:253] for part in parts if part) or "without a name"
