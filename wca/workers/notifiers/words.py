"""What notifiers of different receivers say alike. Pure functions."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wca.workers.model import Alert

__all__ = ["cut", "details", "encoded", "headline", "rfc3339"]


def rfc3339(moment: float) -> str:
    """A moment, Unix seconds, as RFC 3339 has it, in UTC with milliseconds."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def headline(alert: Alert) -> str:
    """One line for people: the rule, and what it says."""
    return f"{alert.rule}: {alert.summary}" if alert.summary else alert.rule


def details(alert: Alert) -> dict[str, Any]:
    """All that is known of an alert, with plain names and values."""
    worker = alert.worker
    return {
        "key": alert.key,
        "state": str(alert.state),
        "rule": alert.rule,
        "severity": str(alert.severity),
        "summary": alert.summary,
        "value": alert.value,
        "since": rfc3339(alert.since),
        "fired_at": None if alert.fired_at is None else rfc3339(alert.fired_at),
        "resolved_at": None if alert.resolved_at is None else rfc3339(alert.resolved_at),
        "worker": {
            "id": worker.id,
            "name": worker.title,
            "account": worker.account,
            "region": worker.region,
            "instance_id": worker.instance_id,
            "tags": dict(worker.tags),
        },
    }


def cut(text: str, most: int) -> str:
    """A text of at most so many characters; one that is longer ends with ``...``."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def encoded(document: Mapping[str, Any] | list[Any]) -> bytes:
    """JSON as it is sent."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
