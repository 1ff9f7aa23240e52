"""Who is told of domain events: a bus within the process."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from wca.errors import PLUGIN_ERRORS, ValidationError
from wca.workers.cml.domain_events import DomainEvent

__all__ = ["EventBus", "integration_event_handler"]

log = logging.getLogger(__name__)

_MARK = "integration_event_types"

Handler = Callable[[Any], Awaitable[None]]
_Function = TypeVar("_Function", bound=Callable[..., Awaitable[None]])


def integration_event_handler(
    *event_types: type[DomainEvent],
) -> Callable[[_Function], _Function]:
    """Say of which events a coroutine function wants to be told; ``EventBus.register`` reads it.

    Args:
        event_types: classes of events.

    Raises:
        ValidationError: one is none.
    """
    for event_type in event_types:
        if not (isinstance(event_type, type) and issubclass(event_type, DomainEvent)):
            raise ValidationError(
                f"integration_event_handler: {event_type!r} is no domain event: write a class such "
                "as CMLWorkerCreatedDomainEvent"
            )

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, event_types)
        return function

    return mark


class EventBus:
    """Tells handlers of events, one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self._handlers: dict[type[DomainEvent], list[Handler]] = {}

    def register(self, handler: Handler) -> None:
        """Add a handler that ``integration_event_handler`` has marked; twice is once.

        Raises:
            ValidationError: it is not marked.
        """
        for event_type in _types_of(handler):
            handlers = self._handlers.setdefault(event_type, [])
            if handler not in handlers:
                handlers.append(handler)

    def unregister(self, handler: Handler) -> None:
        """Tell it of nothing any more."""
        for event_type in _types_of(handler):
            handlers = self._handlers.get(event_type, [])
            if handler in handlers:
                handlers.remove(handler)

    async def publish_async(self, event: DomainEvent) -> None:
        """Tell all handlers of this class of event; what one of them raises is logged."""
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                await handler(event)
            except PLUGIN_ERRORS as error:
                log.error(  # noqa: TRY400 - one sentence
                    "A handler of %s failed for %s: %s", event.type, event.aggregate_id, error
                )


def _types_of(handler: Handler) -> tuple[type[DomainEvent], ...]:
    types: tuple[type[DomainEvent], ...] = getattr(handler, _MARK, ())
    if not types:
        raise ValidationError(
            f"{handler!r} handles no event: decorate it with @integration_event_handler(EVENT)"
        )
    return types
