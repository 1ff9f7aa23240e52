"""The agent as a configuration file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.cloudwatch.options import AgentOptions, Scope, Values

__all__ = ["configuration_of"]

_CPU, _MEMORY, _THROTTLED = "CPUUtilization", "MemoryUtilization", "CPUThrottled"


@dataclass(frozen=True)
class _Source:
    """Where numbers come from in one scope.

    Args:
        node: finds what is measured.
        collector: measures it.
        cpu: ratio of CPU time in use.
        memory: of memory.
        throttled: of throttled periods; empty: there is none.
    """

    node: str
    collector: str
    cpu: str
    memory: str
    throttled: str = ""


_SOURCES = {
    Scope.HOST: _Source(
        "!StaticNode {tasks: []}",
        "!NodeUtilizationCollector {}",
        "platform_cpu_utilization_ratio",
        "platform_mem_utilization_ratio",
    ),
    Scope.CONTAINER: _Source(
        "!OwnCgroupNode {}",
        "!TaskUtilizationCollector {}",
        "task_cpu_utilization_ratio",
        "task_mem_utilization_ratio",
        "task_cpu_throttled_ratio",
    ),
    Scope.TREE: _Source(
        "!OwnCgroupNode {}",
        "!ProcessTreeUtilizationCollector {}",
        "task_cpu_utilization_ratio",
        "task_mem_utilization_ratio",
    ),
    Scope.TASK: _Source(
        "!StaticNode {tasks: []}",
        "!EcsUtilizationCollector {}",
        "ecs_cpu_utilization_ratio",
        "ecs_mem_utilization_ratio",
    ),
}
_PARTS = ("count", "sum", "min", "max")


def configuration_of(options: AgentOptions) -> str:
    """The text of a configuration file that does what the options say.

    Args:
        options: of the agent.
    """
    source = _SOURCES[options.scope]
    aggregate = _aggregate(options, source)
    lines = [
        "runner: !MeasurementRunner",
        f"  node: {source.node}",
        f"  interval: {options.sample_interval:g}",
        f"  collectors: [{source.collector}]",
        f"  shutdown_timeout: {options.shutdown_timeout:g}",
        "  metrics_storage: !FilterStorage",
        f"    filter: {_flow(list(aggregate))}",
        "    storages:",
        "    - !AggregatingStorage",
        f"      window: {options.period}",
        "      timestamp: start",
        "      aggregate:",
        *(f"        {name}: {_flow(statistics)}" for name, statistics in aggregate.items()),
        "      storages:",
        "      - !CloudWatchStorage",
        *(f"        {name}: {_flow(value)}" for name, value in _cloudwatch(options, aggregate)),
    ]
    return "\n".join(lines) + "\n"


def _aggregate(options: AgentOptions, source: _Source) -> dict[str, dict[str, str]]:
    """Statistics by the name of their result, by metric."""
    named = {source.cpu: _CPU, source.memory: _MEMORY}
    if options.more and source.throttled:
        named[source.throttled] = _THROTTLED
    if options.values is Values.STATISTICS:
        return {
            metric: {f"{name}_{part}": part for part in _PARTS} for metric, name in named.items()
        }
    if options.values is Values.DISTRIBUTION:
        return {metric: {name: "each"} for metric, name in named.items()}
    found = {
        source.cpu: {_CPU: "median"},
        source.memory: {_MEMORY: "median", f"Max{_MEMORY}": "max"},
    }
    if options.more:
        found[source.cpu][f"Max{_CPU}"] = "max"
        if source.throttled:
            found[source.throttled] = {_THROTTLED: "mean"}
    return found


def _cloudwatch(
    options: AgentOptions, aggregate: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Any]]:
    """The fields of the storage."""
    results = [name for statistics in aggregate.values() for name in statistics]
    yield "namespace", options.namespace
    yield "dimensions", {"ServiceName": options.service, **options.dimensions}
    yield "metrics", _metrics(results)
    if options.values is Values.STATISTICS:
        yield "statistic_sets", list(dict.fromkeys(name.rpartition("_")[0] for name in results))
    if options.values is Values.DISTRIBUTION:
        yield "merged_into", "values"
    yield "resolution", options.resolution
    if options.region:
        yield "region", options.region
    if options.endpoint_url:
        yield "endpoint_url", options.endpoint_url
    if options.dry_run:
        yield "dry_run", True
    if options.spool and not options.dry_run:
        yield "spool", {"path": options.spool}


def _metrics(results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Ratios as percent; of a statistic set the count is none."""
    found: dict[str, dict[str, Any]] = {}
    for name in results:
        base, _, part = name.rpartition("_")
        if base and part == "count":
            continue
        found[name] = {"factor": 100}
        if not base:
            found[name]["unit"] = "Percent"
        elif base not in found:
            found[base] = {"unit": "Percent"}
    return found


def _flow(value: object) -> str:
    """A value as YAML in one line; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
