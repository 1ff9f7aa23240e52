"""The agent's one HTTP server, and the contract of what it shows."""

from typing import TYPE_CHECKING

from wca.http.api import Accepted, ContributesRoutes, Request, Response, Route, Stream
from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.http.server import HttpServer

__all__ = ["Accepted", "ContributesRoutes", "HttpServer", "Request", "Response", "Route", "Stream"]

__getattr__ = lazy_names(__name__, {"HttpServer": "wca.http.server"})
