"""An agent that is killed at any moment loses no sample that ``store`` had taken over.

It is the agent itself, as a service would run it, with a spool. A storage behind that of Kafka says
which batches it has taken.
"""

import re
import time
from collections import Counter

import pytest

from tests.chance import KILLS, Chance
from tests.kafka.reading import texts
from tests.kafka.segments import size
from tests.main.agent import Agent, wait_until, write_config

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
  interval: 0.05
  metrics_storage: !MultiStorage
    storages:
      - !KafkaStorage
        topic: {topic}
        brokers_ips: ["{address}"]
        queue: {{first_retry: 0.05}}
        spool:
          path: {folder}/spool/kafka.spool
      - !Witness
        path: {folder}/taken
"""
SAMPLE = re.compile(r"^([^#\n].*) \S+ (\d+)$", re.MULTILINE)


class Killing:
    """Runs the agent again and again."""

    def __init__(self, broker, topic, folder):
        self.broker, self.topic, self.folder = broker, topic, folder
        (folder / "spool").mkdir(0o700)
        (folder / "taken").touch()
        text = CONFIG.format(topic=topic, address=broker.address, folder=folder)
        self.arguments = (
            "-c",
            write_config(folder, text),
            "--register",
            "tests.kafka.witness:Witness",
        )
        #: Kills of agents of which the broker had got something.
        self.after_deliveries = 0

    def kill_one(self, chance, after_delivery):
        """Start an agent and kill it at some moment after its first batch, or its first delivery."""
        taken, stored = len(self.taken()), size(self.broker, self.topic)
        with Agent(*self.arguments) as agent:
            wait_until(lambda: len(self.taken()) > taken, "a batch")
            if after_delivery:
                wait_until(lambda: size(self.broker, self.topic) > stored, "a delivery")
            time.sleep(chance.uniform(0, 0.4))
            agent.process.kill()
            agent.process.wait()
        self.after_deliveries += size(self.broker, self.topic) > stored

    def finish(self):
        """Let an agent deliver everything, and end it in order; samples taken, and those twice."""
        with Agent(*self.arguments) as agent:
            promised = self.taken()
            wait_until(lambda: not self.missing(promised), "all that was taken in the topic", 60)
            agent.end()
        assert agent.process.returncode == 0
        assert "fails" not in agent.err
        arrived = self.arrived()
        twice = sum(times - 1 for times in arrived.values())
        return sum(promised.values()), twice

    def taken(self):
        """Time of each batch that was taken, as it stands in a message, and how many it holds."""
        lines = (self.folder / "taken").read_text().splitlines()
        return {when: int(count) for when, count in (line.split() for line in lines)}

    def missing(self, promised):
        """Batches of which not all samples are in the topic."""
        found = Counter(when for _, when in self.arrived())
        return {when: count for when, count in promised.items() if found[when] < count}

    def arrived(self):
        """How often each sample, series and time, is in the topic."""
        return Counter(
            sample
            for text in texts(self.broker.read(self.topic))
            for sample in SAMPLE.findall(text)
        )


def test_what_store_had_taken_arrives_although_the_agent_is_killed(broker, topic, tmp_path):
    chance, killing = Chance(), Killing(broker, topic, tmp_path)
    for number in range(4):
        killing.kill_one(chance, after_delivery=number % 2)
    taken, _ = killing.finish()
    assert killing.after_deliveries >= 2
    assert taken > 100


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_kills_lose_nothing(broker, topic, tmp_path, capsys):
    began, chance, killing = time.monotonic(), Chance(), Killing(broker, topic, tmp_path)
    for number in range(KILLS):
        killing.kill_one(chance, after_delivery=number % 2)
    taken, twice = killing.finish()
    assert killing.after_deliveries >= KILLS // 2
    with capsys.disabled():
        print(
            f"\n{KILLS} kills of the agent in {time.monotonic() - began:.0f} s (seed "
            f"{chance.start}), {killing.after_deliveries} after deliveries: {taken} samples taken, "
            f"0 lost, {twice} twice"
        )
