"""What the agent shows over HTTP: the pages of its components, and whether it is well."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from wca.abilities import ability
from wca.errors import PLUGIN_ERRORS, StartError
from wca.http.api import Request, Response, Route
from wca.http.server import HttpServer
from wca.runners.lifecycle import Lifecycle, with_inner
from wca.runners.loop import Progress

__all__ = ["Health", "serve", "shows"]


class Health:
    """Whether the loop moves on, and whether it has measured.

    Args:
        loop: what is looked at.
        limit: seconds that it may stand still.
        monotonic: the clock that the loop uses.
    """

    def __init__(self, loop: Progress, limit: float, monotonic: Callable[[], float]) -> None:
        self._loop = loop
        #: Seconds that it may stand still.
        self.limit = limit
        self._monotonic = monotonic

    def routes(self) -> list[Route]:
        """The pages of a probe; it need not say who it is."""
        return [
            Route("/healthz", self._healthz, "Health", public=True),
            Route("/-/ready", self._ready, "Readiness", public=True),
        ]

    def _healthz(self, _request: Request) -> Response:
        still = self._monotonic() - self._loop.progress
        if self._loop.waiting or still <= self.limit:
            return Response(b"ok\n")
        sentence = f"the loop has stood still for {still:.1f} s; the agent's log says where\n"
        return Response(sentence.encode(), status=503)

    def _ready(self, _request: Request) -> Response:
        if self._loop.iterations:
            return Response(b"ready\n")
        return Response(b"the first measurement is not complete yet\n", status=503)


def shows(server: HttpServer | None, components: Iterable[object]) -> bool:
    """Whether there will be a server: one is configured, or a component has pages to show."""
    within = with_inner(components)
    return server is not None or any(ability(one, "routes") is not None for one in within)


def serve(
    server: HttpServer | None,
    components: Iterable[object],
    health: Health,
    lifecycle: Lifecycle,
    usual: HttpServer | None = None,
) -> None:
    """Start the server, if there is one or a component has pages to show.

    Args:
        server: None: the usual one, where there is something to show.
        components: whose pages are shown, with those that they pass metrics on to.
        health: its pages are shown as well.
        lifecycle: starts the server and closes it.
        usual: None: a new one with its defaults.

    Raises:
        StartError: two components have the same page, or the server cannot start.
    """
    routes = list(_routes(components))
    if server is None and not routes:
        return
    server = server or usual or HttpServer()
    server.show(_distinct([*((None, route) for route in health.routes()), *routes]))
    lifecycle.start(server, "http")


def _routes(components: Iterable[object]) -> Iterator[tuple[object, Route]]:
    """The pages of components and of those inside them, each with its owner."""
    for component in with_inner(components):
        routes = ability(component, "routes")
        if routes is None:
            continue
        try:
            found = list(routes())
        except PLUGIN_ERRORS as error:
            raise StartError(f"{_name(component)} has no pages: {error}") from error
        for route in found:
            yield component, route


def _distinct(routes: Sequence[tuple[object, Route]]) -> list[Route]:
    owners: dict[str, object] = {"/": None}
    for owner, route in routes:
        if route.path in owners:
            raise StartError(
                f"{_name(owner)} and {_name(owners[route.path])} both want to show the page "
                f"{route.path}: give one of them another path"
            )
        owners[route.path] = owner
    return [route for _, route in routes]


def _name(owner: object) -> str:
    return "the agent itself" if owner is None else type(owner).__name__
