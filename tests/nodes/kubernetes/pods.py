"""Pods as the API reference describes them (https://kubernetes.io/docs/reference/kubernetes-api/)."""

import copy
import itertools
import uuid

NODE, NODE_IP = "node-1", "192.0.2.1"

_ids = itertools.count(1)


def runtime_id():
    """An id as runtimes give them to containers, another one each time."""
    return f"{next(_ids):064x}"


def container(name="main", requests=None, limits=None, **more):
    """An entry of ``spec.containers``."""
    resources = {"requests": requests or {}, "limits": limits or {}}
    return {"name": name, "image": f"registry.example/{name}:1", "resources": resources, **more}


def status(name="main", state="running", scheme="containerd", **more):
    """An entry of ``status.containerStatuses``."""
    states = {
        "running": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        "waiting": {"waiting": {"reason": "ContainerCreating"}},
        "terminated": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    }
    made = {
        "name": name,
        "state": states[state],
        "lastState": {},
        "ready": state == "running",
        "restartCount": 0,
        "image": f"registry.example/{name}:1",
        "imageID": f"registry.example/{name}@sha256:{'0' * 64}",
        "containerID": "" if state == "waiting" else f"{scheme}://{runtime_id()}",
        "started": state == "running",
    }
    return {**made, **more}


def pod(name="web", namespace="default", uid=None, containers=None, statuses=None, **more):
    """A pod that runs on ``NODE``.

    Args:
        name: its name.
        namespace: its namespace.
        uid: its id; a new one when None.
        containers: see ``container``; one when None.
        statuses: see ``status``; one of each container when None.
        more: ``labels``, ``annotations``, ``phase``, ``qos``, ``metadata``, ``spec``, ``status``.
    """
    containers = [container()] if containers is None else containers
    if statuses is None:
        statuses = [status(one["name"]) for one in containers]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or str(uuid.uuid4()),
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": more.get("labels", {"app": name}),
            "annotations": more.get("annotations", {}),
            **more.get("metadata", {}),
        },
        "spec": {
            "containers": containers,
            "restartPolicy": "Always",
            "nodeName": NODE,
            "serviceAccountName": "default",
            **more.get("spec", {}),
        },
        "status": {
            "phase": more.get("phase", "Running"),
            "conditions": [{"type": "Ready", "status": "True"}],
            "hostIP": NODE_IP,
            "podIP": "192.0.2.100",
            "startTime": "2026-01-01T00:00:00Z",
            "containerStatuses": statuses,
            "qosClass": more.get("qos", "BestEffort"),
            **more.get("status", {}),
        },
    }


def without(document, *path):
    """A copy that lacks the member at the end of the path."""
    made = copy.deepcopy(document)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return made


def changed(document, *path, to):
    """A copy that has another value at the end of the path."""
    made = copy.deepcopy(document)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return made


def ids_of(document):
    """The ids of a pod's containers."""
    statuses = document["status"]["containerStatuses"]
    return [one["containerID"].partition("://")[2] for one in statuses]
