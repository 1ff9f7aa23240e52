"""The pod of a container: its name and its labels, which the container itself lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from wca.nodes.container_client import cri_pb2

__all__ = ["Pod", "name_of", "with_pod"]

# The kubelet puts these on the containers it makes (pkg/kubelet/types/labels.go of Kubernetes).
_NAMESPACE, _NAME = "io.kubernetes.pod.namespace", "io.kubernetes.pod.name"
_UID, _CONTAINER = "io.kubernetes.pod.uid", "io.kubernetes.container.name"
_SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Pod:
    """What the runtime knows of a pod.

    Args:
        facts: those of the labels above that its metadata give, for a pod that no kubelet made.
        labels: its labels.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, sandbox: cri_pb2.PodSandbox) -> Self:
        """The pod of an entry of the runtime's list."""
        given = {
            _NAMESPACE: sandbox.metadata.namespace,
            _NAME: sandbox.metadata.name,
            _UID: sandbox.metadata.uid,
        }
        facts = {name: value for name, value in given.items() if value}
        return cls(facts, dict(sandbox.labels))


def with_pod(container: cri_pb2.Container, pod: Pod) -> dict[str, str]:
    """The labels of a container: its own before those of its pod."""
    name = {_CONTAINER: container.metadata.name} if container.metadata.name else {}
    return {**name, **pod.facts, **pod.labels, **container.labels}


def name_of(container: cri_pb2.Container, pod: Pod) -> str:
    """``namespace/pod/container``, without what is not known; the id when nothing is."""
    labels = with_pod(container, pod)
    known = filter(None, (labels.get(name) for name in (_NAMESPACE, _NAME, _CONTAINER)))
    return "/".join(known) or container.id[:_SHORT_ID]
