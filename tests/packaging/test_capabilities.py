"""What an ordinary user measures of root's processes, with each capability and without it.

The agent runs as WCA_TEST_USER with the capabilities that are named here and no other, as a unit with
AmbientCapabilities gives them to it.
"""

import glob
import json
import os
import pwd
import re
from dataclasses import dataclass

import pytest

from tests.cgroup_fixtures import need_root
from tests.collectors.test_task_network import UNSHARE
from tests.services import missing, program

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: [{task}]
  interval: 100ms
  discovery_interval: 200ms
  event_names: [task_context_switches]
  extra_collectors:
    - !TaskNetworkCollector
    - !TaskWssCollector {{reset_cycles: 1}}
    - !TaskSchedstatCollector
  metrics_storage: !LogStorage
"""
#: By capability: a metric that it brings, and what is said without it.
BROUGHT = {
    "CAP_PERFMON": (
        "task_context_switches",
        (
            r"perf_event_open is refused \(perf_event_paranoid is \d\): run as root, give the agent "
            "CAP_PERFMON, or write 0 to /proc/sys/kernel/perf_event_paranoid"
        ),
    ),
    "CAP_SYS_PTRACE": (
        "task_network_receive_bytes",
        "/proc/PID/ns/net cannot be read: CAP_SYS_PTRACE is needed",
    ),
}
#: What needs no right.
ALWAYS = {
    "task_up",
    "task_cpu_usage_seconds",
    "task_mem_usage_bytes",
    "task_run_queue_delay_seconds",
    "platform_cpu_seconds",
}
WSS = "task_wss_referenced_bytes"
WSS_REFUSED = (
    r"/proc/\d+/{file} cannot be {done}: Permission denied; those of other users' processes need "
    "CAP_SYS_PTRACE and CAP_DAC_OVERRIDE"
)


@dataclass
class Confined:
    """Runs the agent with some capabilities.

    Args:
        checkout: as whose owner.
        config: path of the configuration.
        task: id of the task.
    """

    checkout: object
    config: str
    task: str

    def run(self, command, *capabilities):
        """A command of the agent; the finished process."""
        names = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in capabilities)
        listed = f"-all,{names}" if names else "-all"
        identity = self.checkout.identity()
        setpriv = [
            program("setpriv", package="util-linux"),
            f"--reuid={identity['user']} --regid={identity['group']} --clear-groups",
            f"--inh-caps={listed} --ambient-caps={listed} --bounding-set={listed} --no-new-privs",
        ]
        line = f"{' '.join(setpriv)} ./dist/wca.pex {command} -c {self.config}"
        return self.checkout.shell(line, as_root=True)

    def measure(self, *capabilities):
        """Names of the metrics that have a value, and what the agent says."""
        done = self.run("run --iterations 8 --log info", *capabilities)
        assert done.returncode == 0, done.stderr
        return set(re.findall(r"^(\w+)\{", done.stdout, re.MULTILINE)), done.stderr

    def doctor(self, *capabilities):
        """What `wca doctor` says of the configuration, by subject; exit code."""
        done = self.run("doctor --json", *capabilities)
        said = json.loads(done.stdout)
        return {one["subject"]: one for one in said["needed"]}, done.returncode


@pytest.fixture
def agent(checkout, real_cgroups):
    """The agent beside a task of root's, in a network namespace of its own."""
    need_root()
    with open("/proc/sys/kernel/perf_event_paranoid") as setting:
        if int(setting.read()) < 1:
            missing("everybody may count perf events here")
    task = real_cgroups.make("task")
    worker = real_cgroups.worker(task)
    worker.do(UNSHARE)
    worker.burn(0.05)
    config = os.path.join(checkout.folder, "capabilities.yaml")
    with open(config, "w") as file:
        file.write(CONFIG.format(task=task))
    checkout.shell(f"chown {checkout.user} {config}; chmod 644 {config}", as_root=True)
    yield Confined(checkout, config, task)
    os.remove(config)


@pytest.fixture
def without(agent):
    return agent.measure()


def test_without_any_right_groups_are_measured_and_what_lacks_is_said_once_each(agent, without):
    metrics, said = without
    assert metrics >= ALWAYS
    assert WSS not in metrics
    for metric, sentence in BROUGHT.values():
        assert metric not in metrics
        assert len(re.findall(sentence, said)) == 1, said
    assert re.search(WSS_REFUSED.format(file="smaps_rollup", done="read"), said), said
    assert "Traceback" not in said


@pytest.mark.parametrize("capability", BROUGHT)
def test_one_capability_brings_its_metric_and_no_other(agent, capability):
    metrics, said = agent.measure(capability)
    assert metrics >= ALWAYS
    for other, (metric, sentence) in BROUGHT.items():
        assert (metric in metrics) == (other == capability), said
        assert bool(re.search(sentence, said)) == (other != capability)


def test_the_working_set_needs_both_to_look_at_memory_and_to_take_marks_away(agent):
    metrics, said = agent.measure("CAP_SYS_PTRACE")
    assert re.search(WSS_REFUSED.format(file="clear_refs", done="written"), said), said
    metrics, said = agent.measure("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
    assert WSS in metrics
    assert "Permission denied" not in said


def test_doctor_names_each_capability_that_lacks_and_where_it_is_written(agent):
    said, code = agent.doctor()
    assert code == 1
    expected = {
        "TaskPerfCollector": "CAP_PERFMON",
        "TaskNetworkCollector": "CAP_SYS_PTRACE",
        "TaskWssCollector": "CAP_SYS_PTRACE",
    }
    for subject, capability in expected.items():
        assert not said[subject]["good"]
        assert capability in said[subject]["found"]
        assert said[subject]["remedy"] == (
            f"add {capability} to AmbientCapabilities and CapabilityBoundingSet of its unit"
        )
    said, code = agent.doctor("CAP_PERFMON", "CAP_SYS_PTRACE")
    assert said["TaskWssCollector"]["found"].endswith(
        "clear_refs is refused: CAP_DAC_OVERRIDE is needed"
    )
    said, code = agent.doctor("CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
    assert {one["subject"] for one in said.values() if not one["good"]} == set()
    assert code == 0


ACTS = """
runner: !AllocationRunner
  node: !StaticNode
    tasks: [{task}]
  interval: 100ms
  act: true
  journal: {folder}/journal
  hold: {folder}/hold
  records: {folder}/records
  envelope: !Envelope {{events_per_hour: {{kill: 5}}}}
  allocator: !StaticAllocator
    rules:
      - {{allocations: {granted}}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies}}
  allocations_storage: !LogStorage {{output_filename: {folder}/allocations}}
"""


class TestActing:
    """The agent is root with some capabilities; the task belongs to an ordinary user."""

    @pytest.fixture
    def act(self, checkout, real_cgroups, tmp_path):
        """act(granted, *capabilities): outcome and reason of the first decision."""
        need_root()
        task = real_cgroups.make("task")
        account = pwd.getpwnam(checkout.user)
        worker = real_cgroups.worker(task)
        worker.do(f"os.setgroups([]); os.setgid({account.pw_gid}); os.setuid({account.pw_uid})")
        for folder in glob.glob(f"/sys/fs/cgroup/*{task}"):
            for name in ("", "/cpu.shares"):
                if os.path.exists(folder + name):
                    os.chown(folder + name, account.pw_uid, account.pw_gid)
        (tmp_path / "config.yaml").touch(0o600)

        def act(granted, *capabilities):
            text = ACTS.format(task=task, folder=tmp_path, granted=granted)
            (tmp_path / "config.yaml").write_text(text)
            listed = ",".join(["-all", *(f"+{name[4:].lower()}" for name in capabilities)])
            setpriv = f"setpriv --inh-caps=-all --bounding-set={listed} --no-new-privs"
            command = f"wca.pex --root -c {tmp_path}/config.yaml --iterations 3"
            done = checkout.shell(
                f"{setpriv} ./dist/{command}", as_root=True, PEX_ROOT=str(tmp_path / "pex")
            )
            assert done.returncode == 0, done.stderr
            lines = (tmp_path / "records").read_text().splitlines()
            decisions = [one for one in map(json.loads, lines) if one["type"] == "allocation"]
            return decisions[0]["outcome"], decisions[0]["reason"]

        return act

    def test_a_group_of_another_user_is_written_with_the_capability_alone(self, act, tmp_path):
        outcome, reason = act("{cpu_shares: 0.5}")
        assert outcome == "failed"
        assert "Permission denied" in reason
        (tmp_path / "records").unlink()
        assert act("{cpu_shares: 0.5}", "CAP_DAC_OVERRIDE")[0] == "applied"

    def test_a_process_of_another_user_is_killed_with_the_capability_alone(self, act, tmp_path):
        outcome, reason = act("{kill: it is the test's}", "CAP_DAC_OVERRIDE")
        assert outcome == "failed"
        assert "permitted" in reason
        (tmp_path / "records").unlink()
        outcome, reason = act("{kill: it is the test's}", "CAP_DAC_OVERRIDE", "CAP_KILL")
        assert (outcome, reason) == ("applied", "1 processes killed")
