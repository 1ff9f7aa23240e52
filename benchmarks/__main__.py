"""``python -m benchmarks``: the tables of docs/performance.md, measured in one run."""

import argparse
import os
import platform
import sys

from benchmarks import iteration, startup


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--pex", default="dist/wca.pex", help="agent whose start is measured")
    parser.add_argument("--no-start", action="store_true", help="leave out start and memory")
    parser.add_argument("--no-vm", action="store_true", help="leave out cgroup v2 in the emulator")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("the benchmarks make cgroups: run them as root", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} CPUs")
    print(f"\n{iteration.HEADER}")
    for tasks in args.tasks:
        print(iteration.measure(tasks, args.rounds).row(), flush=True)
    if not args.no_start:
        _print_start(args.pex, args.rounds)
    if not args.no_vm:
        from benchmarks import on_v2

        print(f"\n{on_v2.table(args.tasks, args.rounds)}")
    return 0


def _print_start(pex: str, rounds: int) -> None:
    low, median, high = startup.first_sample([pex], rounds)
    print(
        f"\nstart to first sample, {pex}, warm: {median * 1e3:.0f} ms "
        f"({low * 1e3:.0f} to {high * 1e3:.0f}, {rounds} starts)"
    )
    resident = startup.resident_bytes([pex], 100, 3.0)
    print(f"resident memory at 100 tasks: {resident / 2**20:.1f} MiB")


if __name__ == "__main__":
    sys.exit(main())
