"""Agents that act on real groups of cgroup v1 and are killed: every file comes back."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cgroup_fixtures import v1_cgroups  # noqa: F401
from tests.chance import KILLS
from tests.services import program
from wca.allocations.confined import ConfinedFiles, control_roots
from wca.allocations.journal import Journal, recover

ROOT = Path(__file__).parents[2]
LEASE = 0.5
#: Seconds until it is a failure; the lease and the guardian's interval are far below.
DEADLINE = 20.0
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

    def agent(self):
        agent = self.start(
            "tests.allocations.acting_agent",
            *(self.journal, self.hold, str(LEASE), *self.groups),
            stdout=subprocess.PIPE,
        )
        assert agent.stdout.readline() == "acting\n", agent.stderr.read()
        return agent

    def guardian(self):
        return self.start(
            "wca.allocations.guardian",
            *("--journal", self.journal, "--hold", self.hold, "--every", "0.1"),
        )

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


def kill_while_acting(node, agent):
    assert node.is_changed_within_the_deadline()
    time.sleep(random.uniform(0, 0.1))
    agent.kill()
    agent.wait()


def the_guardian_restores(node, kills):
    guardian = node.guardian()
    for _ in range(kills):
        kill_while_acting(node, node.agent())
        assert node.is_as_before_within_the_deadline(), node.values()
    assert guardian.poll() is None


def the_next_start_restores(node, kills):
    for _ in range(kills):
        guardian, agent = node.guardian(), node.agent()
        assert node.is_changed_within_the_deadline()
        time.sleep(random.uniform(0, 0.1))
        for process in (guardian, agent):
            process.kill()
            process.wait()
        journal = Journal(node.journal)
        journal.open()
        recover(journal, ConfinedFiles(control_roots()), time.time())
        assert (node.values(), journal.entries()) == (node.before, [])
        journal.close()


def test_the_guardian_restores_what_a_killed_agent_has_changed(node):
    the_guardian_restores(node, kills=10)


def test_the_next_start_restores_when_both_were_killed(node):
    the_next_start_restores(node, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_guardian_restores_after_many_kills(node):
    the_guardian_restores(node, KILLS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_next_start_restores_after_many_kills_of_both(node):
    the_next_start_restores(node, KILLS)


def test_a_touched_hold_file_is_obeyed_even_when_the_agent_hangs(node):
    node.guardian()
    agent = node.agent()
    assert node.is_changed_within_the_deadline()
    os.kill(agent.pid, signal.SIGSTOP)
    subprocess.run(["touch", node.hold], check=True)
    assert node.is_as_before_within_the_deadline(), node.values()
    os.kill(agent.pid, signal.SIGCONT)
    assert "held by" in agent.stderr.readline()  # it lives, and writes nothing
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
