"""Run the CloudWatch agent in a container's place: a cgroup namespace at a group with limits.

Beside it in the group one process spins and has read a file. Prints what the agent would send and
what the kernel says, as JSON.
"""

import ctypes
import json
import os
import subprocess
import sys
import time

GROUP = "/sys/fs/cgroup/box"
MIB = 1 << 20
LIMIT, READ = 200 * MIB, 60 * MIB
LIMITS = {"cpu.max": "50000 100000", "memory.max": str(LIMIT)}
#: Numbers of namespaces. Source: include/uapi/linux/sched.h.
NEWNS, NEWCGROUP = 0x00020000, 0x02000000
# Reads through the page cache, and spins when it is told to.
NEIGHBOUR = f"""
import sys
disk = open("/dev/nvme0n1", "rb", buffering=0)
for _ in range({READ // MIB}):
    disk.read({MIB})
print("ready", flush=True)
sys.stdin.readline()
while True:
    pass
"""
AGENT = "cloudwatch-agent -n Test -s box --dry-run --more --period 2 --resolution 1"


def enter():
    """What an engine does for a container: its group, and namespaces in which that is the root."""
    with open(f"{GROUP}/cgroup.procs", "w") as members:
        members.write(str(os.getpid()))


def contain():
    """As ``enter``, with a view of cgroups that begins at the group."""
    enter()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(NEWNS | NEWCGROUP) == 0
    assert libc.mount(None, b"/", None, 0x44000, None) == 0  # MS_REC | MS_PRIVATE
    assert libc.umount2(b"/sys/fs/cgroup", 2) == 0  # MNT_DETACH
    assert libc.mount(b"cgroup2", b"/sys/fs/cgroup", b"cgroup2", 0, None) == 0


def flat(name):
    """A file of `key value` lines as numbers."""
    with open(f"{GROUP}/{name}") as lines:
        return {key: int(value) for key, value in (line.split() for line in lines)}


def agent(join):
    """The agent for ten seconds, and what is in use meanwhile: its own memory is the group's."""
    command = [sys.executable, "-m", "wca", *AGENT.split(), "--sample-interval", "0.5"]
    process = subprocess.Popen(
        [*command, "--iterations", "20"],
        preexec_fn=join,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    used = []
    while process.poll() is None:
        used.append(memory())
        time.sleep(0.5)
    out, errors = process.communicate()
    return {"out": out, "err": errors, "code": process.returncode, "used": used}


def memory():
    """Bytes in use, and of them page cache on the inactive list."""
    with open(f"{GROUP}/memory.current") as file:
        return int(file.read()), flat("memory.stat")["inactive_file"]


def main():
    os.mkdir(GROUP)
    for name, value in LIMITS.items():
        with open(f"{GROUP}/{name}", "w") as control:
            control.write(value)
    neighbour = subprocess.Popen(
        [sys.executable, "-IS", "-c", NEIGHBOUR],
        preexec_fn=enter,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    neighbour.stdout.readline()
    neighbour.stdin.write("\n")
    neighbour.stdin.flush()
    ran = agent(contain)
    ran["limit"], ran["cpu"] = LIMIT, flat("cpu.stat")
    neighbour.kill()
    neighbour.wait()
    print(json.dumps(ran))


main()
