"""The agent's one HTTP server, and the contract of what it shows."""

from wca.http.api import ContributesRoutes, Request, Response, Route

__all__ = ["ContributesRoutes", "Request", "Response", "Route"]
