"""Servers of the shape of the kubelet and of the kube-apiserver, on loopback with TLS.

They answer as the API reference says, and can be told to answer in other ways.
"""

import contextlib
import http.server
import json
import random
import select
import ssl
import threading
import time
import urllib.parse

from tests.tls_server import context

TOKEN = "first-token-of-the-service-account"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one questioner; has what a fault needs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        owner = self.server.owner
        parts = urllib.parse.urlsplit(self.path)
        self.question = parts.path, dict(urllib.parse.parse_qsl(parts.query))
        owner.questions.append((*self.question, dict(self.headers)))
        if owner.fault is not None:
            owner.fault(self)
        else:
            self.answer()

    def do_POST(self):
        """As GET, with what was sent as ``document``."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.document = json.loads(body)
        self.do_GET()

    def answer(self):
        """As usual."""
        if self.known():
            self.server.owner.answer(self, *self.question)

    def known(self):
        owner = self.server.owner
        shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
        certificate = owner.tls and self.connection.getpeercert()
        if shown in owner.tokens or (owner.certificate_is_enough and certificate):
            return True
        self.error(401, "Unauthorized")
        return False

    def error(self, code, reason, message=None):
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
        self.json({**status, "message": message or reason, "reason": reason}, code)

    def json(self, document, code=200):
        self.bytes(json.dumps(document).encode(), code)

    def bytes(self, body, code=200, length=None, **headers):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def pause(self, seconds):
        """Wait; true when the server ends."""
        return self.server.owner.stopping.wait(seconds)

    def hang_up(self):
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_):
        pass


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner):
        super().__init__(("127.0.0.1", 0), Handler)
        self.owner = owner

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(20)
        self.owner.connections += 1
        if self.owner.tls is not None:
            connection = self.owner.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request, client_address):
        pass  # a client that does not believe us hangs up


class Server:
    """What both have in common; a context manager.

    Args:
        certificates: those of ``tests.certificates``.
        secure: whether it speaks TLS.
    """

    def __init__(self, certificates, *, secure=True):
        self.tls = None
        if secure:
            self.tls = context(certificates)
            self.tls.load_verify_locations(certificates.ca)
            self.tls.verify_mode = ssl.CERT_OPTIONAL
        #: Tokens that are accepted, and whether a certificate of the authority is enough.
        self.tokens = {TOKEN}
        self.certificate_is_enough = True
        #: Called with the handler instead of answering; None: answer.
        self.fault = None
        #: Paths with their parameters, headers, in the order of the questions.
        self.questions = []
        self.connections = 0
        self.pods = []
        self.stopping = threading.Event()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self):
        self._listener = Listener(self)
        self.port = self._listener.server_port
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.wake()
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    def wake(self):
        """Let whoever waits look again."""

    def put(self, document):
        """Add a pod."""
        self.pods = [*self.pods, document]

    def answer(self, handler, path, query):
        raise NotImplementedError

    @contextlib.contextmanager
    def failing(self, fault):
        """Answer in this way for a while."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    def away(self):
        """Accept connections and say nothing; a questioner's timeout must be short."""
        return self.failing(lambda handler: (handler.pause(2.0), handler.hang_up()))

    @contextlib.contextmanager
    def adding(self, *documents):
        """List these too, for a while."""
        self.pods = [*documents, *self.pods]
        try:
            yield
        finally:
            self.pods = self.pods[len(documents) :]


class KubeletServer(Server):
    """``GET /pods`` in an order of chance, as the kubelet's."""

    def answer(self, handler, path, query):
        if path != "/pods":
            handler.bytes(b"404 page not found\n", 404)
            return
        pods = random.sample(self.pods, len(self.pods))
        handler.json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})


class ApiServerDouble(Server):
    """Lists and watches of pods, with versions, bookmarks and a memory that ends."""

    def __init__(self, certificates, **options):
        super().__init__(certificates, **options)
        self._changed = threading.Condition()
        self._events = []  # version, type, document
        self.version = 100
        self.oldest = 0
        self.watches = 0
        self.open_watches = 0
        #: (verb, namespace or None) that are forbidden.
        self.forbidden = set()
        #: Seconds between two bookmarks; None: none by themselves.
        self.bookmarks = None
        #: Seconds after which every watch ends.
        self.longest = 600.0
        self._drops = 0

    def wake(self):
        with self._changed:
            self._changed.notify_all()

    def put(self, document):
        """Add a pod, or change the one with this uid."""
        known = any(one["metadata"]["uid"] == document["metadata"]["uid"] for one in self.pods)
        self._enter("MODIFIED" if known else "ADDED", document)

    def delete(self, document):
        """Delete a pod."""
        self._enter("DELETED", document)

    def tell(self, kind, document):
        """Send an event as it is to all watches."""
        with self._changed:
            self.version += 1
            self._events.append((self.version, kind, document, document))
            self._changed.notify_all()

    def bookmark(self):
        """Send a bookmark to all watches."""
        with self._changed:
            self.version += 1
            metadata = {"resourceVersion": str(self.version), "creationTimestamp": None}
            event = {"kind": "Pod", "metadata": metadata}
            self._events.append((self.version, "BOOKMARK", event, event))
            self._changed.notify_all()

    def forget(self):
        """Remember no change, and end the watches."""
        with self._changed:
            self.version += 10
            self.oldest = self.version
            self._events.clear()
        self.drop()

    def drop(self):
        """Break all connections of watches."""
        with self._changed:
            self._drops += 1
            self._changed.notify_all()

    def wait_for_watches(self, count=1, seconds=20):
        """Until so many watches have been opened since the begin."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.watches >= count, seconds), self.watches

    def answer(self, handler, path, query):
        parts = path.strip("/").split("/")
        if parts[:2] != ["api", "v1"] or parts[-1] != "pods":
            handler.error(404, "NotFound")
            return
        namespace = parts[3] if parts[2] == "namespaces" else None
        verb = "watch" if query.get("watch") else "list"
        if (verb, namespace) in self.forbidden:
            where = f"in the namespace {namespace}" if namespace else "at the cluster scope"
            message = f'pods is forbidden: User "agent" cannot {verb} resource "pods" {where}'
            handler.error(403, "Forbidden", message)
            return
        wanted = _selected(namespace, query.get("fieldSelector", ""))
        if verb == "watch":
            self._watch(handler, query, wanted)
            return
        with self._changed:
            items = [one for one in self.pods if wanted(one)]
            metadata = {"resourceVersion": str(self.version)}
        handler.json({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

    def _enter(self, kind, document):
        with self._changed:
            self.version += 1
            document["metadata"]["resourceVersion"] = str(self.version)
            uid = document["metadata"]["uid"]
            before = next((one for one in self.pods if one["metadata"]["uid"] == uid), None)
            others = [one for one in self.pods if one is not before]
            self.pods = others if kind == "DELETED" else [*others, document]
            self._events.append((self.version, kind, document, before))
            self._changed.notify_all()

    def _watch(self, handler, query, wanted):
        version = int(query["resourceVersion"])
        if version < self.oldest:
            handler.error(410, "Expired", "too old resource version")
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with self._changed:
            self.watches += 1
            self.open_watches += 1
            drops = self._drops
            self._changed.notify_all()
        end = time.monotonic() + min(self.longest, float(query["timeoutSeconds"]))
        try:
            while not self.stopping.is_set() and time.monotonic() < end:
                events = self._after(version, end)
                if self._drops != drops or _has_hung_up(handler.connection):
                    handler.hang_up()
                    return
                for number, kind, document, before in events:
                    version = number
                    told = _as_told(kind, wanted(document), before and wanted(before))
                    if told is not False:
                        event = {"type": told, "object": document}
                        handler.chunk(json.dumps(event).encode() + b"\n")
                if self.bookmarks is not None and handler.pause(self.bookmarks) is False:
                    metadata = {"resourceVersion": str(version)}
                    event = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}
                    handler.chunk(json.dumps(event).encode() + b"\n")
            handler.wfile.write(b"0\r\n\r\n")
        finally:
            with self._changed:
                self.open_watches -= 1
                self._changed.notify_all()

    def _after(self, version, end):
        with self._changed:
            found = [one for one in self._events if one[0] > version]
            if not found and self.bookmarks is None:
                self._changed.wait(max(0.0, min(end - time.monotonic(), 0.1)))
            return [one for one in self._events if one[0] > version]


def _as_told(kind, wanted, was_wanted):
    """What a change is called where only some pods are watched; False: it is not told."""
    if kind not in ("ADDED", "MODIFIED", "DELETED"):
        return kind
    if kind == "DELETED" or not wanted:
        return "DELETED" if was_wanted else False
    return "MODIFIED" if was_wanted else "ADDED"


def _has_hung_up(connection):
    """Whether the client has closed; a client of a watch says nothing more."""
    return bool(select.select([connection], [], [], 0)[0])


def _selected(namespace, selector):
    terms = [one for one in selector.split(",") if one]

    def wanted(document):
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            return True  # something that makes no sense
        values = {
            "spec.nodeName": (document.get("spec") or {}).get("nodeName", ""),
            "status.phase": (document.get("status") or {}).get("phase", ""),
        }
        if namespace is not None and document["metadata"].get("namespace") != namespace:
            return False
        for term in terms:
            name, _, value = term.partition("=")
            unequal = name.endswith("!")
            if (values[name.rstrip("!")] == value) == unequal:
                return False
        return True

    return wanted
