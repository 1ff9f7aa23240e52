"""Which page answers a request."""

import logging
from collections.abc import Iterable

from wca.errors import PLUGIN_ERRORS
from wca.http.api import Request, Response, Route, Stream

__all__ = ["METHODS", "Router"]

log = logging.getLogger(__name__)

#: Nothing that is shown here can be changed from outside.
METHODS = ("GET", "HEAD")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>WCA</title></head>
<body>
<h1>Workload Collocation Agent</h1>
<ul>
{links}
</ul>
</body>
</html>
"""


class Router:
    """Answers requests with the pages of all components, and with a list of them at ``/``.

    Args:
        routes: the pages; those before win.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[str, Route] = {}
        for route in [*routes, Route("/", self._landing)]:
            self._routes.setdefault(route.path, route)
        self._failing: set[str] = set()

    def is_public(self, path: str) -> bool:
        """Whether a page is shown without authentication."""
        route = self._routes.get(path)
        return route is not None and route.public

    def respond(self, request: Request) -> Response | Stream:
        """Answer a request; what goes wrong in a page is answered too."""
        if request.method not in METHODS:
            return _sentence(405, f"write {' or '.join(METHODS)}", {"Allow": ", ".join(METHODS)})
        route = self._routes.get(request.path)
        if route is None:
            return _sentence(404, "there is no such page; those that there are stand at /")
        try:
            response = _checked(route.respond(request))
        except PLUGIN_ERRORS as error:
            self._report(route.path, error)
            return _sentence(500, "the page cannot be shown; the agent's log says why")
        self._failing.discard(route.path)
        return response

    def _report(self, path: str, error: BaseException) -> None:
        """Log a page that begins to fail, not each time it is asked for."""
        if path not in self._failing:
            self._failing.add(path)
            log.error("the page %s cannot be shown: %s: %s", path, type(error).__name__, error)
        log.debug("the page %s cannot be shown", path, exc_info=error)

    def _landing(self, _request: Request) -> Response:
        from html import escape

        links = "\n".join(
            f'<li><a href="{escape(route.path)}">{escape(route.title)}</a></li>'
            for route in self._routes.values()
            if route.title
        )
        return Response(_PAGE.format(links=links).encode(), "text/html; charset=utf-8")


def _checked(response: object) -> Response | Stream:
    if not isinstance(response, (Response, Stream)):
        raise TypeError(f"the page answered {type(response).__name__}, expected a Response")
    return response


def _sentence(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{text}\n".encode(), status=status, headers=headers or {})
