"""What a configuration says of names, units and dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypedDict

from wca.config.types import Constraint, Numeric, Str
from wca.errors import ValidationError
from wca.storage.cloudwatch_client.datums import Naming
from wca.storage.cloudwatch_client.limits import (
    MOST_DIMENSIONS,
    UNITS,
    check_dimension,
    check_metric_name,
)

__all__ = ["MetricName", "naming"]

_NAME = Str(255)


@dataclass(frozen=True)
class UnitName(Constraint):
    """A unit of CloudWatch: ``Percent``, ``Megabytes``."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is none."""
        if value not in UNITS:
            raise ValidationError(f"{value!r} is no unit: {', '.join(UNITS)}")


class MetricName(TypedDict, total=False):
    """What a metric is called there, its unit, and what its values are multiplied by."""

    name: Annotated[str, _NAME]
    unit: Annotated[str, UnitName()]
    factor: Annotated[float, Numeric(None, None)]


def naming(
    dimensions: Mapping[str, str] | None,
    label_dimensions: Sequence[str] | Mapping[str, str] | None,
    metrics: Mapping[str, MetricName] | None,
    statistic_sets: Sequence[str] | None = None,
) -> Naming:
    """The fields of a storage, checked.

    Raises:
        ValidationError: CloudWatch would refuse one of them.
    """
    labels = label_dimensions or {}
    if not isinstance(labels, Mapping):
        labels = {label: label for label in labels}
    if len(dimensions or {}) > MOST_DIMENSIONS:
        raise ValidationError(
            f"a metric has at most {MOST_DIMENSIONS} dimensions there, and these are "
            f"{len(dimensions or {})}"
        )
    for name, value in (dimensions or {}).items():
        check_dimension(name, value)
    for name in labels.values():
        check_dimension(name, "a value")
    names: dict[str, str] = {}
    units: dict[str, str] = {}
    factors: dict[str, float] = {}
    for metric, options in (metrics or {}).items():
        names[metric] = options.get("name", metric)
        check_metric_name(names[metric])
        if "factor" in options:
            factors[metric] = options["factor"]
        if "unit" in options:
            UnitName().check(options["unit"])
            units[names[metric]] = options["unit"]
    return Naming(names, units, factors, dimensions or {}, labels, tuple(statistic_sets or ()))
