"""The routes of the status page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wca.http.api import Request, Response, Route, Stream
from wca.status.status import Status
from wca.web.pages import HEADERS, page_routes

__all__ = ["StatusPages"]

#: Files that the page loads, beside those of all pages.
_PARTS = ("status.css", "status.js")


class StatusPages:
    """Shows the status of this agent on its HTTP server.

    Args:
        stage: comes last in each iteration, and knows what is shown.
    """

    def __init__(self, stage: Status) -> None:
        self.stage = stage

    def routes(self) -> Sequence[Route]:
        """The page, its parts and what it asks for."""
        return [
            *page_routes("/status", "wca.status", "status.html", _PARTS, "Status"),
            Route("/status.json", self._document),
            Route("/status/events", self._events),
        ]

    def close(self, timeout: float = 1.0) -> None:  # noqa: ARG002 - the contract's parameter
        """End the live views."""
        self.stage.channel.close()

    def _document(self, request: Request) -> Response:
        """Everything; with ``history=no`` only the last point of each task."""
        history = request.query.get("history") != "no"
        body = _encoded(self.stage.document(history=history))
        return Response(body, "application/json", headers=HEADERS)

    def _events(self, _request: Request) -> Stream:
        return Stream(self.stage.channel.follow)


def _encoded(document: Mapping[str, Any]) -> bytes:
    """JSON, task by task: encoding lets no other thread run, and a thousand lines take a while."""
    rest = json.dumps({name: one for name, one in document.items() if name != "tasks"})
    tasks = ", ".join(map(json.dumps, document["tasks"]))
    return f'{rest[:-1]}, "tasks": [{tasks}]}}'.encode()
