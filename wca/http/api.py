"""The contract of what the agent's HTTP server shows."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = ["Accepted", "ContributesRoutes", "Request", "Response", "Route", "Stream"]

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: Nothing is looked at twice, whatever it says: a quotation without an end goes to the end.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+(?:"|\\?$))++')
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One element of a header such as ``Accept``.

    Args:
        value: what is accepted, in lower case: ``text/plain``, ``*/*``, ``gzip``.
        quality: how much it is wanted, from 0 (not at all) to 1.
        parameters: the parameters before ``q``, names in lower case.
    """

    value: str
    quality: float = 1.0
    parameters: Mapping[str, str] = field(default_factory=dict)


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

    def accepted(self, header: str) -> list[Accepted]:
        """What a header of the ``Accept`` family says, in its order.

        Elements that are not written as RFC 9110, section 12, has them are left out.

        Args:
            header: its name in lower case.
        """
        elements = map(_element, _ELEMENT.findall(self.headers.get(header, "")))
        return [element for element in elements if element is not None]


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered.

    Args:
        body: the whole of it.
        content_type: with its parameters.
        status: HTTP status code.
        headers: further headers.

    Raises:
        TypeError: the body is not bytes.
        ValueError: a header cannot be written: it would become two, or is not in Latin-1.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        body: object = self.body  # a plugin may give what the annotation forbids
        if not isinstance(body, bytes):
            raise TypeError(f"the body is {type(body).__name__}, expected bytes")
        _check_headers(self.content_type, self.headers)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on until the client or the agent ends it, such as server-sent events.

    Args:
        parts: makes what is sent, part by part, on a thread of the connection. Each wait for the
            next one lasts a second at most: then an empty part is given, with which nothing is sent
            and the server looks whether it has to end. What makes the parts is closed at the end,
            if it can be, as generators can.
        content_type: with its parameters.
        headers: further headers.

    Raises:
        ValueError: a header cannot be written.
    """

    parts: Callable[[], Iterable[bytes]]
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_headers(self.content_type, self.headers)


@dataclass(frozen=True, slots=True)
class Route:
    """One page.

    Args:
        path: exactly this path, such as ``/metrics``.
        respond: answers a request; called on a thread of the server, several at once; must not
            wait for anything but a lock held briefly, or within a bound that it keeps itself. A
            stream takes one of the server's connections for as long as it lasts.
        title: what the landing page calls it; empty: it is not listed there.
        public: whether it is shown without authentication, as a probe of health needs it.
    """

    path: str
    respond: "Callable[[Request], Response | Stream]"
    title: str = ""
    public: bool = False


@runtime_checkable
class ContributesRoutes(Protocol):
    """The optional ability of a component to show pages on the agent's HTTP server."""

    def routes(self) -> Sequence[Route]:
        """Its pages; called once, before the server starts."""


def _check_headers(content_type: str, headers: Mapping[str, str]) -> None:
    for name, value in [("Content-Type", content_type), *headers.items()]:
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} cannot be written")


def _element(text: str) -> Accepted | None:
    """One element of a list; None for one that is not written as it should be."""
    value, *rest = (part.strip() for part in text.split(";"))
    parameters: dict[str, str] = {}
    for part in filter(None, rest):
        name, equals, given = part.partition("=")
        if not equals:
            return None
        if name.lower() == "q":
            return _weighted(value, given, parameters)
        parameters[name.lower()] = given.strip('"')
    return Accepted(value.lower(), 1.0, parameters) if value else None


def _weighted(value: str, quality: str, parameters: Mapping[str, str]) -> Accepted | None:
    if not value or not _QUALITY.fullmatch(quality):
        return None
    return Accepted(value.lower(), float(quality), parameters)
