"""``python -m benchmarks``: the tables of docs/performance.md, each measured in one run."""

import argparse
import os
import platform
import sys

from benchmarks.cgroups import end_tidily

#: What can be measured; ``iteration`` comes with start, memory and cgroup v2.
TABLES = (
    "iteration",
    "reach",
    "collectors",
    "descriptors",
    "detectors",
    "recording",
    "long-run",
    "ping-pong",
    "encoding",
    "scrape",
    "pushing",
    "kafka",
    "broker-away",
    "discovery",
    "containers",
    "cloudwatch",
)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("table", nargs="?", default="iteration", choices=TABLES)
    parser.add_argument("--tasks", type=int, nargs="+", help="sizes")
    parser.add_argument("--series", type=int, nargs="+", help="sizes of encoding and scrape")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--iterations", type=int, default=10_000, help="of the long run")
    parser.add_argument("--seconds", type=int, default=620, help="without a broker; of windows")
    parser.add_argument("--pex", default="dist/wca.pex", help="agent whose start is measured")
    parser.add_argument("--no-start", action="store_true", help="leave out start and memory")
    parser.add_argument("--no-vm", action="store_true", help="leave out cgroup v2 in the emulator")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("the benchmarks make cgroups: run them as root", file=sys.stderr)
        return 2
    end_tidily()
    print(
        f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} CPUs\n"
    )
    print_table = {
        "iteration": _print_iteration,
        "reach": _print_reach,
        "collectors": _print_collectors,
        "descriptors": _print_descriptors,
        "detectors": _print_detectors,
        "recording": _print_recording,
        "long-run": _print_long_run,
        "ping-pong": _print_ping_pong,
        "encoding": _print_encoding,
        "scrape": _print_scrape,
        "pushing": _print_pushing,
        "kafka": _print_kafka,
        "broker-away": _print_broker_away,
        "discovery": _print_discovery,
        "containers": _print_containers,
        "cloudwatch": _print_cloudwatch,
    }
    print_table[args.table](args)
    return 0


def _print_iteration(args: argparse.Namespace) -> None:
    from benchmarks import iteration

    sizes = args.tasks or [10, 100, 1000]
    print(iteration.HEADER)
    for tasks in sizes:
        print(iteration.measure(tasks, args.rounds).row(), flush=True)
    if not args.no_start:
        _print_start(args.pex, args.rounds)
    if not args.no_vm:
        from benchmarks import on_v2

        print(f"\n{on_v2.table(sizes, args.rounds)}")


def _print_reach(args: argparse.Namespace) -> None:
    from benchmarks import iteration

    print(iteration.HEADER)
    for tasks in args.tasks or [100, 1000]:
        print(iteration.measure(tasks, args.rounds, iteration.reach()).row(), flush=True)


def _print_ping_pong(args: argparse.Namespace) -> None:
    from benchmarks import ping_pong

    print(ping_pong.HEADER)
    for row in ping_pong.rows(args.rounds):
        print(row, flush=True)


def _print_encoding(args: argparse.Namespace) -> None:
    from benchmarks import encoding

    print(encoding.HEADER)
    for row in encoding.rows(args.series or [1000, 10_000, 100_000], args.rounds):
        print(row, flush=True)


def _print_scrape(args: argparse.Namespace) -> None:
    from benchmarks import scrape

    print(scrape.HEADER)
    for row in scrape.rows(args.series or [10_000], 20 * args.rounds):
        print(row, flush=True)


def _print_kafka(args: argparse.Namespace) -> None:
    from benchmarks import kafka

    print(kafka.HEADER)
    for row in kafka.rows(args.series or [1000, 10_000, 50_000], args.rounds):
        print(row, flush=True)


def _print_cloudwatch(args: argparse.Namespace) -> None:
    from benchmarks import cloudwatch

    print(f"{cloudwatch.FLUSH_HEADER}\n{cloudwatch.flushes(args.rounds).row()}\n", flush=True)
    print(cloudwatch.OUTAGE_HEADER)
    for outage in cloudwatch.outages():
        print(outage.row(), flush=True)
    print(f"\n{cloudwatch.WINDOW_HEADER}")
    for course in cloudwatch.windows(args.seconds, 60, 5):
        print(course.row(), flush=True)


def _print_start(pex: str, rounds: int) -> None:
    from benchmarks import startup

    low, median, high = startup.first_sample([pex], rounds)
    print(
        f"\nstart to first sample, {pex}, warm: {median * 1e3:.0f} ms "
        f"({low * 1e3:.0f} to {high * 1e3:.0f}, {rounds} starts)"
    )
    resident = startup.resident_bytes([pex], 100, 3.0)
    print(f"resident memory at 100 tasks: {resident / 2**20:.1f} MiB")


def _print_collectors(args: argparse.Namespace) -> None:
    from benchmarks import collectors

    print(collectors.HEADER)
    for tasks in args.tasks or [100, 1000]:
        for row in collectors.rows(tasks, args.rounds):
            print(row, flush=True)


def _print_descriptors(args: argparse.Namespace) -> None:
    from benchmarks import descriptors

    print(f"default collectors: {descriptors.per_task():.1f} descriptors per task")
    with_events = descriptors.per_task(descriptors.PERF)
    print(f"with four software events: {with_events:.1f} descriptors per task")
    for tasks in args.tasks or [100, 1000]:
        print(descriptors.fall_back(tasks, args.rounds), flush=True)


def _print_detectors(args: argparse.Namespace) -> None:
    from benchmarks import detectors

    print(detectors.HEADER)
    for row in detectors.rows(args.tasks or [100, 1000], args.rounds):
        print(row, flush=True)


def _print_recording(args: argparse.Namespace) -> None:
    from benchmarks import recording

    print(recording.HEADER)
    for row in recording.rows(args.tasks or [100, 1000], args.rounds):
        print(row, flush=True)


def _print_long_run(args: argparse.Namespace) -> None:
    from benchmarks.long_run import long_run

    for tasks in args.tasks or [100]:
        print(f"{args.iterations} iterations, {tasks} tasks: ", end="", flush=True)
        print(long_run(args.iterations, tasks).sentence())


def _print_pushing(args: argparse.Namespace) -> None:
    from benchmarks import pushing

    print(pushing.HEADER)
    for row in pushing.rows(args.series or [1000, 10_000, 100_000], args.rounds):
        print(row, flush=True)


def _print_broker_away(args: argparse.Namespace) -> None:
    from benchmarks import broker_away

    broker_away.measure(args.seconds, 10_000)


def _print_discovery(args: argparse.Namespace) -> None:
    from benchmarks import discovery

    sizes = args.tasks or [100, 1000, 5000]
    print(discovery.HEADER)
    for row in discovery.rows(sizes, args.rounds):
        print(row, flush=True)
    print(f"\n{discovery.STEADY_HEADER}")
    for row in discovery.steady_rows(sizes, min(args.seconds, 60)):
        print(row, flush=True)


def _print_containers(args: argparse.Namespace) -> None:
    from benchmarks.containers import measure_containers

    print("| runtime | containers | first list, ms | next list, ms | of it CPU, ms | memory, MiB |")
    print("|---|---|---|---|---|---|")
    for row in measure_containers(args.tasks or [1, 10, 100], args.rounds):
        times = " | ".join(f"{1000 * one:.2f}" for one in (row.first, row.again, row.cpu))
        print(f"| {row.runtime} | {row.containers} | {times} | {row.memory} |")


if __name__ == "__main__":
    sys.exit(main())
