"""The whole agent over a hundred restarts: no change of an alert is lost, and none is doubled.

Between two runs it was ended by SIGTERM, or by ``kill -9``, while alerts fired and were over and the
receiver failed in every way that one can.
"""

import random
import signal
import time
from collections import Counter

import pytest

from tests.chance import KILLS
from tests.main.agent import Agent, wait_until, write_config
from tests.services import free_port
from tests.workers.flaky import PATIENCE, SECRET, Flaky
from tests.workers.restarted import KINDS, RULES, Watched, doubled, heard, unexplained

#: Restarts of one site, of a hundred in all.
TOGETHER = 20
CONFIG = """
runner: !WorkerMonitoringRunner
  interval: 1s
  jitter: 0
  workers: !StaticWorkers
    workers:
{workers}
  cloud: !AwsCloud {{settle: 0}}
  metrics: [{{name: cpu, namespace: AWS/EC2, metric: CPUUtilization}}]
  rules:
  - !ThresholdRule {{metric: cpu, above: 90, clear_below: 80, name: {cpu}}}
  - !StatusCheckRule {{name: {checks}}}
  - !StateChangeRule {{from: running, to: [stopped, terminated], name: {stop}}}
  notifiers:
  - !WebhookNotifier {{url: "{hook}", secret: {secret}, timeout: {patience}s}}
  schedule: !ApsSchedule
    store: !SqliteJobStore {{path: "{folder}/jobs.sqlite"}}
  store: !SqliteWorkerStore {{path: "{folder}/workers.sqlite"}}
  history: !SqliteHistory {{path: "{folder}/history.sqlite"}}
  http: !HttpServer {{address: "127.0.0.1:{port}"}}
"""


class Restarts:
    """An agent that is ended and started again while the fleet changes."""

    def __init__(self, aws, watched, receiver, config, chance):
        self.aws, self.watched, self.receiver = aws, watched, receiver
        self.config, self.chance = config, chance
        #: When it was killed, and how often it ended how.
        self.kills = []
        self.ends = Counter()

    @property
    def heard(self):
        return heard(self.receiver.taken)

    def go_on(self, seconds, until=lambda: False):
        """Let things happen for some time, or until something has."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self.watched.step(self.heard)
            time.sleep(0.02)

    def run(self):
        """One run, which ends at any moment, now and then while it starts."""
        polls = self.aws.attempts["DescribeInstanceStatus"]
        if self.chance.random() < 0.2:
            self.receiver.go_away()
        with Agent("-c", self.config) as agent:
            if self.chance.random() < 0.1:
                self.go_on(self.chance.uniform(0, 2))
            else:
                self.go_on(30, lambda: self.aws.attempts["DescribeInstanceStatus"] > polls)
                self.go_on(self.chance.uniform(0, 1))
                self.receiver.come_back()
                self.go_on(self.chance.uniform(0, 1.5))
            self.end(agent, self.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        self.receiver.come_back()

    def end(self, agent, how):
        agent.end(how)
        code = agent.process.returncode
        assert code in (0, -how), agent.err  # a SIGTERM kills before it can be taken
        if code:
            self.kills.append(time.monotonic())
        self.ends["killed" if code else "in order"] += 1

    def begin(self):
        """A run in which nothing changes, so that it is known how all workers are."""
        with Agent("-c", self.config) as agent:
            self.wait_for_polls(2)
            self.end(agent, signal.SIGTERM)

    def settle(self):
        """A last run, in which the receiver takes everything, until it was told of all."""
        self.receiver.reliable = True
        with Agent("-c", self.config) as agent:
            end = time.monotonic() + 20
            while self.watched.problems(self.heard) and time.monotonic() < end:
                time.sleep(0.05)
            self.end(agent, signal.SIGTERM)

    def wait_for_polls(self, count):
        """Wait until the agent has asked so often; what it found before the last time is kept."""
        attempts = self.aws.attempts
        wanted = attempts["DescribeInstanceStatus"] + count
        wait_until(lambda: attempts["DescribeInstanceStatus"] >= wanted, "polls")


@pytest.fixture
def restarts(aws, run_instances, tmp_path, request):
    chance = random.Random(request.param)
    ids = run_instances(len(KINDS) + 2)
    workers = "".join(f"    - {{instance_id: {id_}, region: eu-west-1}}\n" for id_ in ids)
    with Flaky(chance) as receiver:
        words = {"hook": receiver.url, "secret": SECRET, "patience": PATIENCE, **RULES}
        text = CONFIG.format(workers=workers, folder=tmp_path, port=free_port(), **words)
        watched = Watched(aws, ids, chance)
        yield Restarts(aws, watched, receiver, write_config(tmp_path, text), chance)
        watched.close()


def check(restarts, runs):
    restarts.begin()
    for number in range(runs):
        restarts.run()
        if number == runs // 3:
            restarts.watched.end_one()
    restarts.settle()
    taken, kills = restarts.receiver.taken, restarts.kills
    told = len(taken)
    restarts.begin()  # nothing has changed, and nobody is told
    problems = restarts.watched.problems(restarts.heard)
    again = unexplained(taken, kills)
    print(
        f"{runs} restarts: ended {dict(restarts.ends)}; changes of alerts "
        f"{len({one.id for one in taken})}, lost or wrong {len(problems)}; told twice "
        f"{len(doubled(taken))}, of these without a lost answer or a kill {len(again)}"
    )
    assert problems == []
    assert again == []
    assert len(taken) == told
    assert restarts.receiver.complaints == []


@pytest.mark.parametrize("restarts", [9], indirect=True)
def test_over_some_restarts_no_change_is_lost_or_doubled(restarts):
    check(restarts, 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("restarts", range(KILLS // TOGETHER), indirect=True)
def test_over_a_hundred_restarts_no_change_is_lost_or_doubled(restarts):
    check(restarts, TOGETHER)
