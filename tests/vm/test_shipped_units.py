"""The shipped units of agent and guardian under a real systemd, on a kernel that has a PMU."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.vm.guest import guest_script
from tests.vm.systemd import Systemd

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(600)]

DEPLOY = Path(__file__).parents[2] / "configs" / "deploy" / "systemd"
PYTHON = os.path.realpath(sys.executable)
PERF = {"task_cycles", "task_instructions"}
CAP_DAC_OVERRIDE, CAP_SYS_PTRACE, CAP_PERFMON = (1 << bit for bit in (1, 19, 38))
MEASURES = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: [/system.slice/spin.service]
  interval: 1s
  event_names: [cycles, instructions]
  metrics_storage: !LogStorage
"""
ACTS = """
runner: !AllocationRunner
  node: !StaticNode
    tasks: [/system.slice/spin.service]
  interval: 1s
  lease: 3s
  act: true
  allocator: !StaticAllocator
    rules:
      - {allocations: {cpu_weight: 10}}
  metrics_storage: !LogStorage
"""


def runnable(text):
    """A unit, or a part of one, that starts this Python with the sources in the guest.

    A Python in somebody's home is shown to the units, from which the rest of the homes stay hidden.
    """
    text = re.sub(
        r"^Exec(\w+)=/usr/local/bin/wca (?=--journal)", _GUARDIAN, text, flags=re.MULTILINE
    )
    text = text.replace("/usr/local/bin/wca", f"{PYTHON} -m wca")
    if PYTHON.startswith(("/root/", "/home/")):
        home = "/".join(PYTHON.split("/")[:3])
        text = text.replace("ProtectHome=true", f"ProtectHome=tmpfs\nBindReadOnlyPaths={home}")
    return text.replace(
        "[Service]\n",
        "[Service]\nEnvironment=PYTHONPATH=/vm/src:/vm/site PYTHONDONTWRITEBYTECODE=1\n",
        1,
    )


_GUARDIAN = rf"Exec\1={PYTHON} -m wca.allocations.guardian "


@pytest.fixture(scope="module")
def ran(vm):
    """What the guest found, from one boot."""
    units = {
        name: runnable((DEPLOY / name).read_text())
        for name in ("wca.service", "wca-guardian.service")
    }
    units["spin.service"] = (
        f"[Service]\nCPUAccounting=yes\nExecStart={PYTHON} -IS -c 'while True: pass'\n"
    )
    done = vm(
        guest_script("shipped_units.py"),
        pmu=True,
        systemd=Systemd(units),
        files={
            "/etc/wca/wca.yaml": MEASURES,
            "/vm/acting.conf": runnable((DEPLOY / "acting" / "acting.conf").read_text()),
            "/vm/acting.yaml": ACTS,
            "/var/tmp/keep": "",
        },
        timeout=300,
    )
    assert done.exit_code == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def assert_runs(one):
    assert one["state"]["ActiveState"] == "active", one
    assert one["rights"]["NoNewPrivs"] == "1"
    assert one["rights"]["Seccomp"] == "2"


def capabilities(one, name="CapEff"):
    return int(one["rights"][name], 16)


class TestAgent:
    def test_it_counts_perf_events_that_the_kernel_lets_nobody_else_count(self, ran):
        one = ran["cases"]["as shipped"]
        assert_runs(one)
        assert one["paranoid"] == "2"
        assert set(one["metrics"]) >= PERF | {"task_cpu_usage_seconds"}, one["said"]

    def test_what_debian_sets_at_boot_is_told_with_what_to_write_instead(self, ran):
        one = ran["cases"]["as shipped, as Debian boots"]
        assert_runs(one)
        assert int(one["paranoid"]) > 2
        assert not PERF & set(one["metrics"])
        said = f"perf_event_open is refused (perf_event_paranoid is {one['paranoid']}): above 2"
        assert one["said"].count(said) == 1

    def test_it_is_an_ordinary_user_with_two_capabilities(self, ran):
        one = ran["cases"]["as shipped"]
        assert one["rights"]["Uid"] != "0"
        for name in ("CapEff", "CapBnd", "CapAmb"):
            assert capabilities(one, name) == CAP_PERFMON | CAP_SYS_PTRACE

    def test_without_the_capability_everything_else_is_measured_and_one_sentence_said(self, ran):
        one = ran["cases"]["without CAP_PERFMON"]
        assert_runs(one)
        assert "task_cpu_usage_seconds" in one["metrics"]
        assert not PERF & set(one["metrics"])
        assert one["said"].count("perf_event_open is refused (perf_event_paranoid is 2)") == 1
        assert "Traceback" not in one["said"]

    def test_systemd_knows_when_it_has_started_and_how_it_is(self, ran):
        for one in ran["cases"].values():
            assert one["started"] == ""
            assert one["state"]["StatusText"]
            assert one["state"]["NRestarts"] == "0"


class TestActing:
    def test_it_is_root_with_one_capability_and_changes_a_weight(self, ran):
        acting = ran["acting"]
        assert_runs(acting["agent"])
        assert acting["agent"]["rights"]["Uid"] == "0"
        assert capabilities(acting["agent"]) == CAP_DAC_OVERRIDE
        assert acting["weights"][:2] == ["100", "10"], acting["said"]

    def test_the_guardian_gives_back_what_a_killed_agent_has_left(self, ran):
        acting = ran["acting"]
        assert_runs(acting["guardian"])
        assert capabilities(acting["guardian"]) == CAP_DAC_OVERRIDE
        assert acting["weights"][2] == "100"
        assert acting["after"]["ActiveState"] == "active"
