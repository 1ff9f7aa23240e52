"""Whose pages the agent shows, and what it says about its health."""

import contextlib
import http.client
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from tests.main.agent import Agent, run, wait_until, write_config
from wca.errors import StartError
from wca.http import HttpServer, Request, Response, Route
from wca.runners import MeasurementRunner
from wca.runners.lifecycle import Lifecycle
from wca.runners.loop import Job, Loop
from wca.runners.serving import Health, serve
from wca.storage import FilterStorage, MultiStorage, PrometheusStorage
from wca.testing import FakeClock, RecordingStorage

REQUEST = Request("GET", "/", {}, {})


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def lifecycle(clock):
    made = Lifecycle(clock)
    yield made
    made.close(5.0)


@pytest.fixture
def health(clock):
    return Health(Loop([Job(lambda: None, 1.0)], clock, threading.Event()), 3.0, clock.monotonic)


def free_server():
    return HttpServer("127.0.0.1:0")


def paths(server):
    """What the landing page lists."""
    with urllib.request.urlopen(f"{server.url}/") as answer:
        return [
            line.split('"')[1] for line in answer.read().decode().splitlines() if "href" in line
        ]


class Pages(RecordingStorage):
    """A storage with a page."""

    def __init__(self, path="/page", error=None):
        super().__init__()
        self.path, self.failure = path, error

    def routes(self):
        if self.failure:
            raise self.failure
        return [Route(self.path, lambda request: Response(b"mine\n"), "Mine")]


def test_without_pages_and_without_http_there_is_no_server(health, lifecycle):
    serve(None, [RecordingStorage()], health, lifecycle)
    assert not lifecycle.open


def test_a_server_that_was_asked_for_shows_health_alone(health, lifecycle):
    server = free_server()
    serve(server, [RecordingStorage()], health, lifecycle)
    assert paths(server) == ["/healthz", "/-/ready"]


def test_a_component_with_pages_gets_a_server_on_loopback(health, lifecycle):
    serve(None, [Pages()], health, lifecycle)
    with urllib.request.urlopen(f"http://{HttpServer().address}/page") as answer:
        assert answer.read() == b"mine\n"


def test_pages_of_storages_inside_others_are_shown_each_once(health, lifecycle):
    server, inner = free_server(), PrometheusStorage()
    storages = [FilterStorage([MultiStorage([inner, RecordingStorage()]), Pages()]), inner]
    serve(server, storages, health, lifecycle)
    assert paths(server) == ["/healthz", "/-/ready", "/metrics", "/page"]


@pytest.mark.parametrize(
    ("storages", "sentence"),
    [
        ([Pages("/x"), PrometheusStorage(path="/x")], "PrometheusStorage and Pages both"),
        ([PrometheusStorage(), PrometheusStorage()], "give one of them another path"),
        ([Pages("/healthz")], "Pages and the agent itself both want to show the page /healthz"),
        ([Pages("/")], "Pages and the agent itself both"),
        ([Pages(error=RuntimeError("broken"))], "Pages has no pages: broken"),
    ],
)
def test_two_components_with_one_page_are_a_sentence(storages, sentence, health, lifecycle):
    with pytest.raises(StartError, match=sentence):
        serve(free_server(), storages, health, lifecycle)


def answers(health):
    return [
        (route.respond(REQUEST).status, route.respond(REQUEST).body) for route in health.routes()
    ]


def test_health_is_about_the_loop_and_readiness_about_the_first_iteration():
    clock = FakeClock()
    loop = SimpleNamespace(progress=clock.monotonic(), waiting=False, iterations=0)
    health = Health(loop, 3.0, clock.monotonic)
    assert answers(health) == [
        (200, b"ok\n"),
        (503, b"the first measurement is not complete yet\n"),
    ]
    clock.advance(3.5)
    loop.iterations = 1
    (status, body), ready = answers(health)
    assert (status, ready) == (503, (200, b"ready\n"))
    assert b"stood still for 3.5 s" in body
    loop.waiting = True  # for its next deadline, however far that is
    assert answers(health)[0] == (200, b"ok\n")


def test_health_needs_no_authentication(health):
    assert all(route.public for route in health.routes())


def test_a_runner_shows_what_it_has_measured_and_closes_its_server():
    server, seen = free_server(), []

    class Look(RecordingStorage):
        """Looks at the page of the measurement before."""

        def store(self, metrics):
            super().store(metrics)
            for path in ("/metrics", "/healthz", "/-/ready"):
                with (
                    contextlib.suppress(urllib.error.HTTPError),
                    urllib.request.urlopen(server.url + path) as answer,
                ):
                    seen.append((path, answer.read().decode()))

    storage = MultiStorage([Look(), PrometheusStorage()])
    runner = MeasurementRunner(node=NoTasks(), metrics_storage=storage, http=server, interval=0.02)
    runner.stop_after(3)
    assert runner.run() == 0
    pages = dict(seen)
    assert "\nwca_tasks{" in pages["/metrics"]
    assert pages["/healthz"] == "ok\n"
    assert pages["/-/ready"] == "ready\n"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{server.url}/healthz")


class NoTasks:
    def get_tasks(self):
        return []


PLUGIN = """
import time
from wca.collectors import Collector

class Hangs(Collector):
    scope = 'node'
    reads = 0
    def attach(self, target):
        return self
    def read(self, out):
        self.reads += 1
        if self.reads == 5:
            time.sleep(2.5)
    def close(self, timeout=0):
        pass
"""


def test_a_loop_that_stands_still_is_unhealthy_until_it_goes_on(tmp_path):
    (tmp_path / "parts.py").write_text(PLUGIN)
    server = free_server()
    server.start()
    port = server.url.rpartition(":")[2]
    server.close(1.0)
    config = write_config(
        tmp_path,
        "runner: !MeasurementRunner\n  node: !StaticNode {tasks: []}\n  interval: 100ms\n"
        "  extra_collectors: [!Hangs {}]\n  metrics_storage: !PrometheusStorage {}\n"
        f"  http: !HttpServer {{address: '127.0.0.1:{port}'}}\n",
    )
    with Agent("-c", config, "-r", "parts:Hangs", plugins=tmp_path) as agent:
        states = []

        def look():
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
                connection.request("GET", "/healthz")
                states.append(connection.getresponse().status)
                connection.close()

        def saw(status):
            look()
            return states[-1:] == [status]

        for status in (200, 503, 200):
            wait_until(lambda status=status: saw(status), f"the status {status}")
        agent.end()
    assert "loop fails: it has stood still" in agent.err


def test_a_port_that_is_taken_ends_the_agent_with_a_sentence(tmp_path, health, lifecycle):
    server = free_server()
    serve(server, [], health, lifecycle)
    config = write_config(
        tmp_path,
        "runner: !MeasurementRunner\n  node: !StaticNode {tasks: []}\n"
        "  metrics_storage: !PrometheusStorage {}\n"
        f"  http: !HttpServer {{address: '{server.url.removeprefix('http://')}'}}\n",
    )
    done = run("-c", config)
    assert done.returncode == 1
    assert "another program listens there" in done.stderr
    assert "Traceback" not in done.stderr
