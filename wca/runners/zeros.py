"""Counters that are known before there is anything to count, as 0.

Whoever computes the increase of a counter needs to see it before its first event.
"""

from collections.abc import Mapping
from typing import Any

from wca.metrics import Measurements

__all__ = ["with_zeros"]

#: Loggers appear with their first message; the package is known before.
_LOGGERS = {"wca": 0}
#: Why any storage may lose a sample, and one in which messages wait.
_LOSSES = ("failed", "rejected")
_LOSSES_IN_QUEUES = ("expired", "queue_full", "refused")


def with_zeros(values: Measurements) -> Measurements:
    """The measurements of the agent with what has not been counted yet."""
    dropped = values.get("wca_dropped_samples", {})
    waiting = values.get("wca_waiting_bytes", {})
    return {
        **values,
        "wca_warning_count": _LOGGERS | values.get("wca_warning_count", {}),
        "wca_error_count": _LOGGERS | values.get("wca_error_count", {}),
        "wca_dropped_samples": {
            storage: _losses(storage, waiting) | dropped.get(storage, {})
            for storage in values.get("wca_collected_samples", {})
        },
    }


def _losses(storage: str, waiting: Mapping[str, Any]) -> dict[str, int]:
    return dict.fromkeys((*_LOSSES, *(_LOSSES_IN_QUEUES if storage in waiting else ())), 0)
