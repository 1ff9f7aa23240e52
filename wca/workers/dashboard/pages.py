"""The routes of the dashboard."""

from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as LateError
from typing import Any

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.http.api import Request, Response, Route, Stream
from wca.web.pages import json_response, page_routes
from wca.workers.api import History
from wca.workers.dashboard.board import Board
from wca.workers.model import HistoryPoint
from wca.workers.monitoring.lanes import Lane

__all__ = ["Dashboard"]

#: Files that the page loads, beside those of all pages.
_PARTS = ("workers.css", "workers.js")
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
    """

    def __init__(self, history: History | None, lane: Lane, clock: Clock) -> None:
        self._history = history
        self._lane = lane
        self._clock = clock
        self.board = Board(clock.monotonic)

    def routes(self) -> Sequence[Route]:
        """The page, its parts and what it asks for."""
        return [
            *page_routes("/workers", "wca.workers.dashboard", "workers.html", _PARTS, "Workers"),
            Route("/api/workers", self._workers),
            Route("/api/workers/history", self._past),
            Route("/api/events", self._events),
        ]

    def close(self, timeout: float = 1.0) -> None:  # noqa: ARG002 - the contract's parameter
        """End the live views."""
        self.board.channel.close()

    def _workers(self, _request: Request) -> Response:
        return json_response({"at": self._clock.now(), "workers": self.board.rows()})

    def _events(self, _request: Request) -> Stream:
        return Stream(self.board.channel.follow)

    def _past(self, request: Request) -> Response:
        """The history of one worker: ``worker``, and ``since`` and ``until`` in Unix seconds."""
        worker_id = request.query.get("worker", "")
        now = self._clock.now()
        try:
            until = float(request.query.get("until", now))
            since = float(request.query.get("since", until - _DAY))
        except ValueError:
            return _refusal(400, "since and until are Unix times in seconds")
        if not worker_id:
            return _refusal(400, "say whose history: ?worker=ID")
        if self._history is None:
            return _refusal(404, "no history is kept: write history in the configuration")
        try:
            answer = self._lane.submit(self._history.query, worker_id, since, until)
            points = answer.result(_PATIENCE)
        except LateError:
            return _refusal(503, f"the history has not answered for {_PATIENCE:g} s")
        except PLUGIN_ERRORS as error:
            return _refusal(503, f"the history cannot tell: {error}")
        told = [_point(one) for one in _thinned(points)]
        return json_response({"worker": worker_id, "points": told})


def _refusal(status: int, sentence: str) -> Response:
    return json_response({"error": sentence}, status)


def _point(point: HistoryPoint) -> Mapping[str, Any]:
    return {"at": point.at, "state": point.state.value, "values": dict(point.values)}


def _thinned(points: Sequence[HistoryPoint]) -> Sequence[HistoryPoint]:
    return points[:: -(-len(points) // _MOST_POINTS) or 1]
