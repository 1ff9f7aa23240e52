"""A whole agent with tasks, whose pages are looked at."""

import contextlib
import http.client
import urllib.error
import urllib.request

from tests.cgroup_fixtures import RealCgroups, need_root
from tests.main.agent import Agent, wait_until, write_config
from tests.services import free_port

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
    directory: {directory}
  interval: {interval}
  discovery_interval: 300ms
  sched: true
  event_names: [task_clock_seconds, task_context_switches]
  extra_labels: {{env: test}}
  extra_collectors: [!NodeTopologyCollector {{interval: 5m}}]
  http: !HttpServer
    address: 127.0.0.1:{port}
  metrics_storage: !MultiStorage
    storages:
    - !PrometheusStorage
    - !PrometheusStorage {{names: wca, path: /wca}}
    - !PrometheusStorage {{names: cadvisor, path: /cadvisor}}
"""


class ScrapedAgent:
    """A running agent that measures the tasks ``one`` and ``two``.

    Args:
        folder: for its configuration.
        cgroups: where the tasks are.
        interval: between two measurements.
    """

    def __init__(self, folder, cgroups, interval="200ms"):
        self.cgroups = cgroups
        self.paths = {name: cgroups.make(name) for name in ("one", "two")}
        self.ids = {name: path.lstrip("/") for name, path in self.paths.items()}
        self.workers = {name: cgroups.worker(path) for name, path in self.paths.items()}
        self.port = free_port()
        text = CONFIG.format(directory=cgroups.parent, port=self.port, interval=interval)
        self.agent = Agent("-c", write_config(folder, text))

    def get(self, path, **headers):
        """Status, headers and text of a page."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(
            url, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.status, error.headers, error.read().decode()

    def wait_until_shown(self, text):
        """Wait until the page of metrics has a text in it."""

        def shown():
            assert self.agent.process.poll() is None, self.agent.process.stderr.read()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return text in self.get("/metrics")[2]
            return False

        wait_until(shown, f"{text} on the page")

    def remove(self, name):
        """End a task."""
        self.workers[name].stop()
        self.cgroups.remove(self.paths[name])


@contextlib.contextmanager
def scraped_agent(folder, **options):
    """An agent that has measured its tasks."""
    need_root()
    cgroups = RealCgroups()
    try:
        agent = ScrapedAgent(folder, cgroups, **options)
        with agent.agent:
            for task_id in agent.ids.values():
                agent.wait_until_shown(f'task_id="{task_id}"')
            yield agent
    finally:
        cgroups.close()
