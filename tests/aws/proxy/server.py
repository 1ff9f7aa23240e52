"""The proxy: understands a request, lets it fail, refuses it, or has it answered."""

import contextlib
import gzip
import http.client
import http.server
import json
import re
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from moto.server import ThreadedMotoServer

from tests.aws.proxy.cloudwatch import CloudWatch
from tests.aws.proxy.ec2 import Ec2, xml_error
from tests.aws.proxy.reads import problem_of_read
from tests.aws.proxy.writes import problem_of_write

#: Who asks for what where, in the header of a signed request.
SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True)
class Fault:
    """How a request is answered instead of by moto.

    Args:
        status: of the answer; 0: the connection is closed.
        code: of the error.
        delay: seconds before anything else.
        passes: it is handed to moto nevertheless, and only the answer is another one.
        of: the action that fails; empty: any.
        answers: it only comes late, and is answered as if nothing were wrong.
        message: of the error.
    """

    status: int = 0
    code: str = ""
    delay: float = 0.0
    passes: bool = False
    of: str = ""
    answers: bool = False
    message: str = "injected"


THROTTLED = Fault(400, "Throttling")
BROKEN = Fault(500, "InternalServiceFault")
CLOSED = Fault()
#: How EC2 says that it is asked too often, and that a permission is missing.
LIMITED = Fault(503, "RequestLimitExceeded")
DENIED = Fault(403, "UnauthorizedOperation")


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    action: str
    arguments: dict
    headers: dict
    size: int
    wire_size: int
    time: float
    region: str = ""


@dataclass
class Aws:
    """The running service.

    ``faults`` are used up in their order, ``down`` is one for all; ``attempts`` counts requests by
    action, whatever became of them. ``cloudwatch`` and ``ec2`` answer where moto does not do.
    """

    requests: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    faults: deque = field(default_factory=deque)
    down: Fault | None = None
    attempts: Counter = field(default_factory=Counter)
    cloudwatch: CloudWatch = field(default_factory=CloudWatch)
    ec2: Ec2 = field(default_factory=Ec2)

    def __post_init__(self):
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self._moto_address = self._moto.get_host_and_port()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.aws = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._moto.stop()

    def reset(self):
        self.requests.clear()
        self.refused.clear()
        self.faults.clear()
        self.down = None
        self.attempts.clear()
        self.cloudwatch = CloudWatch()
        self.ec2 = Ec2()
        self.forward("POST", "/moto-api/reset", {}, b"")

    def environment(self):
        """Variables for a process that is to find nothing but this."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def data(self, name=None):
        """The data of all requests that moto has taken."""
        return [
            datum
            for one in self.requests
            for datum in one.arguments.get("MetricData", ())
            if name in (None, datum["MetricName"])
        ]

    def fault(self, action):
        """What goes wrong with a request, if anything."""
        if self.down is not None and self.down.of in ("", action):
            return self.down
        found = next((one for one in list(self.faults) if one.of in ("", action)), None)
        if found is not None:
            self.faults.remove(found)
        return found

    def answer(self, request, path, headers, body):
        """The answer to a request that nothing is wrong with: status, headers and body."""
        if request.action in ("GetMetricData", "ListMetrics"):
            ask = {
                "GetMetricData": self.cloudwatch.get_metric_data,
                "ListMetrics": self.cloudwatch.list_metrics,
            }[request.action]
            told = json.dumps(ask(request.region, request.arguments)).encode()
            return 200, {"Content-Type": "application/x-amz-json-1.0"}, told
        status, headers, told = self.forward("POST", path, headers, body)
        if status == 200 and request.action == "DescribeInstanceStatus":
            told = self.ec2.described(told, request.arguments)
        if status == 200 and request.action == "PutMetricData":
            for datum in request.arguments["MetricData"]:
                namespace = request.arguments["Namespace"]
                self.cloudwatch.put(request.region, namespace, datum, request.time)
        return status, headers, told

    def forward(self, method, path, headers, body):
        connection = http.client.HTTPConnection(*self._moto_address, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        aws = self.server.aws
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        action, arguments = self._understood(plain)
        scope = SCOPE.search(self.headers.get("Authorization", ""))
        self._service = scope["service"] if scope else ""
        aws.attempts[action] += 1
        fault = aws.fault(action)
        if fault is not None:
            time.sleep(fault.delay)
        problem = problem_of(action, arguments, len(plain), time.time())
        if problem is not None and fault is None:
            aws.refused.append(problem)
            return self._error(400, problem[0], problem[1])
        if fault is None or fault.passes or fault.answers:
            region = scope["region"] if scope else ""
            sizes = len(plain), len(body)
            headers = dict(self.headers)
            request = Request(action, arguments, headers, *sizes, time.time(), region)
            aws.requests.append(request)
            answer = aws.answer(request, self.path, self._headers(), body)
            if fault is None or fault.answers:
                return self._answer(*answer)
        if fault.status == 0:
            self.close_connection = True
            return None
        return self._error(fault.status, fault.code, fault.message)

    def _headers(self):
        return {k: v for k, v in self.headers.items() if k.lower() != "connection"}

    def _understood(self, plain):
        target = self.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2], json.loads(plain)
        fields = dict(parse_qsl(plain.decode(), keep_blank_values=True))
        return fields.pop("Action", ""), fields

    def _error(self, status, code, message):
        if self.headers.get("X-Amz-Target"):
            kind, body = (
                "application/x-amz-json-1.0",
                json.dumps({"__type": code, "message": message}).encode(),
            )
        else:
            kind, body = "text/xml", xml_error(self._service, code, message)
        self._answer(status, {"Content-Type": kind}, body)

    def _answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        with contextlib.suppress(ConnectionError):  # who asked was killed meanwhile
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def problem_of(action, arguments, size, now):
    """What AWS has against a request, as code and message; None: nothing."""
    if action == "PutMetricData":
        return problem_of_write(arguments, size, now)
    return problem_of_read(action, arguments)
