"""HELP of values that may be old: what is kept for more than a minute says so.

Source: https://prometheus.io/docs/instrumenting/writing_exporters/#scheduling.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from wca.metrics.metadata import MetricMetadata

__all__ = ["READ_ONCE", "age_note", "with_ages"]

#: How the HELP ends of what does not change as long as the agent runs.
READ_ONCE = "Read once, when the agent starts."
_MINUTE = 60.0
_NOTE = re.compile(r" (?:Up to [0-9.e+]+ s old\.|" + re.escape(READ_ONCE) + ")$")


def with_ages(
    catalogue: Mapping[str, MetricMetadata], ages: Mapping[str, float]
) -> dict[str, MetricMetadata]:
    """The same entries, where those whose values may be older than a minute say so.

    Args:
        catalogue: entries by name of the metric.
        ages: seconds between two readings, by name of the metric; others are read often enough.
    """
    return {name: _with_age(entry, ages.get(name, 0.0)) for name, entry in catalogue.items()}


def age_note(text: str | None) -> str:
    """What the HELP of a metric says of the age of its values, with the space before it."""
    note = _NOTE.search(text or "")
    return note[0] if note else ""


def _with_age(entry: MetricMetadata, seconds: float) -> MetricMetadata:
    if seconds <= _MINUTE or age_note(entry.help):
        return entry
    return replace(entry, help=f"{entry.help} Up to {seconds:.15g} s old.")
