"""Answers that go on: how many there are at once, and when they end."""

import threading
from collections.abc import Iterator

from wca.http.api import Response, Stream

__all__ = ["OpenStream", "Streams"]


class OpenStream:
    """The parts of one stream that is being sent; closed once, it makes room for another one."""

    def __init__(self, stream: Stream, streams: "Streams") -> None:
        self.stream = stream
        self._streams = streams
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._parts = iter(self.stream.parts())
        return self._parts

    def close(self) -> None:
        """It is over."""
        end = getattr(self._parts, "close", None)
        if callable(end):
            end()
        self._streams.leave(self)


class Streams:
    """Lets a bounded number of streams be sent at once.

    Args:
        most: how many; further ones are refused with status 503.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[OpenStream] = set()
        self._lock = threading.Lock()

    def admit(self, answer: Response | Stream) -> Response | OpenStream:
        """The answer, or why it cannot be given now."""
        if isinstance(answer, Response):
            return answer
        opened = OpenStream(answer, self)
        with self._lock:
            if len(self._open) < self._most:
                self._open.add(opened)
                return opened
        sentence = f"{self._most} streams are open, which are all that there may be\n"
        return Response(sentence.encode(), status=503, headers={"Retry-After": "10"})

    def leave(self, opened: OpenStream) -> None:
        """One is over."""
        with self._lock:
            self._open.discard(opened)
