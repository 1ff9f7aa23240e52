"""``python -m benchmarks.peers``: the table "Peers" of docs/performance.md, measured in one run."""

import argparse
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cgroups import PARENT, end_tidily, task_cgroups
from benchmarks.peers.agents import Agent, Programs, agents
from benchmarks.peers.measure import AgentError, Cost, measure
from benchmarks.workers import workers
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

HEADER = (
    "| measured | agent | CPU ms per interval | beside WCA | RSS MiB | kB per interval "
    "| numbers per interval | CPU us per number |\n|---|---|---|---|---|---|---|---|"
)

#: Numbers that every agent gives of each task.
LEAST_OF_A_TASK = 10


@dataclass(frozen=True)
class Measured:
    """What the agents measure.

    Args:
        what: for the table.
        work: makes all numbers change.
        least: how many numbers an agent gives that does its work.
    """

    what: str
    work: Callable[[], None]
    least: int


def main() -> int:
    """Measure and print."""
    args = _parse()
    hierarchies = CgroupHierarchies(Kernel())
    if os.geteuid() != 0:
        return _refuse("the benchmarks make cgroups: run them as root")
    if hierarchies.version("memory") != 1:
        return _refuse("telegraf-tasks.conf names the files of cgroup v1, which is not mounted")
    end_tidily()
    print(f"Linux {platform.release()}, {os.cpu_count()} CPUs, an interval is {args.interval} s,")
    print(f"medians of {args.rounds} rounds, each of {args.cycles} intervals\n\n{HEADER}")
    programs = Programs(shlex.split(args.wca), args.telegraf, args.cadvisor, args.node_exporter)
    for count in args.tasks:
        with task_cgroups(count) as names:
            cgroups = [hierarchies.locate(f"/{name}") for name in names]
            with workers(cgroups) as working:
                measured = Measured(f"{count} tasks", working.work, count * LEAST_OF_A_TASK)
                _compare(args, agents("tasks", programs), measured)
    if not args.no_node:
        _compare(args, agents("node", programs), Measured("the machine", lambda: None, 1))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cycles", type=int, default=4, help="intervals that count in a round")
    parser.add_argument("--warm-up", type=int, default=2, help="intervals before these")
    parser.add_argument("--interval", type=int, default=5, help="seconds")
    parser.add_argument("--no-node", action="store_true", help="leave out the machine's numbers")
    parser.add_argument("--wca", default=f"{sys.executable} -m wca", help="command")
    parser.add_argument("--telegraf", default="build/peers/telegraf")
    parser.add_argument("--cadvisor", default="build/peers/cadvisor")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    return parser.parse_args()


def _compare(args: argparse.Namespace, compared: Sequence[Agent], measured: Measured) -> None:
    """Measure the agents in turns, each round in another order, and print a row for each."""
    costs: dict[str, list[Cost]] = {agent.name: [] for agent in compared}
    reasons: dict[str, str] = {}
    names = _names(args.interval)
    cycles = (args.warm_up, args.cycles)
    work, least = measured.work, measured.least
    for number in range(args.rounds):
        for agent in compared[number % len(compared) :] + compared[: number % len(compared)]:
            if agent.name in reasons:
                continue
            try:
                costs[agent.name].append(measure(agent, names, args.interval, cycles, work, least))
            except (OSError, AgentError) as error:
                reasons[agent.name] = str(error)
    for agent in compared:
        if agent.name in reasons:
            print(f"{agent.name} was not measured: {reasons[agent.name]}", file=sys.stderr)
        else:
            name = f"{agent.name} {agent.version_number()}"
            print(_row(measured.what, name, costs[agent.name], costs[compared[0].name]), flush=True)


def _row(what: str, name: str, costs: Sequence[Cost], ours: Sequence[Cost]) -> str:
    used = [cost.cpu * 1e3 for cost in costs]
    ratios = [cost.cpu / our.cpu for cost, our in zip(costs, ours, strict=False)]
    beside = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    resident = statistics.median(cost.resident for cost in costs)
    written = statistics.median(cost.written for cost in costs)
    numbers = statistics.median(cost.numbers for cost in costs)
    return (
        f"| {what} | {name} | {statistics.median(used):.1f} | {beside if ratios else ''} "
        f"| {resident / 2**20:.1f} | {written / 1e3:.1f} | {numbers:.0f} "
        f"| {statistics.median(used) * 1e3 / numbers:.1f} |"
    )


def _names(interval: int) -> Mapping[str, str]:
    """What the templates name: where the tasks are, by controller, and how often to look."""
    root = CgroupHierarchies(Kernel()).locate("/")
    folders = {
        name: f"{root.directory(name)}/{PARENT}" for name in ("cpu", "cpuacct", "memory", "psi")
    }
    return {**folders, "parent": f"/{PARENT}", "interval": f"{interval}s"}


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
