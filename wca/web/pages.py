"""The routes of a web page: itself, its parts, and what it shares with other pages."""

import json
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wca.http.api import Request, Response, Route

__all__ = ["HEADERS", "json_response", "page_routes"]

#: A page loads nothing of others and is shown in no frame; what it shows is text, never HTML.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Of every page and of what it loads.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # an agent that was updated must not meet its old page
}
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
_SHARED = ("web.css", "web.js")


def page_routes(
    path: str, package: str, page: str, parts: Iterable[str], title: str
) -> list[Route]:
    """The routes of a page, with those of the style and the helpers that all pages share.

    The page and its parts name each other by relative addresses: ``web/web.css``.

    Args:
        path: of the page, such as ``/workers``; its parts are below it.
        package: has the files, in a folder ``static``.
        page: name of the file with the page.
        parts: names of the other files.
        title: what the landing page calls it.

    Raises:
        OSError: a file is missing in this installation.
    """
    return [
        Route(path, _file(package, page), title),
        *(Route(f"{path}/{name}", _file(package, name)) for name in parts),
        *(Route(f"/web/{name}", _file("wca.web", name)) for name in _SHARED),
    ]


def json_response(value: Mapping[str, Any], status: int = 200) -> Response:
    """An answer for a program."""
    return Response(json.dumps(value).encode(), "application/json", status, HEADERS)


def _file(package: str, name: str) -> Callable[[Request], Response]:
    body = pkgutil.get_data(package, f"static/{name}")
    if body is None:
        raise OSError(f"{package} has no file {name}")
    response = Response(body, _TYPES[name.rpartition(".")[2]], headers=HEADERS)
    return lambda _request: response
