"""The class of service of a pod, where its status does not say it.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
"""

from collections.abc import Iterator

from wca.nodes.kubernetes_client.documents import Document, entries, section, text
from wca.nodes.kubernetes_client.resources import amounts

__all__ = ["qos_class"]

BEST_EFFORT, BURSTABLE, GUARANTEED = "besteffort", "burstable", "guaranteed"
_DECIDING = ("cpu", "memory")


def qos_class(spec: Document, status: Document) -> str:
    """``besteffort``, ``burstable`` or ``guaranteed``.

    Args:
        spec: of the pod.
        status: of the pod.

    Raises:
        ValidationError: the pod is malformed.
    """
    said = text(status, "qosClass").lower()
    if said in (BEST_EFFORT, BURSTABLE, GUARANTEED):
        return said
    of_pod = section(spec, "resources")
    if amounts(of_pod, "requests") or amounts(of_pod, "limits"):
        classes = set(_classes(of_pod))
    else:
        containers = [*entries(spec, "initContainers"), *entries(spec, "containers")]
        classes = {one for item in containers for one in _classes(section(item, "resources"))}
    return classes.pop() if len(classes) == 1 else BURSTABLE if classes else BEST_EFFORT


def _classes(resources: Document) -> Iterator[str]:
    """What each of CPU and memory makes of a container; they must agree."""
    requests, limits = amounts(resources, "requests"), amounts(resources, "limits")
    for name in _DECIDING:
        request, limit = requests.get(name, 0), limits.get(name, 0)
        if request != limit:
            yield BURSTABLE
        else:
            yield GUARANTEED if request else BEST_EFFORT
