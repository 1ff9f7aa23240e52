"""What `wca plan` says is what then happens, on real groups of the kernel: within 20 %."""

import json
import os
import socket

import pytest

from tests.http_receiver import Receiver
from tests.main.agent import Agent, run, wait_until, write_config

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
    directory: {directory}
  interval: 200ms
  event_names: [task_clock_seconds, task_context_switches]
  http: !HttpServer
    address: 127.0.0.1:{port}
  metrics_storage: !MultiStorage
    storages:
      - !LogStorage {{output_filename: {output}}}
      - !HTTPStorage {{http_endpoint: "{url}/json", format: series, compression: gzip}}
      - !RemoteWriteStorage {{url: "{url}/write"}}
      - !AggregatingStorage
        window: 1s
        storages: [!LogStorage {{output_filename: {aggregated}}}]
      - !PrometheusStorage {{}}
"""
INTERVALS = 20
PATHS = ("/json", "/write")
#: How far a plan may be off.
WITHIN = 0.2


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def planned(tmp_path, real_cgroups):
    """planned(tasks, then, *options): the plan of so many tasks, and a run with so many then."""
    with Receiver() as receiver:
        output, aggregated = tmp_path / "batches.prom", tmp_path / "seconds.prom"
        config = write_config(
            tmp_path,
            CONFIG.format(
                directory=real_cgroups.parent,
                port=free_port(),
                output=output,
                aggregated=aggregated,
                url=receiver.url,
            ),
        )

        def planned(tasks, then, *options):
            for number in range(tasks):
                real_cgroups.make(f"task-{number:04}")
            done = run("plan", "-c", config, "--json", *options)
            assert done.returncode == 0, done.stderr
            assert not output.exists()
            assert receiver.requests == []
            for number in range(tasks, then):
                real_cgroups.make(f"task-{number:04}")
            return json.loads(done.stdout), what_happens(config, output, aggregated, receiver)

        yield planned


def batches_of(path):
    """The samples of each batch in a file, which are those of one time."""
    batches = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        if line and not line.startswith("#"):
            batches.setdefault(line.rpartition(" ")[2], []).append(line)
    return list(batches.values())


def what_happens(config, output, aggregated, receiver):
    """Run the agent for some intervals; the same quantities, as they were."""
    with Agent("run", "-c", config) as agent:
        wait_until(lambda: len(batches_of(output)) > INTERVALS, "enough intervals")
        pid = agent.process.pid
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/status") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        sent = list(receiver.requests)
        agent.end()  # after which it tells what has ended, once
        assert agent.process.returncode == 0, agent.err
    batches = batches_of(output)

    def posted(path):  # JSON is one request for each batch
        sizes = {which: [len(one.body) for one in sent if one.path == which] for which in PATHS}
        return sum(sizes[path]) / len(sizes["/json"])

    cpu = [number(batch, "wca_cpu_seconds") for batch in (batches[5], batches[-1])]
    return {
        "series": len(batches[-1]),
        "descriptors": descriptors,
        "memory": memory * 1024,
        "cpu ms an interval": (cpu[1] - cpu[0]) / (len(batches) - 6) * 1e3,
        "LogStorage": output.stat().st_size / len(batches),
        "HTTPStorage": posted("/json"),
        "RemoteWriteStorage": posted("/write"),
        "AggregatingStorage": aggregated.stat().st_size / len(batches_of(aggregated)),
    }


def number(batch, name):
    return next(float(line.split()[-2]) for line in batch if line.startswith(f"{name}{{"))


def as_planned(plan):
    """The same quantities as the plan has them."""
    sizes = {one["name"].split("/")[1]: one["batch_bytes"] for one in plan["outputs"]}
    assert sizes.pop("PrometheusStorage")
    return {
        "series": plan["series"]["total"],
        "descriptors": plan["descriptors"],
        "memory": plan["memory"],
        "cpu ms an interval": plan["cpu"]["interval_seconds"] * 1e3,
        **sizes,
    }


def compare(plan, real):
    """Print both beside each other; all that is no time has to agree."""
    print(f"\n{'':20} {'plan':>12} {'then':>12} {'off by':>7}")
    off = {}
    for name, then in real.items():
        off[name] = as_planned(plan)[name] / then - 1
        print(f"{name:20} {as_planned(plan)[name]:12.1f} {then:12.1f} {off[name]:+7.1%}")
    times = off.pop("cpu ms an interval")
    assert -0.9 < times < 9  # what else runs here is in it, so that it says little
    assert {name: far for name, far in off.items() if abs(far) > WITHIN} == {}


def test_what_was_planned_for_the_tasks_that_run_is_what_happens(planned):
    plan, real = planned(12, 12)
    assert (plan["tasks"]["found"], plan["tasks"]["planned"]) == (12, 12)
    compare(plan, real)


def test_a_plan_for_fifty_tasks_can_be_made_with_twenty(planned):
    plan, real = planned(20, 50, "--tasks", "50")
    assert (plan["tasks"]["found"], plan["tasks"]["planned"]) == (20, 50)
    compare(plan, real)
