"""Spans of OpenTelemetry, with its own SDK; and nothing without it."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.workers.monitoring.fleets import HERE, alert_of, watched, worker
from wca.workers.model import Action
from wca.workers.tracing import Tracing, TracingNotifier

ONE = worker(1, name="one")


class Spans(TracerProvider):
    def __init__(self):
        super().__init__(shutdown_on_exit=False)
        self.exporter = InMemorySpanExporter()
        self.add_span_processor(SimpleSpanProcessor(self.exporter))

    def found(self):
        return {span.name: span for span in self.exporter.get_finished_spans()}


SPANS = []


def spans():
    SPANS.append(Spans())
    return SPANS[-1]


class Reboots:
    horizon = 60.0

    def plan(self, alert, state, past, now):
        return Action.REBOOT

    def finish(self, state, past, now):
        return None


@watched(ONE, provider=spans, planning=Reboots)
async def test_a_cycle_its_calls_its_workers_and_its_actions_are_spans(fleet):
    from wca.workers.model import Reading, Verdict

    fleet.cloud.readings[ONE.instance_id] = {"cpu": Reading(Verdict.VALUE, 95.0, 0.0)}
    await fleet.monitor.start()
    await fleet.poll(HERE)
    found = SPANS[-1].found()
    assert found.keys() == {
        "poll_shard",
        "cloud.status",
        "cloud.measure",
        "collect_worker_metrics",
        "cloud.act",
    }
    assert dict(found["collect_worker_metrics"].attributes) == {
        "worker_id": "w1",
        "aws_instance_id": ONE.instance_id,
        "cpu_utilization": 95.0,
        "memory_utilization": 10.0,
    }
    assert found["cloud.status"].attributes["aws_region"] == "eu-west-1"
    assert found["cloud.act"].attributes["action"] == "reboot"
    cycle = found["poll_shard"].get_span_context()
    for name, span in found.items():
        assert name == "poll_shard" or span.parent.span_id == cycle.span_id


@watched(ONE, provider=spans)
async def test_an_error_is_in_the_span_of_its_call(fleet):
    fleet.cloud.failing[HERE] = "not allowed"
    await fleet.monitor.start()
    await fleet.poll(HERE)
    found = SPANS[-1].found()
    assert found["cloud.status"].events[0].attributes["exception.message"] == "not allowed"
    assert not found["cloud.status"].status.is_ok


class Bell:
    resend_interval = 60.0
    group_window = 5.0

    def __init__(self):
        self.rung = []

    def send(self, alerts):
        self.rung += alerts

    def close(self):
        self.rung = None


def test_a_notification_is_a_span_and_the_notifier_otherwise_itself():
    provider, bell = Spans(), Bell()
    told = TracingNotifier.around(bell, Tracing(provider))
    told.send([alert_of(ONE), alert_of(worker(2))])
    assert len(bell.rung) == 2
    assert dict(provider.found()["notify"].attributes) == {
        "notifier": "Bell",
        "alerts": 2,
        "worker_id": "w1,w2",
    }
    assert (told.resend_interval, told.group_window) == (60.0, 5.0)
    told.close()
    assert bell.rung is None


def test_without_a_provider_a_notifier_is_left_alone():
    bell = Bell()
    assert TracingNotifier.around(bell, Tracing()) is bell or "opentelemetry.trace" in sys.modules


@pytest.mark.parametrize("set_up", [False, True])
def test_opentelemetry_is_used_only_where_somebody_has_set_it_up(set_up):
    script = (
        ("import opentelemetry.trace\n" if set_up else "")
        + "import sys\n"
        + "from wca.workers.tracing import Tracing\n"
        + "with Tracing().span('a', b=1): pass\n"
        + "print('opentelemetry' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(set_up)
