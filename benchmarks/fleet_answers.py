"""EC2 and CloudWatch on loopback, answered at once from nothing but the question."""

import http.server
import json
import multiprocessing
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import parse_qsl
from urllib.request import urlopen

__all__ = ["REGIONS", "Answering", "answering"]

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2")
#: Metrics on a page of ListMetrics: the most that CloudWatch gives.
_PAGE = 500
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")
_STATUS = (
    "<item><instanceId>{}</instanceId><instanceState><code>16</code><name>running</name>"
    "</instanceState><systemStatus><status>ok</status></systemStatus><instanceStatus><status>ok"
    "</status></instanceStatus><attachedEbsStatus><status>ok</status></attachedEbsStatus></item>"
)
_INSTANCE = (
    "<item><instancesSet><item><instanceId>{0}</instanceId><tagSet><item><key>Name</key><value>"
    "worker-{0}</value></item><item><key>role</key><value>worker</value></item></tagSet></item>"
    "</instancesSet></item>"
)


class Answering:
    """The service, which runs in a process of its own.

    Args:
        url: of it.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def calls(self) -> Counter[str]:
        """Calls by their name, since the start."""
        with urlopen(f"{self.url}/calls", timeout=30) as answer:
            return Counter(json.load(answer))


@contextmanager
def answering(workers: int) -> Iterator[Answering]:
    """A service that knows so many workers, spread evenly over the regions."""
    given, ready = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=_serve, args=(ready, workers // len(REGIONS)), daemon=True)
    server.start()
    try:
        yield Answering(f"http://127.0.0.1:{given.recv()}")
    finally:
        server.terminate()
        server.join()


def _serve(ready: Connection, in_a_region: int) -> None:
    with _Server(in_a_region) as server:
        ready.send(server.server_address[1])
        server.serve_forever()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, in_a_region: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.calls: Counter[str] = Counter()
        self.counting = threading.Lock()
        self.ids = {
            region: [f"i-{place + 1:x}{number:016x}" for number in range(in_a_region)]
            for place, region in enumerate(REGIONS)
        }


class _Answers(http.server.BaseHTTPRequestHandler):
    """Every instance runs, every metric has a value in every period."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """How often what was called."""
        self._send(json.dumps(self.server.calls).encode())

    def do_POST(self) -> None:
        """Answer one question."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        target = self.headers.get("X-Amz-Target")
        if target:
            action, asked = target.rpartition(".")[2], json.loads(body)
        else:
            asked = dict(parse_qsl(body))
            action = asked["Action"]
        with self.server.counting:
            self.server.calls[action] += 1
        scope = _SCOPE.search(self.headers["Authorization"])
        ids = self.server.ids[scope[1]] if scope else []
        self._send(_ANSWERS[action](asked, ids))

    def _send(self, answer: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _instances(asked: Mapping[str, str], ids: list[str]) -> bytes:
    begin, most = int(asked.get("NextToken", 0)), int(asked["MaxResults"])
    items = "".join(map(_INSTANCE.format, ids[begin : begin + most]))
    end = begin + most
    token = f"<nextToken>{end}</nextToken>" if len(ids) > end else ""
    return (
        f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{token}"
        "</DescribeInstancesResponse>"
    ).encode()


def _states(asked: Mapping[str, str], _ids: list[str]) -> bytes:
    items = "".join(
        _STATUS.format(value) for name, value in asked.items() if name.startswith("InstanceId.")
    )
    return (
        f"<DescribeInstanceStatusResponse><instanceStatusSet>{items}</instanceStatusSet>"
        "</DescribeInstanceStatusResponse>"
    ).encode()


def _listed(asked: Mapping[str, str], ids: list[str]) -> bytes:
    begin = int(asked.get("NextToken", 0))
    found = [
        {
            "Namespace": asked["Namespace"],
            "MetricName": asked["MetricName"],
            "Dimensions": [{"Name": "InstanceId", "Value": id_}],
        }
        for id_ in ids[begin : begin + _PAGE]
    ]
    answer: dict[str, object] = {"Metrics": found}
    if len(ids) > begin + _PAGE:
        answer["NextToken"] = str(begin + _PAGE)
    return json.dumps(answer).encode()


def _metrics(asked: Mapping[str, list[dict[str, dict[str, int]]]], _ids: list[str]) -> bytes:
    period = asked["MetricDataQueries"][0]["MetricStat"]["Period"]
    begin, end = int(asked["StartTime"]), int(asked["EndTime"])  # type: ignore[call-overload]
    times = list(range(end - period, begin - 1, -period))
    values = [42.0] * len(times)
    results = [
        {"Id": query["Id"], "Timestamps": times, "Values": values, "StatusCode": "Complete"}
        for query in asked["MetricDataQueries"]
    ]
    return json.dumps({"MetricDataResults": results}).encode()


_ANSWERS: dict[str, Callable[..., bytes]] = {
    "DescribeInstances": _instances,
    "DescribeInstanceStatus": _states,
    "ListMetrics": _listed,
    "GetMetricData": _metrics,
}
