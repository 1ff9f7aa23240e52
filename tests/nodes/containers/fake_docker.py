"""A Docker server that answers what a test tells it to."""

import contextlib
import json
import re
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class FakeDocker:
    """Listens at a socket while it is entered.

    Args:
        path: of the socket.
        version: of the API; None: it does not tell one.
    """

    def __init__(self, path, version="1.41"):
        self.path = str(path)
        self.version = version
        self.entries, self.containers = [], {}
        self.answers = {}  # by path: (status, body)
        self.stuck = set()  # paths that are answered late
        self.drip = None  # seconds between two bytes of an answer
        self.calls = []
        self.filters = self.headers = None  # of the last question
        self._go = threading.Event()
        self._go.set()
        self._end = threading.Event()
        self._server = self._thread = None

    def add(self, container_id, pid, *, state=None, host=None, image=None, **entry):
        """A running container.

        Args:
            container_id: its id.
            pid: of its first process.
            state: more of its ``State``.
            host: its ``HostConfig``.
            image: its ``Config.Image``.
            entry: fields of its entry in the list.
        """
        given = {"Id": container_id, "Names": [f"/{container_id}"], "Image": "box:1"}
        self.entries.append({**given, "State": "running", "Labels": {}, **entry})
        self.containers[container_id] = {
            "Id": container_id,
            "State": {"Running": True, "Pid": pid, **(state or {})},
            "HostConfig": host or {},
            "Config": {"Image": image},
        }

    def asked(self):
        """The paths that were asked for since the last time, in order, without the version."""
        calls, self.calls = self.calls, []
        return calls

    @contextlib.contextmanager
    def hanging(self):
        """It takes questions and does not answer."""
        self._go.clear()
        try:
            yield
        finally:
            self._go.set()

    def start(self):
        Path(self.path).unlink(missing_ok=True)
        self._server = _Server(self.path, _Handler)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self):
        """It lets go of all connections, as one that was killed."""
        self._go.set()
        self._end.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.hang_up()
        self._server.server_close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def answer(self, path, query):
        """Status and body."""
        version, place = re.fullmatch(r"(/v[0-9.]+)?(/.*)", path).groups()
        self.calls.append(place)
        self._go.wait(60)
        if place in self.stuck:
            self._end.wait(60)
        if place in self.answers:
            status, body = self.answers[place]
            return status, body if isinstance(body, bytes) else json.dumps(body).encode()
        if place == "/_ping":
            return 200, b"OK"
        assert version == f"/v{self.version}"
        if place == "/containers/json":
            self.filters = json.loads(query["filters"][0])
            return 200, json.dumps(self.entries).encode()
        found = self.containers.get(place.split("/")[2])
        if found is None:
            return 404, b'{"message": "No such container"}'
        return 200, json.dumps(found).encode()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 32

    def __init__(self, *args):
        self.open = set()
        super().__init__(*args)

    def get_request(self):
        request, _ = super().get_request()
        self.open.add(request)
        return request, ("socket", 0)

    def hang_up(self):
        for request in self.open:
            with contextlib.suppress(OSError):
                request.shutdown(2)

    def handle_error(self, request, address):
        """Clients go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        assert self.path.startswith("/")
        fake, parts = self.server.fake, urlsplit(self.path)
        fake.headers = dict(self.headers)
        status, body = fake.answer(parts.path, parse_qs(parts.query))
        self.send_response(status)
        if fake.version is not None:
            self.send_header("Api-Version", fake.version)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fake.drip is None or "_ping" in self.path:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(fake.drip)

    def log_message(self, *_):
        pass
