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

__all__ = ["INSTANCE", "Discovery", "dimensions_by_instance"]

INSTANCE = "InstanceId"
#: Seconds after which metrics are listed again, and where an instance is not among them: a new
#: metric is listed after up to 15 minutes.
_AGE, _AGE_WITH_MISSING = 3600.0, 900.0

_ByInstance = Mapping[str, Dimensions]


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

        An instance that is not in it has published nothing for three hours. When metrics cannot be
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


def dimensions_by_instance(metrics: Iterable[Mapping[str, Any]]) -> dict[str, Dimensions]:
    """Of each instance the smallest set of dimensions, which is over the most of its parts.

    Args:
        metrics: of the answer of ListMetrics.
    """
    found: dict[str, Dimensions] = {}
    for metric in metrics:
        pairs = sorted((one["Name"], one["Value"]) for one in metric.get("Dimensions", ()))
        dimensions = tuple(pairs)
        instance = dict(pairs).get(INSTANCE)
        if instance is None:
            continue
        known = found.get(instance)
        if known is None or (len(dimensions), dimensions) < (len(known), known):
            found[instance] = dimensions
    return found
