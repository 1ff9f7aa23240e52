"""``python -m benchmarks.fleet``: what one cycle over a fleet costs the agent.

AWS is a process of its own on loopback that answers every question at once and from nothing but
the question, so that what is measured is the agent: time, CPU time, memory and calls.
"""

import argparse
import http.server
import json
import multiprocessing
import os
import resource
import time
from multiprocessing.connection import Connection
from urllib.parse import parse_qsl

from wca.workers.aws.cloud import AwsCloud
from wca.workers.model import MetricQuery, Shard, Verdict

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2")
QUERIES = (
    MetricQuery("cpu", "AWS/EC2", "CPUUtilization"),
    MetricQuery("memory", "CWAgent", "mem_used_percent", period=60),
)
STATUS = (
    "<item><instanceId>{}</instanceId><instanceState><code>16</code><name>running</name>"
    "</instanceState><systemStatus><status>ok</status></systemStatus><instanceStatus><status>ok"
    "</status></instanceStatus><attachedEbsStatus><status>ok</status></attachedEbsStatus></item>"
)


class Answers(http.server.BaseHTTPRequestHandler):
    """Every instance runs, every metric has a value in every period."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one question."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = _metrics(body) if self.headers.get("X-Amz-Target") else _states(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _states(body: str) -> bytes:
    ids = [value for name, value in parse_qsl(body) if name.startswith("InstanceId.")]
    items = "".join(map(STATUS.format, ids))
    return (
        f"<DescribeInstanceStatusResponse><instanceStatusSet>{items}</instanceStatusSet>"
        "</DescribeInstanceStatusResponse>"
    ).encode()


def _metrics(body: str) -> bytes:
    asked = json.loads(body)
    period = asked["MetricDataQueries"][0]["MetricStat"]["Period"]
    times = list(range(asked["EndTime"] - period, asked["StartTime"] - 1, -period))
    values = [42.0] * len(times)
    results = [
        {"Id": query["Id"], "Timestamps": times, "Values": values, "StatusCode": "Complete"}
        for query in asked["MetricDataQueries"]
    ]
    return json.dumps({"MetricDataResults": results}).encode()


def _serve(ready: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    ready.send(server.server_address[1])
    server.serve_forever()


def cycle(cloud: AwsCloud, workers: int) -> None:
    """Ask for states and metrics of a fleet, region after region."""
    each = workers // len(REGIONS)
    ids = [f"i-{number:017x}" for number in range(each)]
    for region in REGIONS:
        shard = Shard("", region)
        states = cloud.status(shard, ids).by_id
        measured = cloud.measure(shard, ids, QUERIES, time.time()).by_id
        verdicts = {reading.verdict for found in measured.values() for reading in found.values()}
        if len(states) != each or verdicts != {Verdict.VALUE}:
            raise SystemExit(f"{region}: {len(states)} states, {verdicts}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[100, 1000, 10_000])
    sizes = parser.parse_args().workers
    given, ready = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(ready,), daemon=True)
    server.start()
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")
    url = f"http://127.0.0.1:{given.recv()}"
    print("workers  calls                                          seconds  CPU s  RSS MB")
    for workers in sizes:
        cloud = AwsCloud(endpoint_url=url)
        cloud.start()
        cycle(cloud, len(REGIONS))  # makes the clients
        before = dict(cloud.measurements()["wca_aws_requests"])
        begun, cpu = time.perf_counter(), time.process_time()
        cycle(cloud, workers)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        calls = cloud.measurements()["wca_aws_requests"]
        told = ", ".join(f"{api} {count - before[api]}" for api, count in calls.items() if count)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{workers:7d}  {told:45s}  {seconds:7.2f}  {cpu:5.2f}  {memory:6.0f}")
        cloud.close()
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
