"""Counters that are known before there is anything to count, as 0.

Whoever computes the increase of a counter needs to see it before its first event.
"""

from wca.metrics import Measurements

__all__ = ["with_zeros"]

#: Loggers appear with their first message; the package is known before.
_LOGGERS = {"wca": 0}


def with_zeros(values: Measurements) -> Measurements:
    """The measurements of the agent with what has not been counted yet."""
    return {
        **values,
        "wca_warning_count": _LOGGERS | values.get("wca_warning_count", {}),
        "wca_error_count": _LOGGERS | values.get("wca_error_count", {}),
    }
