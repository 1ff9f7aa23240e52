"""SystemdNode beside a real systemd, as process 1 of a kernel of its own."""

import json
import os
import re
import sys

import pytest

from tests.vm.guest import guest_script
from tests.vm.systemd import Systemd

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]

MIB = 1 << 20
SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+) \d+$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
BURN = """
import os, resource, sys, time
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before = used()
while used() - before < float(sys.argv[1]):
    pass
os.makedirs(os.path.dirname(sys.argv[2]), exist_ok=True)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(f"{used() - before} {used()}")
os.rename(sys.argv[2] + ".new", sys.argv[2])
time.sleep(1000)
"""


def burning(seconds, name):
    return (
        f"ExecStart={os.path.realpath(sys.executable)} -IS /vm/burn.py {seconds} /run/said/{name}"
    )


#: ``slowed`` is held back, ``uncounted`` is a unit of which systemd counts nothing.
UNITS = {
    "busy.service": f"[Service]\nCPUAccounting=yes\n{burning(2, 'busy')}\n",
    r"slowed@a\x2db.service": (
        f"[Service]\nCPUQuota=20%\nMemoryMax=64M\nCPUWeight=50\n{burning(0.4, 'slowed')}\n"
    ),
    "uncounted.service": (
        "[Service]\nSlice=quiet.slice\nMemoryAccounting=no\nCPUAccounting=no\n"
        f"TasksAccounting=no\nIOAccounting=no\n{burning(0, 'uncounted')}\n"
    ),
}


@pytest.fixture(scope="module", params=["v2", "v1", pytest.param("hybrid", marks=pytest.mark.slow)])
def ran(vm, request):
    """What the agent printed and what systemd and the kernel know, from one boot."""
    done = vm(
        guest_script("systemd_units.py"),
        systemd=Systemd(UNITS, request.param),
        files={"/vm/burn.py": BURN},
        timeout=150,
    )
    assert done.exit_code == 0, done.stderr + done.stdout
    ran = json.loads(done.stdout)
    assert ran["agent"]["code"] == 0, ran["agent"]["err"]
    ran["cgroups"] = request.param
    ran["series"] = [
        (name, dict(LABEL.findall(labels)), float(number))
        for name, labels, number in SAMPLE.findall(ran["agent"]["out"])
    ]
    return ran


def last(ran, name, unit):
    """The labels and the last value of a metric of one unit; None when it was not printed."""
    found = [
        (labels, number)
        for metric, labels, number in ran["series"]
        if metric == name and labels.get("unit", "").replace("\\\\", "\\") == unit
    ]
    return found[-1] if found else None


def value(ran, name, unit):
    found = last(ran, name, unit)
    return None if found is None else found[1]


def kernel_seconds(ran, unit):
    """CPU seconds as the kernel has counted them."""
    files = ran["counted"][unit]
    if "cpu,cpuacct/cpuacct.usage" in files:
        return int(files["cpu,cpuacct/cpuacct.usage"]) / 1e9
    (stat,) = [text for name, text in files.items() if name.endswith("cpu.stat")]
    return int(re.search(r"usage_usec (\d+)", stat)[1]) / 1e6


SLOWED = r"slowed@a\x2db.service"


def test_every_unit_that_systemd_says_is_running_is_a_task(ran):
    running = {line.split()[0] for line in ran["active"] if line.strip()}
    assert {"busy.service", SLOWED, "mine.scope", "uncounted.service"} <= running
    found = {
        labels["unit"].replace("\\\\", "\\")
        for name, labels, _ in ran["series"]
        if name == "task_up"
    }
    not_measured = {"uncounted.service"} if ran["cgroups"] == "v1" else set()
    assert found == running - {"init.scope"} - not_measured


def test_what_nothing_is_counted_of_is_said_on_v1(ran):
    said = "SystemdNode leaves out uncounted.service: it has no cgroup for CPU or memory"
    assert (said in ran["agent"]["err"]) == (ran["cgroups"] == "v1")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("busy.service", {"slice": "system.slice", "type": "service", "task_name": "busy.service"}),
        (
            SLOWED,
            {
                "type": "service",
                "template": "slowed@.service",
                "instance": "a-b",
                "task_name": "slowed@a-b.service",
                "slice": "system-slowed.slice",
            },
        ),
        (
            "mine.scope",
            {
                "slice": "batch-low.slice",
                "type": "scope",
                "task_id": "batch.slice/batch-low.slice/mine.scope",
            },
        ),
    ],
)
def test_labels_are_the_names_that_systemd_uses(ran, unit, expected):
    labels, _ = last(ran, "task_up", unit)
    assert expected.items() <= labels.items()


@pytest.mark.parametrize(("unit", "name"), [("busy.service", "busy"), (SLOWED, "slowed")])
def test_cpu_seconds_of_a_service_are_those_of_its_process(ran, unit, name):
    _, of_the_process = ran["said"][name]
    measured = value(ran, "task_cpu_usage_seconds", unit)
    # Between the last word of the process and its sleep lies a little more of its own time, which
    # an emulator on a busy machine makes longer.
    assert measured == pytest.approx(of_the_process, rel=0.1, abs=0.1)
    assert measured == pytest.approx(kernel_seconds(ran, unit), rel=0.01)


def test_cpu_seconds_of_a_scope_begin_when_its_process_joins_it(ran):
    since, of_the_process = ran["said"]["mine"]
    measured = value(ran, "task_cpu_usage_seconds", "mine.scope")
    assert 0.3 <= since <= measured <= of_the_process + 0.1
    assert measured == pytest.approx(kernel_seconds(ran, "mine.scope"), rel=0.01)


def test_a_quota_is_what_was_asked_for_and_its_throttling_is_counted(ran):
    assert value(ran, "task_requested_cpus", SLOWED) == 0.2
    assert value(ran, "task_requested_mem_bytes", SLOWED) == 64 * MIB
    assert value(ran, "task_mem_limit_bytes", SLOWED) == 64 * MIB
    assert value(ran, "task_cpu_throttled_periods", SLOWED) > 0
    assert value(ran, "task_cpu_throttled_seconds", SLOWED) > 0.5
    assert value(ran, "task_requested_cpus", "busy.service") is None
    assert value(ran, "task_cpu_throttled_periods", "busy.service") in (None, 0)


def test_limits_that_are_set_while_a_unit_runs_are_seen(ran):
    before, after = ran["changed"]
    assert before == {}
    assert after == {"cpus": 0.75, "mem": 96 * MIB}
