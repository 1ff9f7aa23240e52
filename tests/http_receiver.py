"""A real web service on loopback that keeps what it is sent and answers as it is told."""

import contextlib
import gzip
import http.server
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Received:
    """One request; ``connection`` is the same for all requests of one connection."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int
    client: str  # common name of the client's certificate

    @property
    def content(self):
        """The body without its gzip."""
        compressed = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if compressed else self.body


@dataclass(frozen=True)
class Reply:
    """An answer.

    Args:
        status: of it; 0: the connection is closed without one.
        headers: further ones.
        body: of it.
        delay: seconds before it.
        pace: seconds before each byte of all of it, head included.
        body_pace: the same for its body alone.
        cut: bytes of the body after which the connection is closed; None: it is complete.
        length: whether it has a Content-Length.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    pace: float = 0.0
    body_pace: float = 0.0
    cut: int | None = None
    length: bool = True


class Receiver:
    """The service; a context manager.

    Args:
        context: ``ssl.SSLContext`` of the server side; None: plain HTTP.
        host: where it listens.
        port: on which; 0: any that is free.
    """

    def __init__(self, context=None, host="127.0.0.1", port=0):
        self._host = host
        self._scheme = "http" if context is None else "https"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _Server(self, context, (host, port))
        self.reset()

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._thread.join()
        self.reset()
        self._server.server_close()

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        """Without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self.port}"

    def reset(self):
        """Forget all requests and replies, and end all connections and their threads."""
        with self._lock:
            self.requests = []
            self._replies = [Reply()]
        self._ended.set()
        self.disconnect()
        self._ended = threading.Event()

    def disconnect(self):
        """End all connections, as a receiver does with those that were idle for long."""
        for thread in self._server.threads:
            while thread.is_alive():
                self._server.disconnect()
                thread.join(0.05)
        self._server.threads = []

    def reply(self, *replies):
        """The next replies; the last one is also that of all later requests."""
        with self._lock:
            self._replies = list(replies)

    @property
    def bodies(self):
        """What was posted, without its gzip."""
        return [request.content for request in self.requests]

    def take(self, request):
        """Called by a connection: keep a request and tell the answer."""
        with self._lock:
            self.requests.append(request)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def wait(self, seconds):
        """Wait, but not beyond the end of all connections; true: go on."""
        return not self._ended.wait(seconds)


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, receiver, context, address):
        self.receiver = receiver
        self.context = context
        self.connections = {}
        self.threads = []
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Connection)

    def server_bind(self):
        # Not what HTTPServer does: it looks up the name of the host, which may take its time.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as it does
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request, client_address):
        self.connections[client_address] = request
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address)
        )
        self.threads.append(thread)
        thread.start()

    def finish_request(self, request, client_address):
        """On the thread of the connection, unlike ``get_request``: a handshake may take long."""
        try:
            if self.context is not None:
                request.settimeout(10)
                request = self.context.wrap_socket(request, server_side=True)
            self.connections[client_address] = request
            self.RequestHandlerClass(request, client_address, self)
        except OSError:
            pass  # what the client thinks of it is what is tested
        finally:
            self.connections.pop(client_address, None)
            request.close()

    def disconnect(self):
        for connection in list(self.connections.values()):
            with contextlib.suppress(OSError):
                # Not the connection's own: that of TLS gives up the encryption at once.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        pass


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.receiver.take(
            Received(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
                self.client_address[1],
                self._client(),
            )
        )
        self.close_connection = not self._answer(reply)

    do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server asks for

    def _client(self):
        certificate = getattr(self.connection, "getpeercert", dict)() or {}
        return next((value for ((_, value),) in certificate.get("subject", ())), "")

    def _answer(self, reply):
        """Answer; false: the connection is to be closed."""
        if not self.server.receiver.wait(reply.delay) or not reply.status:
            return False
        self.send_response(reply.status)
        if reply.length:
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer = []
        self._send(head, reply.pace)
        self._send(reply.body[: reply.cut], reply.pace or reply.body_pace)
        return reply.cut is None

    def _send(self, data, pace):
        pieces = [data] if not pace else [data[i : i + 1] for i in range(len(data))]
        for piece in pieces:
            if pace and not self.server.receiver.wait(pace):
                return
            self.wfile.write(piece)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def distant_receiver():
    """The URL of a receiver in a process of its own, where descriptors and threads are counted."""
    code = "from tests.http_receiver import serve; serve()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()  # which ends it


def serve():
    """Run a receiver until the end of standard input."""
    with Receiver() as receiver:
        print(receiver.url, flush=True)
        sys.stdin.read()


@pytest.fixture(scope="session")
def _running_receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(_running_receiver):
    """A receiver that answers 200 and has received nothing."""
    _running_receiver.reset()
    yield _running_receiver
    _running_receiver.reset()
