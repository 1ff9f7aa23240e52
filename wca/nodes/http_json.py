"""Questions to a service that answers with JSON. Imports requests when the first one is asked."""

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from wca.clock import Clock
from wca.errors import TaskSynchronizationException
from wca.http_client.service import HttpService, NoAnswer
from wca.http_client.words import shown_url
from wca.security import SSL

__all__ = ["JsonService"]

_JSON = "application/json"


class JsonService:
    """Asks one service over HTTP, as ``HttpService`` does. One thread asks at a time.

    Args:
        timeout: seconds for each question and its answer.
        ssl: how a server with ``https`` is verified, and how the agent shows who it is; None: by
            this machine's certificate authorities, and not at all.
        most_bytes: the longest answer that is read.
        clock: time.
    """

    def __init__(
        self,
        timeout: float,
        ssl: SSL | None = None,
        *,
        most_bytes: int = 64 << 20,
        clock: Clock | None = None,
    ) -> None:
        self._service = HttpService(timeout, _JSON, ssl, most_bytes=most_bytes, clock=clock)

    def ask(
        self,
        method: str,
        url: str,
        question: object = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        hidden: Collection[str] = (),
    ) -> Any:
        """Send one request and read its answer.

        Args:
            method: of HTTP, such as ``GET``.
            url: where to; always with the same scheme.
            question: sent as JSON; None: nothing is sent.
            headers: further ones.
            hidden: texts, such as a token, that no message repeats when the service does.

        Raises:
            TaskSynchronizationException: there was no answer in time, or another one than
                200 with JSON; says in a sentence what the service did.
        """
        data = None if question is None else json.dumps(question).encode()
        typed = {} if data is None else {"Content-Type": _JSON}
        try:
            body = self._service.ask(method, url, data, {**typed, **headers}, hidden)
        except NoAnswer as error:
            raise TaskSynchronizationException(str(error)) from None
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise TaskSynchronizationException(
                f"{shown_url(url)} answers with what is no JSON: {reason}"
            ) from None

    def close(self) -> None:
        """End a question that waits, from any thread, and the connection; another may follow."""
        self._service.close()
