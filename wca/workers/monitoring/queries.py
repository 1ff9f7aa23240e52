"""Which metrics are read of each running worker, as a configuration has them."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Required, TypedDict

from wca.config.types import Duration, Str
from wca.errors import ValidationError
from wca.workers.model import MetricQuery
from wca.workers.monitoring.states import CPU, MEMORY

__all__ = ["DEFAULT_QUERIES", "DISCOVER", "MetricFields", "read_queries"]

#: Dimensions are found out by ListMetrics.
DISCOVER = "discover"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
_MINUTE = 60

DEFAULT_QUERIES = (
    MetricQuery(CPU, "AWS/EC2", "CPUUtilization"),
    MetricQuery(MEMORY, "CWAgent", "mem_used_percent", dimensions=None),
)


class MetricFields(TypedDict, total=False):
    """One metric of CloudWatch."""

    name: Required[Annotated[str, Str(60)]]
    namespace: Required[Annotated[str, Str(255)]]
    metric: Required[Annotated[str, Str(255)]]
    stat: Literal["Average", "Minimum", "Maximum", "Sum", "SampleCount"]
    period: Annotated[float, Duration(_MINUTE, 86_400)]
    dimensions: dict[str, str] | Literal["discover"]


def read_queries(fields: Sequence[MetricFields] | None) -> tuple[MetricQuery, ...]:
    """The queries that fields describe; those of the default where there are none.

    Args:
        fields: of the configuration; None: CPU and memory.

    Raises:
        ValidationError: a name that is taken or cannot be one, or a period of no whole minutes.
    """
    if fields is None:
        return DEFAULT_QUERIES
    queries: dict[str, MetricQuery] = {}
    for place, one in enumerate(fields):
        name, period = one["name"], one.get("period", 300)
        if not _NAME.fullmatch(name):
            raise ValidationError(
                f"metrics[{place}]: a name has lower case letters, digits and _, and begins with a "
                f"letter; got {name!r}"
            )
        if name in queries:
            raise ValidationError(
                f"metrics[{place}]: another metric is called {name!r}: write another name"
            )
        if period % _MINUTE:
            raise ValidationError(
                f"metrics[{place}]: CloudWatch knows periods of whole minutes, got {period:g} s"
            )
        dimensions = one.get("dimensions", {})
        queries[name] = MetricQuery(
            name,
            one["namespace"],
            one["metric"],
            one.get("stat", "Average"),
            int(period),
            None if isinstance(dimensions, str) else dict(dimensions),
        )
    return tuple(queries.values())
