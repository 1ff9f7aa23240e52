"""Metrics of allocators."""

from collections.abc import Iterator, Mapping

from wca.allocators.effects import Effect
from wca.metrics import CATALOGUE, Metric

__all__ = ["catalogued", "effect_metrics"]


def catalogued(name: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    """A metric of the catalogue."""
    entry = CATALOGUE[name]
    given = dict(labels or {})
    return Metric(name, value, given, entry.type, entry.help, entry.unit, entry.granularity)


def effect_metrics(effect: Effect, labels: Mapping[str, str]) -> Iterator[Metric]:
    """What is exported of the effect of an action.

    Args:
        effect: what it did.
        labels: who was acted on, with what, for whom.
    """
    given = {**labels, "signal": effect.signal}
    yield catalogued("allocation_effect_ratio", effect.ratio, given)
    yield catalogued("allocation_effect_confidence", effect.confidence, given)
    if effect.control is not None:
        yield catalogued("allocation_effect_control_ratio", effect.control, given)
