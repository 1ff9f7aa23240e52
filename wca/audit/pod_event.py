"""A record of a decision as an Event of Kubernetes on the pod. Pure.

Source of the fields and their limits: the API reference of ``events.k8s.io/v1`` and
pkg/apis/core/validation/events.go of Kubernetes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wca.audit.sentences import name_of, plain, sentence_of

__all__ = ["event_of", "path_of"]

Record = Mapping[str, Any]

_CONTROLLER = "wca/agent"
#: Bytes.
_NOTE, _INSTANCE = 1024, 128
#: Type, reason and action by what became of a decision.
_DECISIONS = {
    "applied": ("Normal", "Allocated", "Allocate"),
    "rejected": ("Normal", "AllocationRejected", "Allocate"),
    "failed": ("Warning", "AllocationFailed", "Allocate"),
}
_OTHERS = {
    "foreign write": ("Warning", "ForeignWrite", "Yield"),
    "given back": ("Normal", "AllocationGivenBack", "GiveBack"),
}


def event_of(record: Record, instance: str) -> dict[str, Any] | None:
    """The Event; None: the record is no decision about a pod.

    Args:
        record: of a runner whose tasks are the pods of a KubernetesNode.
        instance: who reports, such as the name of the node.
    """
    labels = record.get("task_labels")
    kind, outcome = record.get("type"), record.get("outcome")
    what = _DECISIONS.get(str(outcome)) if kind == "allocation" else _OTHERS.get(str(kind))
    if what is None or not isinstance(labels, Mapping):
        return None
    namespace, pod, uid = labels.get("namespace"), labels.get("pod"), record.get("task_id")
    if not (namespace and pod and uid):
        return None
    type_, reason, action = what
    if outcome == "reassert":
        action = "Reassert"
    time = datetime.fromtimestamp(float(record["time"]), UTC)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": f"{pod}-", "namespace": namespace},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": type_,
        "reason": reason,
        "action": action,
        "note": _cut(sentence_of(record, {name_of(record)}), _NOTE),
        "regarding": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": namespace,
            "name": pod,
            "uid": uid,
        },
        "reportingController": _CONTROLLER,
        "reportingInstance": _cut(instance, _INSTANCE),
    }


def path_of(event: Mapping[str, Any]) -> str:
    """Where it is created."""
    return f"/apis/events.k8s.io/v1/namespaces/{event['metadata']['namespace']}/events"


def _cut(text: str, size: int) -> str:
    """A text without control characters, of so many bytes at most."""
    return plain(text, size).encode()[:size].decode(errors="ignore")
