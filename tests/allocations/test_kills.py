"""Agents that act on real groups of cgroup v1 and are killed: every file comes back."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cgroup_fixtures import v1_cgroups  # noqa: F401
from tests.chance import KILLS, Chance
from tests.services import program
from wca.allocations.confined import ConfinedFiles, control_roots
from wca.allocations.journal import Journal, recover

ROOT = Path(__file__).parents[2]
LEASE = 0.5
#: Seconds until it is a failure; the lease and the guardian's interval are far below.
DEADLINE = 20.0
AGENT = "tests.allocations.acting_agent"
NAMES = ("cpu.shares", "cpu.cfs_quota_us", "cpu.idle")


class Node:
    """Groups with values of their own, an agent and a guardian."""

    def __init__(self, cgroups, folder, stack):
        self.stack = stack
        self.journal = str(folder / "journal")
        self.hold = str(folder / "hold")
        self.groups = [
            cgroups.locate(cgroups.make(name)).directory("cpu") for name in ("one", "two")
        ]
        for number, group in enumerate(self.groups):
            Path(f"{group}/cpu.shares").write_text(str(700 + number))
            Path(f"{group}/cpu.cfs_quota_us").write_text(("-1", "60000")[number])
        self.before = self.values()
        self._container = self._guardian = None

    def values(self):
        return {
            f"{group}/{name}": Path(f"{group}/{name}").read_text().strip()
            for group in self.groups
            for name in NAMES
        }

    def start(self, module, *arguments, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            text=True,
            stderr=subprocess.PIPE,
            **options,
        )
        self.stack.callback(end, process)
        return process

    def agent(self, **environment):
        agent = self.start(
            AGENT,
            *self.arguments,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        assert agent.stdout.readline() == "acting\n", agent.stderr.read()
        return agent

    @property
    def arguments(self):
        return (self.journal, self.hold, str(LEASE), *self.groups)

    def in_a_container(self, cgroups):
        """An agent that is not alone in a group of its own; the process that has started both."""
        procs = f"{self.container(cgroups)}/cgroup.procs"
        script = f'echo $$ > {procs}; sleep 1000 & sleep 1000 & {sys.executable} -m {AGENT} "$@"'
        shell = subprocess.Popen(
            ["sh", "-c", script, "sh", *self.arguments],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.stack.callback(end, shell)
        assert shell.stdout.readline() == "acting\n", shell.stderr.read()
        return shell

    def container(self, cgroups):
        if self._container is None:
            self._container = cgroups.locate(cgroups.make("container")).directory("pids")
        return self._container

    def kill_container(self, cgroups):
        """All of its processes, as a runtime does, until none is left."""
        while pids := Path(f"{self.container(cgroups)}/cgroup.procs").read_text().split():
            for pid in map(int, pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def guardian(self):
        """One, as long as it lives."""
        if self._guardian is None or self._guardian.poll() is not None:
            self._guardian = self.start(
                "wca.allocations.guardian",
                *("--journal", self.journal, "--hold", self.hold, "--every", "0.1"),
            )
        return self._guardian

    def is_changed_within_the_deadline(self):
        return eventually(lambda: self.values() != self.before)

    def is_as_before_within_the_deadline(self):
        return eventually(lambda: self.values() == self.before)


def eventually(condition):
    deadline = time.monotonic() + DEADLINE
    while not (now := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return now


def end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture
def node(v1_cgroups, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        yield Node(v1_cgroups, tmp_path, stack)


@dataclass
class Told:
    """What is known of the kills of one run.

    Args:
        kills: how many.
        changed: after how many of them a file was not as before.
        within: how many were within a write: announced, and not settled.
        cut: how many left half of a record in the journal.
        files: that were not as before, over all kills.
        seconds: from each kill until all was as before.
    """

    kills: int = 0
    changed: int = 0
    within: int = 0
    cut: int = 0
    files: int = 0
    seconds: list = field(default_factory=list)

    def look(self, node):
        """At what a kill has left behind."""
        self.kills += 1
        before, now = node.before, node.values()
        different = sum(now[path] != text for path, text in before.items())
        self.files += different
        self.changed += different > 0
        self.within += any(entry.pending for entry in Journal(node.journal).entries())
        self.cut += not Path(node.journal).read_bytes().endswith(b"\n")

    def __str__(self):
        self.seconds.sort()
        middle, last = self.seconds[len(self.seconds) // 2], self.seconds[-1]
        return (
            f"{self.kills} kills, {self.changed} with {self.files} changed files, {self.within} "
            f"within a write, {self.cut} within a record; all back after {middle:.2f} s in the "
            f"median, {last:.2f} s at most"
        )


class Kills:
    """Ways to kill an agent while it acts, at any moment, and who gives everything back then."""

    def __init__(self, node, cgroups):
        self.node, self.cgroups = node, cgroups
        self.chance = Chance()
        self.told = Told()

    def of_the_agent(self):
        """The guardian lives."""
        agent = self.acting()
        agent.kill()
        agent.wait()
        self.the_guardian_restores()

    def of_its_container(self):
        """The agent and all other processes of its group; the guardian is in another one."""
        agent = self.acting(self.node.in_a_container(self.cgroups))
        self.node.kill_container(self.cgroups)
        agent.wait()
        self.the_guardian_restores()

    def of_agent_and_guardian(self):
        """The next agent gives everything back before it does anything else."""
        agent, guardian = self.acting(), self.node.guardian()
        for process in self.chance.sample([agent, guardian], 2):
            process.kill()
        agent.wait()
        guardian.wait()
        self.the_next_start_restores()

    def within_a_record(self):
        """Half of a record is in the journal; then the one or the other gives everything back."""
        cut = f"{self.chance.randrange(40)} {self.chance.random()}"
        assert self.node.agent(WCA_TEST_CUT=cut).wait() == -signal.SIGKILL
        self.chance.choice([self.the_guardian_restores, self.the_next_start_restores])()

    def acting(self, agent=None):
        agent = agent or self.node.agent()
        assert self.node.is_changed_within_the_deadline()
        time.sleep(self.chance.uniform(0, 0.1))
        return agent

    def the_guardian_restores(self):
        """Within the lease, and the interval in which the guardian looks."""
        killed = time.monotonic()
        self.told.look(self.node)
        guardian = self.node.guardian()
        assert self.node.is_as_before_within_the_deadline(), self.node.values()
        self.told.seconds.append(time.monotonic() - killed)
        assert guardian.poll() is None

    def the_next_start_restores(self):
        killed = time.monotonic()
        self.told.look(self.node)
        journal = Journal(self.node.journal)
        journal.open()
        recover(journal, ConfinedFiles(control_roots()), time.time())
        assert (self.node.values(), journal.entries()) == (self.node.before, [])
        self.told.seconds.append(time.monotonic() - killed)
        journal.close()


WAYS = ["of_the_agent", "of_its_container", "of_agent_and_guardian", "within_a_record"]


@pytest.mark.parametrize("way", WAYS)
def test_every_file_comes_back_after_a_kill(node, v1_cgroups, way):  # noqa: F811
    kill_again_and_again(Kills(node, v1_cgroups), way, 3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", WAYS)
def test_every_file_comes_back_after_many_kills(node, v1_cgroups, way):  # noqa: F811
    kill_again_and_again(Kills(node, v1_cgroups), way, KILLS)


def kill_again_and_again(kills, way, times):
    for _ in range(times):
        getattr(kills, way)()
    print(f"{way}: {kills.told}")
    assert kills.told.kills == times
    # A guardian that found the agent too slow has written behind the half of the record.
    assert (kills.told.cut if way == "within_a_record" else kills.told.changed) > 0


def test_a_touched_hold_file_is_obeyed_even_when_the_agent_hangs(node):
    node.guardian()
    agent = node.agent()
    assert node.is_changed_within_the_deadline()
    os.kill(agent.pid, signal.SIGSTOP)
    subprocess.run(["touch", node.hold], check=True)
    assert node.is_as_before_within_the_deadline(), node.values()
    os.kill(agent.pid, signal.SIGCONT)
    # It lives, and writes nothing; first it may tell of the write within which it was stopped.
    assert any("held by" in agent.stderr.readline() for _ in range(2))
    assert node.is_as_before_within_the_deadline(), node.values()
    os.unlink(node.hold)
    assert node.is_changed_within_the_deadline()


def test_the_disk_has_the_entry_before_the_kernel_has_the_value(node, tmp_path):
    strace = program("strace", package="strace")
    log = tmp_path / "calls"
    script = (
        "import sys, time; from tests.allocations.acting_agent import *;"
        "j = Journal(sys.argv[1]); j.open(); f = ConfinedFiles(control_roots()); g = sys.argv[2];"
        "w = Write(g + '/cpu.shares', f.read(g + '/cpu.shares'), '77', 't', '', (g, f.inode(g)));"
        "perform(j, f, w, time.time() + 1)"
    )
    traced = [strace, "-y", "-o", str(log), "-e", "trace=write,fdatasync", sys.executable, "-c"]
    subprocess.run([*traced, script, node.journal, node.groups[0]], cwd=ROOT, check=True)
    calls = re.findall(r"(write|fdatasync)\(\d+<([^>]+)>", log.read_text())
    ours = [
        (call, path)
        for call, path in calls
        if path in (node.journal, f"{node.groups[0]}/cpu.shares")
    ]
    assert ours == [
        ("write", node.journal),
        ("fdatasync", node.journal),
        ("write", f"{node.groups[0]}/cpu.shares"),
        ("write", node.journal),
        ("fdatasync", node.journal),
    ]
    recover_by_hand = [sys.executable, "-m", "wca", "undo", "--journal", node.journal, "--yes"]
    done = subprocess.run(recover_by_hand, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{node.groups[0]}/cpu.shares: restored\n"
    assert node.values() == node.before


def test_this_kernel_refuses_shares_of_an_idle_group_and_forgets_them(node):
    """What the journal's two entries for cpu.idle are for: seen on 6.18, and as the stand-in does."""
    shares, idle = (Path(f"{node.groups[0]}/{name}") for name in ("cpu.shares", "cpu.idle"))
    idle.write_text("1")
    assert shares.read_text() == "3\n"
    with pytest.raises(OSError, match="Invalid argument"):
        shares.write_text("512")
    idle.write_text("0")
    assert shares.read_text() == "1024\n"  # and not 700
