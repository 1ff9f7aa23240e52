"""A whole agent whose workers fail their status checks: what it asks EC2 to do, and how often."""

import json
import signal

import pytest

from tests.aws.proxy import Fault
from tests.main.agent import Agent, wait_until, write_config
from tests.services import free_port
from wca.workers import SqliteWorkerStore

CONFIG = """
runner: !WorkerMonitoringRunner
  interval: 1s
  jitter: 0
  workers: !StaticWorkers {{workers: {workers}}}
  cloud: !AwsCloud {{}}
  metrics: []
  rules: [!StatusCheckRule {{}}]
  remediation: !AutoRemediation {{{remediation}}}
  schedule: !ApsSchedule
    store: !SqliteJobStore {{path: "{folder}/jobs.sqlite"}}
  store: !SqliteWorkerStore {{path: "{folder}/workers.sqlite"}}
  http: !HttpServer {{address: "127.0.0.1:{port}"}}
"""
ACTIONS = ("RebootInstances", "StopInstances", "StartInstances")
GUEST, HOST = {"instance": "impaired"}, {"system": "impaired", "instance": "impaired"}


class Site:
    """Instances, and an agent that watches them."""

    def __init__(self, aws, ids, folder):
        self.aws, self.ids, self.folder = aws, ids, folder

    def agent(self, remediation):
        """The agent as a process."""
        workers = json.dumps([{"instance_id": id_, "region": "eu-west-1"} for id_ in self.ids])
        words = {"folder": self.folder, "port": free_port(), "remediation": remediation}
        return Agent("-c", write_config(self.folder, CONFIG.format(workers=workers, **words)))

    def polls(self, count):
        """Wait for the end of so many polls."""
        attempts = self.aws.attempts
        wanted = attempts["DescribeInstanceStatus"] + count + 1
        wait_until(lambda: attempts["DescribeInstanceStatus"] >= wanted, "polls")

    def wait_for(self, action):
        wait_until(lambda: self.aws.attempts[action], action)

    @property
    def done(self):
        """What EC2 was asked to do: action and instance, in order."""
        return [
            (request.action, request.arguments["InstanceId.1"])
            for request in self.aws.requests
            if request.action in ACTIONS
        ]

    def records(self):
        """What is kept of it: instance, action and outcome, in order."""
        store = SqliteWorkerStore(str(self.folder / "workers.sqlite"))
        try:
            kept = store.actions(0.0)
        finally:
            store.close()
        return [(one.worker.id, str(one.action), one.outcome) for one in kept]


def end(agent):
    agent.end()
    assert agent.process.returncode == 0, agent.err


@pytest.fixture
def site(aws, run_instances, tmp_path):
    return Site(aws, run_instances(3), tmp_path)


def test_by_default_it_only_records_what_it_would_have_done(site):
    one, other, _ = site.ids
    site.aws.ec2.checks = {one: GUEST, other: HOST}
    with site.agent("") as agent:
        site.polls(2)
        end(agent)
    assert site.done == []
    assert site.records() == [(one, "reboot", "dry run"), (other, "stop", "dry run")]


def test_what_fails_is_rebooted_or_moved_once_within_the_limits_also_over_a_restart(site):
    guest, host, third = site.ids
    site.aws.ec2.checks = {guest: GUEST, host: HOST, third: GUEST}
    once = [
        ("RebootInstances", guest),
        ("StopInstances", host),
        ("StartInstances", host),  # it runs again, and its checks fail still
    ]
    for _ in range(2):
        with site.agent("dry_run: false, max_per_hour: 2") as agent:
            site.wait_for("StartInstances")
            site.polls(2)
            end(agent)
        assert site.done == once
    records = site.records()
    assert [one for one in records if one[2] == "done"] == [
        (guest, "reboot", "done"),
        (host, "stop", "done"),
        (host, "start", "done"),
    ]
    assert [one for one in records if one[0] == third] == [
        (third, "reboot", "held back: 2 actions within an hour are the most")
    ]


def test_what_an_agent_did_when_it_was_killed_is_not_done_twice_and_what_it_stopped_is_started(
    site,
):
    guest, host, _ = site.ids
    late = 0.5  # EC2 is asked, and the agent that waits for the answer is killed
    for checks, action in (({guest: GUEST}, "RebootInstances"), ({host: HOST}, "StopInstances")):
        site.aws.ec2.checks |= checks
        site.aws.faults.append(Fault(delay=late, answers=True, of=action))
        with site.agent("dry_run: false") as agent:
            site.wait_for(action)
            agent.end(signal.SIGKILL)
        wait_until(lambda done=action: done in dict(site.done), f"{action} reaches EC2")
    assert site.records() == [(guest, "reboot", "begun"), (host, "stop", "begun")]
    with site.agent("dry_run: false") as agent:
        site.wait_for("StartInstances")
        site.polls(2)
        end(agent)
    assert site.done == [
        ("RebootInstances", guest),
        ("StopInstances", host),
        ("StartInstances", host),
    ]
