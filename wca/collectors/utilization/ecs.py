"""``EcsUtilizationCollector``: what an ECS task uses of what it may use."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.utilization.rates import Growth
from wca.config.types import Duration, Url
from wca.errors import WcaError
from wca.http_client.service import HttpService
from wca.metrics import Measurements

__all__ = ["EcsUtilizationCollector"]

_CPU, _MEMORY = "ecs_cpu_utilization_ratio", "ecs_mem_utilization_ratio"
_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
_MIB = 1 << 20
#: The type of the container that only holds the network of the others, and has no limits.
_PAUSE = "CNI_PAUSE"
#: Docker writes nine digits of a second, of which Python takes six.
_FRACTION = re.compile(r"(\.\d{6})\d+")
#: Page cache that can be taken back at once, as cgroup v2 and v1 call it.
_INACTIVE = ("inactive_file", "total_inactive_file", "cache")


class EcsUtilizationCollector(Collector):
    """CPU time and memory of all containers of an ECS task, as parts of the task's limits.

    The agent is one container of the task: what it tells is the task's, on Fargate and on EC2.
    Without a limit of the task, those of its containers count together if each has one, otherwise
    those of the machine; what a container uses beyond its shares of CPU time is all of it, here. A
    container that is new, or began anew, has no CPU number for one reading. ECS itself looks about
    once in a second.

    Source: task metadata endpoint version 4, ``/task`` and ``/task/stats``.

    Args:
        uri: of the endpoint; the environment variable ECS_CONTAINER_METADATA_URI_V4 when left out.
        timeout: for one answer.
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    blocking = True
    emits = (_CPU, _MEMORY)

    def __init__(
        self,
        uri: Annotated[str, Url()] | None = None,
        timeout: Annotated[float, Duration(0.01, 60)] = 1.0,
        interval: Annotated[float, INTERVAL] | None = None,
    ) -> None:
        super().__init__(interval)
        self.uri = uri
        self.timeout = timeout

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Find out the limits. Raises NotAvailable."""
        del target
        uri = self.uri or os.environ.get(_VARIABLE)
        if not uri:
            raise NotAvailable(f"this is no ECS task: {_VARIABLE} is not set")
        service = HttpService(self.timeout, "application/json", most_bytes=8 << 20)
        try:
            return _Probe(service, uri.rstrip("/"))
        except BaseException:
            service.close()
            raise


class _Probe:
    def __init__(self, service: HttpService, uri: str) -> None:
        self._service = service
        self._uri = uri
        task = self._ask("/task")
        self._cpus, self._memory = _limits(task)
        self._used: dict[str, _Cores] = {}

    def read(self, out: Measurements) -> None:
        """Add the ratios that can be told. Raises WcaError where nothing answers."""
        stats = {name: one for name, one in self._ask("/task/stats").items() if one}
        self._used = {name: self._used.get(name) or _Cores() for name in stats}
        cores: float | None = None
        memory = 0.0
        for name, one in stats.items():
            used = self._used[name].of(one)
            if used is not None:
                cores = (cores or 0.0) + used
            memory += _working_set(one)
        limit = self._cpus or max((_online(one) for one in stats.values()), default=0.0)
        if cores is not None and limit:
            out[_CPU] = min(1.0, cores / limit)
        bytes_ = self._memory or max((_memory_limit(one) for one in stats.values()), default=0.0)
        if stats and bytes_:
            out[_MEMORY] = min(1.0, memory / bytes_)

    def close(self) -> None:
        """Close the connection; safe twice."""
        self._service.close()

    def _ask(self, path: str) -> dict[str, Any]:
        try:
            found = json.loads(self._service.ask("GET", self._uri + path))
        except ValueError as error:
            raise WcaError(f"{self._uri}{path} answers with no JSON: {error}") from None
        if not isinstance(found, dict):
            raise WcaError(f"{self._uri}{path} answers with another form of JSON")
        return found


class _Cores:
    """Cores that a container uses, by the newest of its readings: each is at a time of its own."""

    def __init__(self) -> None:
        self._growth = Growth()
        self._moment: float | None = None
        self._cores: float | None = None

    def of(self, stats: Mapping[str, Any]) -> float | None:
        """Between the newest reading and the one before; None: there is none, or it began anew."""
        usage = _mapping(_mapping(stats.get("cpu_stats")).get("cpu_usage")).get("total_usage")
        moment = _moment(stats.get("read"))
        if usage is None or moment is None:
            return None
        if moment != self._moment:
            self._moment = moment
            grown = self._growth.since(moment, _number(usage) / 1e9)
            self._cores = None if grown is None else grown[1] / grown[0]
        return self._cores


def _limits(task: Mapping[str, Any]) -> tuple[float, float]:
    """Cores and bytes of the task; 0 where nobody says."""
    own = _mapping(task.get("Limits"))
    containers = [
        _mapping(one.get("Limits"))
        for one in task.get("Containers") or []
        if isinstance(one, Mapping) and one.get("Type") != _PAUSE
    ]
    cpus = _number(own.get("CPU")) or _sum_of_all(containers, "CPU") / 1024
    memory = _number(own.get("Memory")) or _sum_of_all(containers, "Memory")
    return cpus, memory * _MIB


def _sum_of_all(containers: Sequence[Mapping[str, Any]], name: str) -> float:
    """The sum of a limit that every container has; otherwise 0, as those without may use more."""
    limits = [_number(one.get(name)) for one in containers]
    return sum(limits) if all(limits) else 0.0


def _working_set(stats: Mapping[str, Any]) -> float:
    memory = _mapping(stats.get("memory_stats"))
    details = _mapping(memory.get("stats"))
    inactive = next((details[name] for name in _INACTIVE if name in details), 0)
    return max(0.0, _number(memory.get("usage")) - _number(inactive))


def _online(stats: Mapping[str, Any]) -> float:
    return _number(_mapping(stats.get("cpu_stats")).get("online_cpus"))


def _memory_limit(stats: Mapping[str, Any]) -> float:
    return _number(_mapping(stats.get("memory_stats")).get("limit"))


def _moment(text: object) -> float | None:
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", str(text)))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if usable else 0.0  # type: ignore[arg-type]
