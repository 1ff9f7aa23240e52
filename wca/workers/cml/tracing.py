"""Spans of the seed's API, for an application that has OpenTelemetry set up; else nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Span", "span"]

#: Whoever has set it up has imported it.
_API = "opentelemetry.trace"


class Span(Protocol):
    """What is done with a span."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Note something about what is done."""


class _NoSpan:
    def set_attribute(self, key: str, value: Any) -> None:
        pass


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Span]:
    """A span around a block; an exception that leaves it is recorded, and is the span's status.

    Args:
        name: of what is done.
        attributes: of the span.
    """
    trace = sys.modules.get(_API)
    if trace is None:
        yield _NoSpan()
        return
    tracer = trace.get_tracer("wca.workers")
    with tracer.start_as_current_span(name, attributes=attributes) as current:
        yield current
