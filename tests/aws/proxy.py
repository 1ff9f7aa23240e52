"""AWS on loopback: moto's HTTP server behind a proxy that is as strict as AWS, and can fail.

moto takes almost anything; what AWS refuses of PutMetricData, this refuses. Every request is kept.
"""

import gzip
import http.client
import http.server
import json
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from moto.server import ThreadedMotoServer

DAY = 86_400
MOST_DATUMS, MOST_BYTES, MOST_DIMENSIONS = 1000, 1_048_576, 30
UNITS = {
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Percent",
    "Count",
    "Count/Second",
    "None",
    *(
        f"{size}{what}{per}"
        for size in ("", "Kilo", "Mega", "Giga", "Tera")
        for what in ("Bytes", "Bits")
        for per in ("", "/Second")
    ),
}
UNITS = {unit if unit[0].isupper() else unit.capitalize() for unit in UNITS}
UNITS |= {
    unit.replace("Bytes", "bytes").replace("Bits", "bits") for unit in UNITS if unit[0] in "KMGT"
}


@dataclass(frozen=True)
class Fault:
    """How a request is answered instead of by moto.

    Args:
        status: of the answer; 0: the connection is closed.
        code: of the error.
        delay: seconds before anything else.
        passes: it is handed to moto nevertheless, and only the answer is another one.
    """

    status: int = 0
    code: str = ""
    delay: float = 0.0
    passes: bool = False


THROTTLED = Fault(400, "Throttling")
BROKEN = Fault(500, "InternalServiceFault")
CLOSED = Fault()


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    action: str
    arguments: dict
    headers: dict
    size: int
    wire_size: int
    time: float


@dataclass
class Aws:
    """The running service; ``faults`` are used up in their order, ``down`` is one for all."""

    requests: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    faults: deque = field(default_factory=deque)
    down: Fault | None = None

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
        fault = aws.down or (aws.faults.popleft() if aws.faults else None)
        if fault is not None:
            time.sleep(fault.delay)
        problem = problem_of(action, arguments, len(plain), time.time())
        if problem is not None and fault is None:
            aws.refused.append(problem)
            return self._error(400, problem[0], problem[1])
        if fault is None or fault.passes or fault == Fault(delay=fault.delay, passes=True):
            aws.requests.append(
                Request(action, arguments, dict(self.headers), len(plain), len(body), time.time())
            )
            status, headers, answer = aws.forward("POST", self.path, self._headers(), body)
            if fault is None:
                return self._answer(status, headers, answer)
        if fault.status == 0:
            self.close_connection = True
            return None
        return self._error(fault.status, fault.code, "injected")

    def _headers(self):
        return {k: v for k, v in self.headers.items() if k.lower() != "connection"}

    def _understood(self, plain):
        target = self.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2], json.loads(plain)
        fields = dict(parse_qsl(plain.decode(), keep_blank_values=True))
        return fields.pop("Action", ""), fields

    def _error(self, status, code, message):
        body = json.dumps({"__type": code, "message": message}).encode()
        self._answer(status, {"Content-Type": "application/x-amz-json-1.0"}, body)

    def _answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def problem_of(action, arguments, size, now):
    """What AWS has against a request, as code and message; None: nothing."""
    if action != "PutMetricData":
        return None
    if size > MOST_BYTES:
        return "RequestEntityTooLarge", f"{size} bytes"
    namespace, data = arguments.get("Namespace", ""), arguments.get("MetricData", [])
    if not namespace or len(namespace) > 255 or namespace.startswith((":", "AWS/")):
        return "InvalidParameterValue", f"namespace {namespace!r}"
    if not 0 < len(data) <= MOST_DATUMS:
        return "InvalidParameterValue", f"{len(data)} data"
    for datum in data:
        problem = _problem_of_datum(datum, now)
        if problem:
            return "InvalidParameterValue", problem
    return None


def _problem_of_datum(datum, now):
    name = datum.get("MetricName", "")
    dimensions = datum.get("Dimensions", [])
    names = [one["Name"] for one in dimensions]
    statistics = datum.get("StatisticValues", {})
    values = [datum[key] for key in ("Value",) if key in datum]
    values += [*statistics.values(), *datum.get("Values", ())]
    checks = {
        "name": 0 < len(name) <= 255 and name.isascii() and not name.startswith(":"),
        "number of dimensions": len(dimensions) <= MOST_DIMENSIONS
        and len(set(names)) == len(names),
        "dimensions": all(
            0 < len(one["Name"]) <= 255
            and not one["Name"].startswith(":")
            and 0 < len(one["Value"]) <= 1024
            and (one["Name"] + one["Value"]).isascii()
            for one in dimensions
        ),
        "one kind of value": ("Value" in datum) + bool(statistics) + ("Values" in datum) == 1,
        "statistics": not statistics
        or set(statistics) == {"SampleCount", "Sum", "Minimum", "Maximum"},
        "number of values": len(datum.get("Values", ())) <= 150,
        "values": all(math.isfinite(one) and abs(one) <= 2.0**360 for one in values),
        "time": now - 14 * DAY <= float(datum.get("Timestamp", now)) <= now + 7200,
        "unit": datum.get("Unit", "None") in UNITS,
        "resolution": datum.get("StorageResolution", 60) in (1, 60),
    }
    return next((f"{what} of {name!r}" for what, good in checks.items() if not good), None)
