"""OpenTelemetry spans of worker monitoring: there when somebody has set OpenTelemetry up.

This process' tracer provider is used, as ``opentelemetry-instrument`` or an application around
WCA sets it. Without it nothing is imported, and a span costs the call of a function.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from wca.workers.api import Notifier
from wca.workers.model import Alert, Reading, Sample

__all__ = ["Tracing", "TracingNotifier"]

_API = "opentelemetry.trace"
_NAME = "wca.workers"
#: Attributes of readings as the seed of WCA calls them; others are called as their metric.
_READINGS = {"cpu": "cpu_utilization", "memory": "memory_utilization"}


class Tracing:
    """Makes spans.

    Args:
        provider: a tracer provider of OpenTelemetry; None: that of this process, where it has one.
    """

    def __init__(self, provider: Any = None) -> None:
        if provider is None and _API in sys.modules:
            provider = sys.modules[_API].get_tracer_provider()
        self._tracer = None if provider is None else provider.get_tracer(_NAME)

    @property
    def active(self) -> bool:
        """Whether anybody gets the spans."""
        return self._tracer is not None

    def span(self, name: str, **attributes: str | int | float) -> AbstractContextManager[object]:
        """A span around a block, below the one that is open; an error that leaves it is in it."""
        if self._tracer is None:
            return nullcontext()
        span: AbstractContextManager[object] = self._tracer.start_as_current_span(
            name, attributes=attributes
        )
        return span

    def samples(self, samples: Sequence[Sample]) -> None:
        """One span for each worker that was polled: ``collect_worker_metrics``."""
        if self._tracer is None:
            return
        for sample in samples:
            worker = sample.worker
            with self.span(
                "collect_worker_metrics",
                worker_id=worker.id,
                aws_instance_id=worker.instance_id,
                **_values(sample.readings),
            ):
                pass

    def notification(
        self, notifier: str, alerts: Sequence[Alert]
    ) -> AbstractContextManager[object]:
        """A span around telling a receiver of alerts."""
        workers = ",".join(dict.fromkeys(alert.worker.id for alert in alerts))
        return self.span("notify", notifier=notifier, alerts=len(alerts), worker_id=workers)


class TracingNotifier:
    """A notifier around which each call is a span; in all else it is the one inside.

    Args:
        notifier: the one inside.
        tracing: makes the spans.
    """

    def __init__(self, notifier: Notifier, tracing: Tracing) -> None:
        self._notifier = notifier
        self._tracing = tracing

    @classmethod
    def around(cls, notifier: Notifier, tracing: Tracing) -> Notifier:
        """The notifier with spans, under its own name; as it is where nobody gets them."""
        if not tracing.active:
            return notifier
        kind = type(type(notifier).__name__, (cls,), {})
        return cast("Notifier", kind(notifier, tracing))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._notifier, name)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Send, in a span; see ``Notifier``."""
        with self._tracing.notification(type(self).__name__, alerts):
            self._notifier.send(alerts)


def _values(readings: Mapping[str, Reading]) -> dict[str, float]:
    return {
        _READINGS.get(name, name): reading.value
        for name, reading in readings.items()
        if reading.value is not None
    }
