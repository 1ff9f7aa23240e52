"""The contract of what the agent's HTTP server shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = ["ContributesRoutes", "Request", "Response", "Route"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    Args:
        method: ``GET`` or ``HEAD``.
        path: without the query.
        query: parameters by name, the last value of each.
        headers: by name in lower case; values of a header given twice are joined with a comma.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered.

    Args:
        body: the whole of it.
        content_type: with its parameters.
        status: HTTP status code.
        headers: further headers.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One page.

    Args:
        path: exactly this path, such as ``/metrics``.
        respond: answers a request; called on a thread of the server, several at once; must not
            wait for anything but a lock held briefly.
        title: what the landing page calls it; empty: it is not listed there.
    """

    path: str
    respond: Callable[[Request], Response]
    title: str = ""


@runtime_checkable
class ContributesRoutes(Protocol):
    """The optional ability of a component to show pages on the agent's HTTP server."""

    def routes(self) -> Sequence[Route]:
        """Its pages; called once, before the server starts."""
