"""The routes of the dashboard."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as LateError
from importlib import resources
from typing import Any

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.http.api import Request, Response, Route, Stream
from wca.workers.api import History
from wca.workers.dashboard.board import Board
from wca.workers.model import HistoryPoint
from wca.workers.monitoring.lanes import Lane

__all__ = ["Dashboard"]

#: The page loads nothing of others and is shown in no frame; what it shows is text, never HTML.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
_FILES = {
    "/workers": ("index.html", "text/html; charset=utf-8"),
    "/workers/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
    "/workers/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
}
#: Seconds that are shown where nobody says since when, and that the history may take to answer.
_DAY, _PATIENCE = 86_400.0, 5.0
#: Points of a history that a page can show; of more, every so many is left out.
_MOST_POINTS = 2000


class Dashboard:
    """Shows a fleet on the agent's HTTP server.

    Args:
        history: what was found earlier; None: none is kept.
        lane: the thread on which the history is asked.
        clock: time.
        agent: the name of this agent, where there are several; empty: there is only one.
    """

    def __init__(self, history: History | None, lane: Lane, clock: Clock, agent: str = "") -> None:
        self._history = history
        self._lane = lane
        self._clock = clock
        self.board = Board(clock.monotonic, agent)

    def routes(self) -> Sequence[Route]:
        """The page, its parts and what it asks for."""
        return [
            *(
                Route(path, _file(*file), "Workers" * (path == "/workers"))
                for path, file in _FILES.items()
            ),
            Route("/api/workers", self._workers),
            Route("/api/workers/history", self._past),
            Route("/api/events", self._events),
        ]

    def close(self, timeout: float = 1.0) -> None:  # noqa: ARG002 - the contract's parameter
        """End the live views."""
        self.board.close()

    def _workers(self, _request: Request) -> Response:
        return _json({"at": self._clock.now(), "workers": self.board.rows()})

    def _events(self, _request: Request) -> Stream:
        return Stream(self.board.follow)

    def _past(self, request: Request) -> Response:
        """The history of one worker: ``worker``, and ``since`` and ``until`` in Unix seconds."""
        worker_id = request.query.get("worker", "")
        now = self._clock.now()
        try:
            until = float(request.query.get("until", now))
            since = float(request.query.get("since", until - _DAY))
        except ValueError:
            return _json({"error": "since and until are Unix times in seconds"}, 400)
        if not worker_id:
            return _json({"error": "say whose history: ?worker=ID"}, 400)
        if self._history is None:
            return _json({"error": "no history is kept: write history in the configuration"}, 404)
        try:
            answer = self._lane.submit(self._history.query, worker_id, since, until)
            points = answer.result(_PATIENCE)
        except LateError:
            return _json({"error": f"the history has not answered for {_PATIENCE:g} s"}, 503)
        except PLUGIN_ERRORS as error:
            return _json({"error": f"the history cannot tell: {error}"}, 503)
        return _json({"worker": worker_id, "points": [_point(one) for one in _thinned(points)]})


def _file(name: str, content_type: str) -> Callable[[Request], Response]:
    body = resources.files("wca.workers.dashboard").joinpath("static", name).read_bytes()
    response = Response(body, content_type, headers=_HEADERS)
    return lambda _request: response


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value).encode(), "application/json", status)


def _point(point: HistoryPoint) -> Mapping[str, Any]:
    return {"at": point.at, "state": point.state.value, "values": dict(point.values)}


def _thinned(points: Sequence[HistoryPoint]) -> Sequence[HistoryPoint]:
    return points[:: -(-len(points) // _MOST_POINTS) or 1]
