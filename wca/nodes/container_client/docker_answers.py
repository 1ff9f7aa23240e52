"""What Docker answers, read. Pure functions: the package docker is not needed.

Source: the Docker Engine API, GET /containers/json and GET /containers/{id}/json.
"""

from collections.abc import Mapping
from typing import Any

from wca.errors import NotAvailable, TargetGone
from wca.nodes.container_client.amounts import asked_for, cores_of_quota
from wca.nodes.container_client.api import Details, Listed, Resources
from wca.nodes.container_client.place import path_of_spec

__all__ = ["read_details", "read_entry"]

_SHORT_ID = 12
#: What comes of reading an answer of another shape.
_SENSELESS = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


def read_entry(entry: Any) -> Listed:
    """One entry of the list.

    Raises:
        NotAvailable: it makes no sense.
    """
    try:
        return _listed(entry)
    except _SENSELESS as error:
        raise NotAvailable(f"it makes no sense: {error!r}") from None


def read_details(container: Listed, answer: Any) -> Details:
    """What is told of one container.

    Args:
        container: as it was listed.
        answer: what Docker tells.

    Raises:
        TargetGone: it does not run any more.
        NotAvailable: what is told makes no sense.
    """
    try:
        return _details(container, answer)
    except _SENSELESS as error:
        raise NotAvailable(f"what Docker tells of it makes no sense: {error!r}") from None


def _listed(entry: Any) -> Listed:
    container_id = _text(entry["Id"])
    if not container_id:
        raise ValueError("its id is empty")
    names = [_text(name).lstrip("/") for name in entry.get("Names") or ()]
    own = [name for name in names if name and "/" not in name]  # others are links to it
    labels = dict(entry.get("Labels") or {})
    return Listed(
        container_id=container_id,
        name=own[0] if own else container_id[:_SHORT_ID],
        image=_text(entry.get("Image") or entry.get("ImageID") or ""),
        labels={_text(name): _text(value) for name, value in labels.items()},
    )


def _details(container: Listed, answer: Any) -> Details:
    state, host = answer["State"], answer.get("HostConfig") or {}
    if not state["Running"]:
        raise TargetGone(f"container {container.container_id} does not run")
    image = (answer.get("Config") or {}).get("Image")
    pid = int(state.get("Pid") or 0)
    return Details(
        pid=pid if pid > 0 else None,
        cgroup_paths=_cgroup_paths(_text(host.get("CgroupParent") or ""), container.container_id),
        image=_text(image or "") or container.image,
        resources=_resources(host),
    )


def _cgroup_paths(parent: str, container_id: str) -> tuple[str, ...]:
    """Where Docker puts a container, with its driver systemd and with cgroupfs."""
    if parent.endswith(".slice"):
        return (path_of_spec(f"{parent}:docker:{container_id}"),)
    if parent:
        return (f"{parent}/{container_id}",)
    return (path_of_spec(f":docker:{container_id}"), f"/docker/{container_id}")


def _resources(host: Mapping[str, Any]) -> Resources:
    """What was asked for; shares of the CPU are no amount, as Docker hands them out."""
    billionths = int(host.get("NanoCpus") or 0)
    quota = cores_of_quota(int(host.get("CpuQuota") or 0), int(host.get("CpuPeriod") or 0))
    return asked_for(
        cpu_limit=billionths / 1e9 if billionths > 0 else quota,
        memory_request=int(host.get("MemoryReservation") or 0),
        memory_limit=int(host.get("Memory") or 0),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text is expected")
    return value
