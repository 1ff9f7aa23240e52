"""The table of iterations on a real kernel with cgroup v2 alone, in the emulator of tests/vm.

Emulated Python is about ten times slower than native: compare ratios, not microseconds.
"""

from collections.abc import Sequence

from tests.vm.harness import VmUnavailable, run_in_vm

SCRIPT = """
import os, resource, runpy, sys
os.makedirs("/dev/shm", exist_ok=True)  # the root is in memory already
resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
sys.argv = ["benchmarks", "--no-start", "--no-vm", "--rounds", "{rounds}", "--tasks", {tasks}]
runpy.run_module("benchmarks", run_name="__main__")
"""
#: MiB for a thousand small processes, and seconds for their rounds.
MEMORY, TIMEOUT = 6144, 900.0


def table(tasks: Sequence[int], rounds: int) -> str:
    """What ``python -m benchmarks`` prints inside; a reason where no emulator is to be had."""
    script = SCRIPT.format(rounds=rounds, tasks=", ".join(f'"{number}"' for number in tasks))
    try:
        result = run_in_vm(script, sources=("wca", "benchmarks"), memory=MEMORY, timeout=TIMEOUT)
    except VmUnavailable as reason:
        return f"not measured on v2: {reason}"
    if result.exit_code:
        return f"not measured on v2: {result.stderr or result.stdout}"
    return result.stdout
