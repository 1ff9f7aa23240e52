"""Measure this machine for a few seconds and print the metrics: `make run`.

As root a small busy process gets a cgroup of its own, which is removed at the end. Any other user
sees the platform and the cgroup this was started in. See configs/demo.yaml.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

CONFIG = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "configs/demo.yaml"
)
CONTROLLERS = ("cpu", "cpuacct", "memory", "psi")
ITERATIONS = 3
REMOVE_ATTEMPTS = 50
# Half a processor and 30 MB, taken when it is in its cgroup: memory is charged where it is first
# touched. It ends by itself when the demo does not live to end it.
TASK = """
import os, sys, time
sys.stdin.readline()
parent, ballast = os.getppid(), bytearray(b"x" * 30_000_000)
while os.getppid() == parent:
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
    time.sleep(0.01)
"""


def hierarchies() -> list[str]:
    """The folders of the cgroup hierarchies that the agent reads, v1 and v2."""
    root = CgroupHierarchies(Kernel()).locate("/")
    return sorted({folder for name in CONTROLLERS if (folder := root.directory(name))})


@contextlib.contextmanager
def demo_task() -> Iterator[str]:
    """A busy process in a new group of every hierarchy; yields the group's path."""
    name = f"/wca-demo-{os.getpid()}"
    groups = []
    task = None
    try:
        for mount in hierarchies():
            os.mkdir(mount + name)
            groups.append(mount + name)
        task = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", TASK], stdin=subprocess.PIPE, text=True
        )
        for group in groups:
            with open(group + "/cgroup.procs", "w", encoding="utf-8") as processes:
                processes.write(str(task.pid))
        if task.stdin:
            task.stdin.write("begin\n")
            task.stdin.close()
        yield name
    finally:
        if task:
            task.kill()
            task.wait()
        for group in groups:
            remove(group)


def remove(group: str) -> None:
    """Remove an empty group; the kernel may need a moment after the last process has ended."""
    for _ in range(REMOVE_ATTEMPTS):
        try:
            os.rmdir(group)
        except OSError:
            time.sleep(0.02)
        else:
            return
    sys.stderr.write(f"demo: {group} could not be removed\n")


def measure(path: str) -> int:
    """Run the agent on one cgroup, pass on what it prints and sum it up.

    An interrupt reaches the agent as well and ends it; it is waited for here.
    """
    command = [sys.executable, "-m", "wca", "run", "-c", CONFIG, "--iterations", str(ITERATIONS)]
    if os.geteuid() == 0:
        command.append("--root")
    environment = {**os.environ, "WCA_DEMO_TASK": path}
    last: dict[str, float] = {}
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.PIPE, text=True
    ) as agent:
        try:
            for line in agent.stdout or ():
                sys.stdout.write(line)
                if found := re.match(r"(task_\w+)\{.*\} (\S+)", line):
                    last[found[1]] = float(found[2])
            code = agent.wait()
        except BaseException:
            agent.terminate()
            agent.wait()
            raise
    sum_up(last)
    return code


def sum_up(last: dict[str, float]) -> None:
    """Say in one sentence what the task used, as far as the agent could see it."""
    used = []
    if "task_cpu_usage_seconds" in last:
        used.append(f"{last['task_cpu_usage_seconds']:.2f} s of CPU time so far")
    if "task_mem_usage_bytes" in last:
        used.append(f"{last['task_mem_usage_bytes'] / 1e6:.0f} MB of memory now")
    if used:
        say(f"the cgroup used {' and '.join(used)}; the configuration was configs/demo.yaml")


def main() -> int:
    """Choose what can be measured here, and measure it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: sys.exit(128 + got))
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0:
            try:
                path = stack.enter_context(demo_task())
            except OSError as error:
                path = CgroupHierarchies(Kernel()).own_cgroup_path()
                say(f"no cgroup can be made here ({error}): measuring our own group {path}")
            else:
                say(f"measuring this machine and a small task in the cgroup {path}")
        else:
            path = CgroupHierarchies(Kernel()).own_cgroup_path()
            say(f"not root, so no task of its own: measuring this machine and our own group {path}")
        return measure(path)


def say(sentence: str) -> None:
    """Tell the user, beside the metrics on standard output."""
    sys.stderr.write(f"demo: {sentence}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # whoever read the numbers has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
