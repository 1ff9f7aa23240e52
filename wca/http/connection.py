"""One connection of a client: requests in, responses out, each within its time."""

import logging
import select
import socket
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from wca.errors import PLUGIN_ERRORS
from wca.http.api import Request, Response, Stream
from wca.http.limits import Limits
from wca.http.messages import BadRequest, Head, read_head, response_head, stream_head
from wca.http.streams import OpenStream, Streams

if TYPE_CHECKING:
    from wca.http.tls import ServerTLS

__all__ = ["Connection"]

log = logging.getLogger(__name__)

_END_OF_HEAD = b"\r\n\r\n"
#: Bodies below this are not worth compressing, in bytes.
_LEAST_COMPRESSED = 1024
#: Bytes and seconds for what a client still sends after the last response.
_MOST_DRAINED, _DRAIN_SECONDS = 64 * 1024, 1.0


class Connection:
    """Serves one client until it goes, asks to end, or takes too long.

    Args:
        raw: the connection.
        respond: answers a request.
        tls: wraps it first; None: no TLS.
        limits: see there.
        streams: lets an answer go on.
    """

    def __init__(
        self,
        raw: socket.socket,
        respond: "Callable[[Request], Response | Stream]",
        tls: "ServerTLS | None",
        limits: Limits,
        streams: Streams,
    ) -> None:
        self._socket = raw
        self._respond = respond
        self._tls = tls
        self._limits = limits
        self._streams = streams
        self._received = b""
        #: Since when it waits for a whole request, or for the client to go: it may be ended without
        #: loss. On the monotonic clock; None while a request is answered.
        self.waiting_since: float | None = time.monotonic()
        self._last = False

    def serve(self) -> None:
        """Serve until the end; nothing is raised, and the connection is closed."""
        try:
            self._shake_hands()
            while self._serve_one() and not self._last:
                pass
        except OSError as error:  # it is gone, too slow, or not speaking TLS as it should
            log.debug("a connection of the HTTP server ended: %s", error)
        finally:
            self._socket.close()

    def finish(self) -> None:
        """End after the response that is being sent, from another thread."""
        self._last = True
        if self.waiting_since is not None:
            self.cut()

    def cut(self) -> None:
        """End at once, from another thread."""
        with suppress(OSError):  # it has ended already
            # Past the method of a TLS connection, which would take its state from its own thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _shake_hands(self) -> None:
        # A response goes out in two writes; the second must not wait for the client's answer.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._socket.settimeout(self._limits.head_seconds)
            self._socket = wrapped = self._tls.wrap(self._socket)
            wrapped.do_handshake()

    def _serve_one(self) -> bool:
        """Answer one request; whether another one may follow."""
        try:
            data = self._receive_head()
            if data is None:
                return False
            head = read_head(data)
        except BadRequest as error:
            self._send(Response(f"{error}\n".encode(), status=error.status), None)
            self._drain()
            return False
        answer = self._streams.admit(self._respond(head.request))
        if isinstance(answer, OpenStream):
            self._send_stream(answer, head)
            return False
        self._send(answer, head)
        if not head.keep_alive:
            self._drain()
        return head.keep_alive

    def _receive_head(self) -> bytes | None:
        """All up to the empty line; None when the client has gone instead."""
        self.waiting_since = time.monotonic()
        self._received = self._received.lstrip(b"\r\n")
        if self._last or (not self._received and not self._wait()):
            return None
        deadline = time.monotonic() + self._limits.head_seconds
        while _END_OF_HEAD not in self._received:
            if len(self._received) > self._limits.head_bytes:
                raise BadRequest(f"a head has at most {self._limits.head_bytes} bytes", 431)
            if not self._receive(deadline):
                return None
        head, _, self._received = self._received.partition(_END_OF_HEAD)
        self.waiting_since = None
        if len(head) > self._limits.head_bytes:
            raise BadRequest(f"a head has at most {self._limits.head_bytes} bytes", 431)
        return head

    def _wait(self) -> bool:
        """Wait for the first byte of a request; whether one has come."""
        try:
            return self._receive(time.monotonic() + self._limits.idle_seconds)
        except BadRequest:
            return False  # nothing was asked, so there is nothing to answer

    def _receive(self, deadline: float) -> bool:
        self._limit_to(deadline)
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            raise BadRequest("the request did not arrive in time", 408) from None
        self._received = (self._received + data).lstrip(b"\r\n") if data else self._received
        return bool(data)

    def _send(self, response: Response, head: Head | None) -> None:
        """Send a response; one without a request it belongs to ends the connection."""
        keep_alive = head is not None and head.keep_alive and not self._last
        if head is not None:
            response = _compressed(response, head.request)
        length = len(response.body)
        has_body = head is None or head.request.method != "HEAD"
        data = response_head(response, length, keep_alive=keep_alive)
        deadline = time.monotonic() + self._limits.send_seconds
        for part in (data, response.body) if has_body else (data,):
            self._limit_to(deadline)
            self._socket.sendall(part)

    def _send_stream(self, opened: OpenStream, head: Head) -> None:
        """Send parts until there are no more, the client is gone, or the server has to end."""
        chunked = head.version != "HTTP/1.0"
        try:
            self._send_part(stream_head(opened.stream, chunked=chunked))
            if head.request.method == "HEAD":
                return
            for part in opened:
                if self._last:
                    break
                if part:
                    self._send_part(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                elif self._is_left():
                    return
            if chunked:
                self._send_part(b"0\r\n\r\n")
        except PLUGIN_ERRORS as error:
            if isinstance(error, OSError):
                raise
            log.error(  # noqa: TRY400 - one sentence
                "the stream at %s ends: %s: %s", head.request.path, type(error).__name__, error
            )
        finally:
            opened.close()

    def _send_part(self, data: bytes) -> None:
        self._limit_to(time.monotonic() + self._limits.send_seconds)
        self._socket.sendall(data)

    def _is_left(self) -> bool:
        """Whether the client has closed its side, and so does not wait for more."""
        closing = select.poll()
        closing.register(self._socket, select.POLLRDHUP)  # an error is told without asking
        return bool(closing.poll(0))

    def _drain(self) -> None:
        """Let the client read the response: closing with unread data would take it from it."""
        self.waiting_since = time.monotonic()
        socket.socket.shutdown(self._socket, socket.SHUT_WR)
        deadline, drained = time.monotonic() + _DRAIN_SECONDS, 0
        self._limit_to(deadline)
        while drained < _MOST_DRAINED and (data := self._socket.recv(4096)):
            drained += len(data)
            self._limit_to(deadline)

    def _limit_to(self, deadline: float) -> None:
        """Let the next call on the socket wait until then."""
        # A microsecond when it is over: no time at all would mean not to wait for anything.
        self._socket.settimeout(max(1e-6, deadline - time.monotonic()))


def _compressed(response: Response, request: Request) -> Response:
    """The response in gzip, where the client takes that and it is worth it."""
    if len(response.body) < _LEAST_COMPRESSED or "Content-Encoding" in response.headers:
        return response
    vary = {"Vary": "Accept, Accept-Encoding", **response.headers}
    if not _takes_gzip(request):
        return Response(response.body, response.content_type, response.status, vary)
    # The fastest level: a scraper is near, and the agent's time is not its own. 31: gzip's format.
    packer = zlib.compressobj(level=1, wbits=31)
    body = packer.compress(response.body) + packer.flush()
    headers = {**vary, "Content-Encoding": "gzip"}
    return Response(body, response.content_type, response.status, headers)


def _takes_gzip(request: Request) -> bool:
    wanted = {one.value: one.quality for one in request.accepted("accept-encoding")}
    quality = wanted.get("gzip", wanted.get("*", 0.0))
    return 0.0 < quality >= wanted.get("identity", 0.0)
