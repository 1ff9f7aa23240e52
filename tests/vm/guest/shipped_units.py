"""Run the shipped units under systemd, with and without capabilities; print what came of it, as JSON.

The agent measures a unit that spins: perf events of a real PMU, beside what needs no right.
"""

import json
import os
import re
import signal
import subprocess
import time

PARANOID = "/proc/sys/kernel/perf_event_paranoid"
TASK = "/sys/fs/cgroup/system.slice/spin.service"
OUT, SAID = "/run/agent.out", "/run/agent.err"
DROP_IN = "/run/systemd/system/wca.service.d"
PATIENCE = 60.0
with open(PARANOID) as setting:
    AT_BOOT = setting.read().strip()
#: By case: the setting of the kernel, and what the unit says beside what is shipped.
CASES = {
    "as shipped": ("2", ""),
    "as shipped, as Debian boots": (None, ""),
    "without CAP_PERFMON": (
        "2",
        (
            "AmbientCapabilities=\nAmbientCapabilities=CAP_SYS_PTRACE\n"
            "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYS_PTRACE\n"
        ),
    ),
}


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def systemctl(*arguments):
    """What it prints, and how it ended."""
    done = subprocess.run(["systemctl", "--no-pager", *arguments], capture_output=True, text=True)
    return done.stdout.strip() + done.stderr.strip()


def wait_for(what):
    """Whether it comes to hold."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def shown(unit):
    """What systemd knows of a service."""
    names = "ActiveState,SubState,Result,StatusText,MainPID,NRestarts"
    lines = systemctl("show", f"--property={names}", unit).splitlines()
    return dict(line.split("=", 1) for line in lines)


def rights(pid):
    """What the kernel knows of a process."""
    wanted = "Uid|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp"
    return dict(re.findall(rf"^({wanted}):\s*(\S+)", read(f"/proc/{pid}/status"), re.MULTILINE))


def told(unit):
    """The state of a service and the rights of its process."""
    state = shown(unit)
    return {"state": state, "rights": rights(state["MainPID"])}


def measure(paranoid, more):
    """One start of the agent: two samples."""
    systemctl("stop", "wca.service")
    for path in (OUT, SAID):
        write(path, "")
    write(PARANOID, paranoid or AT_BOOT)
    outputs = f"StandardOutput=append:{OUT}\nStandardError=append:{SAID}\n"
    write(f"{DROP_IN}/test.conf", f"[Service]\n{outputs}{more}")
    systemctl("daemon-reload")
    started = systemctl("start", "wca.service")
    wait_for(lambda: len(re.findall(r"^task_up\{.*spin", read(OUT), re.MULTILINE)) >= 3)
    return {
        **told("wca.service"),
        "started": started,
        "metrics": sorted(set(re.findall(r"^(\w+)\{", read(OUT), re.MULTILINE))),
        "said": read(SAID),
        "paranoid": read(PARANOID).strip(),
    }


def act():
    """The agent that may act changes a weight, is killed, and the guardian gives it back."""
    weights = [read(f"{TASK}/cpu.weight")]
    systemctl("stop", "wca.service")
    for path in (OUT, SAID):
        write(path, "")
    write(f"{DROP_IN}/acting.conf", read("/vm/acting.conf"))
    write(
        f"{DROP_IN}/test.conf",
        f"[Service]\nStandardOutput=append:{OUT}\nStandardError=append:{SAID}\nRestart=no\n",
    )
    write("/etc/wca/wca.yaml", read("/vm/acting.yaml"))
    systemctl("daemon-reload")
    started = systemctl("start", "wca.service")
    wait_for(lambda: read(f"{TASK}/cpu.weight") != weights[0])
    weights.append(read(f"{TASK}/cpu.weight"))
    agent, guardian = told("wca.service"), told("wca-guardian.service")
    os.kill(int(agent["state"]["MainPID"]), signal.SIGKILL)
    wait_for(lambda: read(f"{TASK}/cpu.weight") == weights[0])
    weights.append(read(f"{TASK}/cpu.weight"))
    return {
        "started": started,
        "weights": [one.strip() for one in weights],
        "agent": agent,
        "guardian": guardian,
        "said": read(SAID),
        "after": shown("wca-guardian.service"),
    }


def main():
    wait_for(lambda: os.path.isdir(TASK))
    result = {"cases": {name: measure(*case) for name, case in CASES.items()}, "acting": act()}
    print(json.dumps(result))


main()
