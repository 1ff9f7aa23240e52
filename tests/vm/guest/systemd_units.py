"""Let the agent measure services and a scope of systemd; print what it said, and what is true.

The units do their work and then only sleep, so that the truth no longer changes when it is read.
"""

import json
import os
import subprocess
import sys
import time

from wca.clock import SystemClock
from wca.nodes import SystemdNode

SAID = "/run/said"
CONFIG = "/run/config.yaml"
PATIENCE = 60.0
SCOPE = [
    *("systemd-run", "--scope", "--slice=batch-low", "--unit=mine", "-p", "CPUAccounting=yes"),
    *(sys.executable, "-IS", "/vm/burn.py", "0.3", f"{SAID}/mine"),
]


class Later(SystemClock):
    """Time that can be put forward."""

    ahead = 0.0

    def monotonic(self):
        return super().monotonic() + self.ahead


def wait_for(names):
    """Wait until these units have done their work.

    Returns:
        The CPU seconds of the work, and of the whole process, by unit.
    """
    end = time.monotonic() + PATIENCE
    while not all(os.path.exists(f"{SAID}/{name}") for name in names):
        if time.monotonic() > end:
            raise TimeoutError(f"{SAID} has {os.listdir(SAID)}: {systemctl('list-units')}")
        time.sleep(0.1)
    said = {}
    for name in names:
        with open(f"{SAID}/{name}") as file:
            said[name] = [float(word) for word in file.read().split()]
    return said


def systemctl(*arguments):
    """What it prints."""
    command = ["systemctl", "--no-pager", "--plain", "--no-legend", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_agent():
    """Two samples of all units."""
    with open(CONFIG, "w") as config:
        config.write(
            "runner: !MeasurementRunner\n  node: !SystemdNode\n"
            "    slices: [system.slice, batch.slice, quiet.slice]\n"
            "  interval: 1s\n  metrics_storage: !LogStorage\n"
        )
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", CONFIG, "--iterations", "2"]
    agent = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"out": agent.stdout, "err": agent.stderr, "code": agent.returncode}


def counted(unit):
    """What the kernel has counted for a unit, where it counts CPU time for it at all."""
    path = systemctl("show", "--property=ControlGroup", "--value", unit).strip()
    found = {}
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/cpu,cpuacct"):
        for name in ("cpu.stat", "cpuacct.usage"):
            if os.path.exists(f"{root}{path}/{name}"):
                with open(f"{root}{path}/{name}") as file:
                    found[f"{root.rpartition('/')[2]}/{name}"] = file.read()
    return found


def resources_before_and_after_a_change():
    """Of one unit whose quota is changed while it runs."""
    clock = Later()
    node = SystemdNode(clock=clock, units=["busy.service"])
    (before,) = node.get_tasks()
    systemctl("set-property", "--runtime", "busy.service", "CPUQuota=75%", "MemoryMax=96M")
    clock.ahead = 60.0
    (after,) = node.get_tasks()
    return before.resources, after.resources


def main():
    os.makedirs(SAID, exist_ok=True)
    scope = subprocess.Popen(SCOPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = wait_for(["busy", "slowed", "mine"])
    units = ["busy.service", r"slowed@a\x2db.service", "mine.scope", "uncounted.service"]
    result = {
        "agent": run_agent(),
        "said": said,
        "active": systemctl("list-units", "--type=service,scope", "--state=running").split("\n"),
        "counted": {unit: counted(unit) for unit in units},
        "changed": resources_before_and_after_a_change(),
    }
    scope.kill()
    scope.wait()
    print(json.dumps(result))


main()
