"""What a pod has asked for, by the rule that Kubernetes itself schedules by.

The sum over the containers that run together, or what the start takes where that is more; what is
given for the pod as a whole wins over its containers; while a pod is being resized, the most of
what it wants, what it was promised and what it has.

Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/, "Resource sharing
within containers"; https://kubernetes.io/docs/tasks/configure-pod-container/ for pod-level
resources and resizing.
"""

from collections.abc import Callable, Mapping

from wca.errors import ValidationError
from wca.nodes.kubernetes_client.documents import Document, entries, section, text
from wca.nodes.kubernetes_client.quantities import parse_quantity, to_number

__all__ = ["amounts", "pod_resources"]

#: Billionths by the name of the resource.
Amounts = Mapping[str, int]
#: What one container has asked for, of its specification and its status.
_OfContainer = Callable[[Document, Document], Amounts]

#: Resources that can be given for a pod as a whole, besides ``hugepages-*``.
_OF_PODS = ("cpu", "memory")
#: The names that WCA has for requests, whatever the orchestrator.
_ALIASES = {"cpus": "cpu", "mem": "memory", "disk": "ephemeral-storage"}


def pod_resources(spec: Document, status: Document) -> dict[str, float | int | str]:
    """``requests_<name>`` and ``limits_<name>`` of each resource, and ``cpus``, ``mem``, ``disk``.

    Cores, bytes or pieces. Limits are the sum over the containers that have one.

    Args:
        spec: of the pod.
        status: of the pod; what it lacks is not considered.

    Raises:
        ValidationError: an amount cannot be read.
    """
    requests, limits = _requests(spec, status), _limits(spec, status)
    named: dict[str, float | int | str] = {
        **{f"requests_{name}": to_number(amount) for name, amount in requests.items()},
        **{f"limits_{name}": to_number(amount) for name, amount in limits.items()},
    }
    for alias, name in _ALIASES.items():
        if name in requests:
            named[alias] = to_number(requests[name])
    return named


def amounts(document: Document, name: str) -> Amounts:
    """Billionths by the name of the resource; empty where there are none.

    Raises:
        ValidationError: one of them cannot be read.
    """
    return {key: _amount(key, value) for key, value in section(document, name).items()}


def _amount(name: str, value: object) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):  # JSON may have it bare
        value = repr(value)
    if not isinstance(value, str):
        raise ValidationError(f"its {name} is {type(value).__name__}, expected a quantity")
    return parse_quantity(value)


def _requests(spec: Document, status: Document) -> dict[str, int]:
    wanted = _aggregate(spec, status, lambda one, _: amounts(section(one, "resources"), "requests"))
    had = section(status, "resources")
    pod_had, pod_promised = amounts(had, "requests"), amounts(status, "allocatedResources")
    if pod_had and pod_promised:
        views = [pod_promised, pod_had]
    else:
        views = [_aggregate(spec, status, _promised), _aggregate(spec, status, _has)]
    requests = _most(*views) if _infeasible(status) else _most(wanted, *views)
    given = _of_pod(amounts(section(spec, "resources"), "requests"))
    if given:
        given = {} if _infeasible(status) else given
        requests.update(_of_pod(_most(given, pod_had, pod_promised)))
    return _sum(requests, amounts(spec, "overhead"))


def _limits(spec: Document, status: Document) -> dict[str, int]:
    wanted = _aggregate(spec, status, lambda one, _: amounts(section(one, "resources"), "limits"))
    pod_had = amounts(section(status, "resources"), "limits")
    has = pod_had or _aggregate(spec, status, _has_limits)
    limits = dict(has) if _infeasible(status) else _most(wanted, has)
    given = _of_pod(amounts(section(spec, "resources"), "limits"))
    if given:
        limits.update(_of_pod(_most({} if _infeasible(status) else given, pod_had)))
    overhead = amounts(spec, "overhead")
    return _sum(limits, {name: overhead[name] for name in overhead if limits.get(name)})


def _aggregate(spec: Document, status: Document, of: _OfContainer) -> dict[str, int]:
    """The sum over containers and sidecars, or what one moment of the start takes."""
    statuses = _statuses(status)
    running: dict[str, int] = {}
    for container in entries(spec, "containers"):
        running = _sum(running, of(container, statuses.get(container.get("name"), {})))
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    for container in entries(spec, "initContainers"):
        asked = of(container, statuses.get(container.get("name"), {}))
        if container.get("restartPolicy") == "Always":
            running, sidecars = _sum(running, asked), _sum(sidecars, asked)
            starting = _most(starting, sidecars)
        else:
            starting = _most(starting, _sum(sidecars, asked))
    return _most(running, starting)


def _statuses(status: Document) -> dict[object, Document]:
    found: dict[object, Document] = {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        found.update({text(one, "name"): one for one in entries(status, kind)})
    return found


def _promised(container: Document, status: Document) -> Amounts:
    return amounts(status, "allocatedResources") or _asked(container, status, "requests")


def _has(container: Document, status: Document) -> Amounts:
    return amounts(section(status, "resources"), "requests") or _promised(container, status)


def _has_limits(container: Document, status: Document) -> Amounts:
    return _asked(container, status, "limits")


def _asked(container: Document, status: Document, kind: str) -> Amounts:
    had = amounts(section(status, "resources"), kind)
    return had or amounts(section(container, "resources"), kind)


def _infeasible(status: Document) -> bool:
    """Whether the node has refused what the pod wants now."""
    return any(
        one.get("type") == "PodResizePending" and one.get("reason") == "Infeasible"
        for one in entries(status, "conditions")
    )


def _of_pod(given: Amounts) -> dict[str, int]:
    return {
        name: amount
        for name, amount in given.items()
        if name in _OF_PODS or name.startswith("hugepages-")
    }


def _sum(one: Amounts, other: Amounts) -> dict[str, int]:
    found = dict(one)
    for name, amount in other.items():
        found[name] = found.get(name, 0) + amount
    return found


def _most(*views: Amounts) -> dict[str, int]:
    found: dict[str, int] = {}
    for view in views:
        for name, amount in view.items():
            if amount > found.get(name, amount - 1):
                found[name] = amount
    return found
