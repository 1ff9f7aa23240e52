"""Under which dimensions an agent publishes a metric: CloudWatch only answers to the exact set."""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wca.clock import Clock
from wca.workers.aws.apis import LIST_METRICS
from wca.workers.aws.calls import Calls
from wca.workers.aws.errors import AwsError
from wca.workers.aws.metric_data import Dimensions
from wca.workers.model import MetricQuery, Shard

__all__ = ["INSTANCE", "Discovery", "dimensions_by_instance", "part_of"]

INSTANCE = "InstanceId"
#: Dimensions that are the same for all of an instance: the CloudWatch agent adds them on demand.
_OF_INSTANCE = (INSTANCE, "ImageId", "InstanceType", "AutoScalingGroupName")
#: File systems that cannot be written, so that they are always full: images of packages and disks.
_FILE_SYSTEM, _READ_ONLY = "fstype", ("squashfs", "iso9660", "erofs", "cramfs")
#: Seconds after which metrics are listed again, and where an instance is not among them: a new
#: metric is listed after up to 15 minutes.
_AGE, _AGE_WITH_MISSING = 3600.0, 900.0

_ByInstance = Mapping[str, tuple[Dimensions, ...]]


@dataclass(frozen=True, slots=True)
class _Listed:
    by_instance: _ByInstance
    at: float


class Discovery:
    """Lists the metrics of a shard when that is due, and remembers them. Thread-safe.

    Args:
        calls: makes the calls.
        clock: time.
    """

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._lock = threading.Lock()
        self._listed: dict[tuple[Shard, str, str], _Listed] = {}

    def of(
        self, shard: Shard, query: MetricQuery, instance_ids: Collection[str]
    ) -> tuple[_ByInstance, str]:
        """The dimensions of a metric by instance id, and a problem; empty: there is none.

        Where an instance publishes it of several parts, as of its disks, it has several. An
        instance that is not in it has published nothing for three hours. When metrics cannot be
        listed, what was listed before is used.

        Raises:
            AwsError: metrics cannot be listed, and never were.
        """
        key = (shard, query.namespace, query.metric)
        with self._lock:
            known = self._listed.get(key)
        if known is not None and not self._is_due(known, instance_ids):
            return known.by_instance, ""
        try:
            listed = _Listed(self._list(shard, query), self._clock.monotonic())
        except AwsError as error:
            if known is None:
                raise
            return known.by_instance, str(error)
        with self._lock:
            self._listed[key] = listed
        return listed.by_instance, ""

    def _is_due(self, known: _Listed, instance_ids: Collection[str]) -> bool:
        age = self._clock.monotonic() - known.at
        missing = any(id_ not in known.by_instance for id_ in instance_ids)
        return age >= (_AGE_WITH_MISSING if missing else _AGE)

    def _list(self, shard: Shard, query: MetricQuery) -> _ByInstance:
        pages = self._calls.pages(
            shard,
            LIST_METRICS,
            Namespace=query.namespace,
            MetricName=query.metric,
            Dimensions=[{"Name": INSTANCE}],
            RecentlyActive="PT3H",
        )
        return dimensions_by_instance(metric for page in pages for metric in page["Metrics"])


def dimensions_by_instance(
    metrics: Iterable[Mapping[str, Any]],
) -> dict[str, tuple[Dimensions, ...]]:
    """Of each instance the sets of dimensions under which a metric is read.

    These are the sets with the fewest names: what is published of all parts together is read, and
    no part of it; what is published of each part alone is read of each. File systems that are
    always full, since nobody can write them, are left out.

    Args:
        metrics: of the answer of ListMetrics.
    """
    found: dict[str, dict[tuple[str, ...], set[Dimensions]]] = {}
    for metric in metrics:
        dimensions = tuple(
            sorted((one["Name"], one["Value"]) for one in metric.get("Dimensions", ()))
        )
        values = dict(dimensions)
        if INSTANCE in values and values.get(_FILE_SYSTEM) not in _READ_ONLY:
            sets = found.setdefault(values[INSTANCE], {})
            sets.setdefault(tuple(values), set()).add(dimensions)
    return {id_: tuple(sorted(sets[_fewest(sets)])) for id_, sets in found.items()}


def _fewest(sets: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return min(sets, key=lambda names: (len(names), names))


def part_of(dimensions: Dimensions) -> str:
    """The part of an instance that a metric is about; empty: it is about all of it."""
    return ",".join(f"{name}={value}" for name, value in dimensions if name not in _OF_INSTANCE)
