"""The whole agent acting on real groups of cgroup v1: every way in which it can end or be stopped."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.allocations.test_kills import NAMES, Node, eventually
from tests.cgroup_fixtures import v1_cgroups  # noqa: F401
from tests.chance import KILLS, Chance
from wca.allocations.journal import Journal
from wca.allocations.ownership import MOST_REWRITES

RULES = "[{allocations: {cpu_quota: 0.1, cpu_shares: 0.4}}]"
CONFIG = """
runner: !AllocationRunner
  node: !StaticNode {{tasks: {tasks}, require_pids: false}}
  interval: 100ms
  act: {act}
  lease: 1s
  hold: {hold}
  at_start: {at_start}
  foreign_writes: {foreign_writes}
  journal: {journal}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies}}
  allocations_storage: !LogStorage {{output_filename: {out}}}
  allocator: !StaticAllocator {{rules: {rules}}}
"""


class Agents(Node):
    """Two groups that have limits of their own, and agents that change them."""

    def __init__(self, cgroups, folder, stack):
        super().__init__(cgroups, folder, stack)
        self.folder, self.started = folder, 0
        self.tasks = [f"{cgroups.parent}/{name}" for name in ("one", "two")]

    def agent(self, rules=RULES, act="true", module="wca", **options):
        self.started += 1
        options = {"at_start": "undo", "foreign_writes": "yield", **options}
        self.out = self.folder / f"out{self.started}"
        config = self.folder / "config.yaml"
        config.write_text(CONFIG.format(**vars(self), rules=rules, act=act, **options))
        return self.start(module, "run", "--root", "-c", str(config))

    def acting(self, **options):
        """An agent that has done all that it wants."""
        agent = self.agent(**options)
        assert self.told("allocations_count")
        assert eventually(lambda: self.texts() == ["400", "20000"] * 2), self.why(agent)
        return agent

    def texts(self):
        """Shares and quota of both groups; quota per CPU as if there were two."""
        found = list(self.values().items())
        return [
            str(int(int(text) * 2 / os.cpu_count())) if "quota" in path else text
            for path, text in found
            if "idle" not in path
        ]

    def why(self, agent):
        return self.values(), agent.poll() is not None and agent.stderr.read()

    def told(self, text):
        return eventually(lambda: self.out.exists() and text in self.out.read_text())

    def in_force(self):
        return Journal(self.journal).entries()


@pytest.fixture
def node(v1_cgroups, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        yield Agents(v1_cgroups, tmp_path, stack)


def kill(process):
    process.kill()
    process.wait()


def test_sigterm_gives_everything_back(node):
    agent = node.acting()
    assert len(node.in_force()) == 4
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0, agent.stderr.read()
    assert (node.values(), node.in_force()) == (node.before, [])


def test_sigterm_that_leaves_too_little_time_is_told_and_the_guardian_does_the_rest(node):
    agent = node.acting(module="tests.allocations.slow_agent")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 1
    assert "could not be given back in time" in agent.stderr.read()
    assert 0 < len(node.in_force()) < 4
    node.guardian()
    assert node.is_as_before_within_the_deadline(), node.values()


def test_an_agent_whose_journal_is_removed_gives_everything_back(node):
    agent = node.acting()
    os.unlink(node.journal)
    assert eventually(lambda: os.path.exists(node.journal) and len(node.in_force()) == 4)
    os.unlink(node.journal)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0, agent.stderr.read()
    assert (node.values(), node.in_force()) == (node.before, [])


def test_what_a_killed_agent_has_left_the_next_one_gives_back_first(node):
    kill(node.acting())
    assert node.values() != node.before, "this is what the journal is for"
    assert len(node.in_force()) == 4
    node.agent(rules="[{task_id: nobody, allocations: {cpu_shares: 0.1}}]")
    assert node.told("allocations_in_force")
    assert (node.values(), node.in_force()) == (node.before, [])


def test_what_a_killed_agent_has_left_one_that_does_not_act_gives_back_too(node):
    kill(node.acting())
    assert node.values() != node.before
    node.agent(act="false")
    assert node.told('outcome="would"')
    assert (node.values(), node.in_force()) == (node.before, [])


def test_one_that_does_not_act_leaves_alone_what_a_living_agent_does(node):
    node.acting()
    changed = node.values()
    node.agent(act="false")
    assert node.told("allocations_count")
    assert (node.values(), len(node.in_force())) == (changed, 4)


def test_what_a_killed_agent_has_left_the_guardian_gives_back(node):
    node.guardian()
    agent = node.acting()
    time.sleep(1.5)
    assert node.values() != node.before, "the agent renews the lease"
    kill(agent)
    assert node.is_as_before_within_the_deadline(), node.values()


def test_the_agent_knows_the_first_values_after_many_kills(node):
    for _ in range(3):
        kill(node.acting())
    agent = node.acting()
    agent.terminate()
    assert agent.wait(20) == 0
    assert node.values() == node.before


def test_an_agent_that_adopts_keeps_what_its_allocator_still_asks_for(node):
    kill(node.acting())
    shares, quotas = ([f"{group}/{name}" for group in node.groups] for name in NAMES[:2])
    Path(shares[1]).write_text("555")  # somebody else, while no agent lives
    agent = node.agent(rules="[{allocations: {cpu_shares: 0.4}}]", at_start="adopt")
    seen = []
    assert eventually(lambda: seen.append(node.texts()) or len(node.in_force()) == 2), seen[-1]
    assert seen[len(seen) // 2][:2] == ["400", "20000"], "in force until it is known"
    assert {one[0] for one in seen} == {"400"}, "without a gap"
    after = node.values()
    assert [after[path] for path in quotas] == [node.before[path] for path in quotas]
    agent.terminate()
    assert agent.wait(20) == 0
    assert node.values() == {**node.before, shares[1]: "555"}


class Rewriter:
    """A fake kubelet: writes its value every 0.3 s, wherever there is another one."""

    def __init__(self, path, value):
        self._path, self._value = Path(path), value
        self.rewrites = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.3):
            if self._path.read_text() != self._value:
                self._path.write_text(self._value)
                self.rewrites += 1


@pytest.mark.parametrize(
    ("policy", "most", "says"),
    [
        ("yield", 1, "left alone"),
        pytest.param("reassert", MOST_REWRITES + 1, "again and again", marks=pytest.mark.slow),
    ],
)
def test_a_kubelet_that_rewrites_keeps_its_value_after_a_few_rewrites(node, policy, most, says):
    path = f"{node.groups[0]}/cpu.shares"
    agent = node.agent(foreign_writes=policy)
    assert node.told("allocations_in_force")
    assert eventually(lambda: Path(path).read_text() == "400\n")
    with Rewriter(path, "700\n") as kubelet:
        until = time.monotonic() + 60  # the pauses are 15 seconds together
        while kubelet.rewrites < most and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(2)  # were it to go on, it would have
        assert (kubelet.rewrites, Path(path).read_text()) == (most, "700\n")
    counted = rf'foreign_writes_total{{[^}}]*kind="kubelet reset"[^}}]*}} {most} '
    assert eventually(lambda: re.search(counted, node.out.read_text()))
    assert Path(f"{node.groups[1]}/cpu.shares").read_text() == "400\n", "other tasks are as before"
    agent.terminate()
    assert agent.wait(20) == 0
    assert says in agent.stderr.read()
    assert node.values() == node.before


@pytest.mark.slow
def test_two_agents_that_both_insist_come_to_rest(node):
    node.agent(rules="[{allocations: {cpu_shares: 0.4}}]", foreign_writes="reassert")
    assert eventually(lambda: node.texts()[0] == "400")
    node.journal += "2"
    node.agent(rules="[{allocations: {cpu_shares: 0.3}}]", foreign_writes="reassert")
    changes, last, still = 0, None, time.monotonic()
    while time.monotonic() < still + 9:  # the longest pause is eight seconds
        now = node.texts()[0]
        if now != last:
            changes, last, still = changes + 1, now, time.monotonic()
        time.sleep(0.02)
    assert changes <= 2 * (MOST_REWRITES + 1) + 1


def test_without_act_nothing_is_written(node):
    node.agent(act="false")
    assert node.told('outcome="would"')
    assert node.values() == node.before
    assert not (node.folder / "journal").exists()


def test_a_hold_file_gives_everything_back_in_the_interval_in_which_it_is_seen(node):
    node.acting()
    (node.folder / "hold").touch()
    # Told after what was done in an interval: the one in which the file was there, or the next.
    assert node.told("allocations_held 1") or node.told("allocations_held{"), node.out.read_text()
    assert node.is_as_before_within_the_deadline()
    held = node.out.read_text().count('clause="hold"')
    assert eventually(lambda: node.out.read_text().count('clause="hold"') > held + 2)
    assert node.values() == node.before, "nothing is written while it is held"
    (node.folder / "hold").unlink()
    assert node.is_changed_within_the_deadline()


def test_a_second_agent_with_the_same_journal_is_refused(node):
    node.acting()
    second = node.agent()
    assert second.wait(20) != 0
    told = second.stderr.read()
    assert "another agent uses this journal" in told
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_kills_of_the_agent_at_any_moment_leave_nothing_behind(node):
    chance = Chance()
    for _ in range(KILLS):
        agent = node.agent()
        time.sleep(chance.uniform(0.3, 1.5))
        kill(agent)
    command = [sys.executable, "-m", "wca", "undo", "--journal", node.journal, "--yes"]
    subprocess.run(command, check=True, capture_output=True)
    assert (node.values(), node.in_force()) == (node.before, [])
