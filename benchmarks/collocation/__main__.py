"""``python -m benchmarks.collocation``: runs workloads with and without an agent, and reports."""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.cgroups import end_tidily
from benchmarks.collocation.corpus import Runs
from benchmarks.collocation.decisions import decide, decisions_report
from benchmarks.collocation.record import Options, record
from benchmarks.collocation.report import report
from benchmarks.collocation.scenarios import SCENARIOS
from benchmarks.detection.__main__ import seconds
from benchmarks.detection.corpus import Corpus
from benchmarks.detection.programs import UnusableError


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    if os.geteuid() != 0:
        print("the runs need cgroups of their own: run this as root", file=sys.stderr)
        return 2
    end_tidily()
    options = Options(
        out=args.out,
        scenarios=args.scenario or Options.scenarios,
        repetitions=args.repetitions,
        seed=args.seed,
        seconds=args.seconds,
        lock=args.lock,
        work=args.work,
        interval=args.interval,
        learning=args.learning,
    )
    runs = record(options, lambda text: print(text, flush=True))
    print(f"{len(runs.results)} runs, {len(runs.rejected)} attempts rejected")
    return 0


def _report(args: argparse.Namespace) -> int:
    print(report([Runs(folder) for folder in args.runs]))
    return 0


def _decisions(args: argparse.Namespace) -> int:
    for folder in args.corpus:
        print(f"## {folder}\n\n{decisions_report(decide(Corpus(folder)))}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collocation", description=__doc__)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="make the runs that there are not yet")
    running.set_defaults(run=_run)
    running.add_argument("--out", type=Path, required=True, help="folder of the runs")
    running.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one")
    running.add_argument("--repetitions", type=int, default=Options.repetitions, help="of each arm")
    running.add_argument("--seed", type=int, default=1, help="of the plan")
    running.add_argument(
        "--for", dest="seconds", type=seconds, help="begin no run after it: 60m, 2h"
    )
    running.add_argument("--lock", type=Path, help="file that is locked during each run")
    running.add_argument("--work", type=Path, default=Options.work, help="folder on a disk")
    running.add_argument(
        "--interval", type=float, default=Options.interval, help="of the agent, in seconds"
    )
    running.add_argument(
        "--learning", type=float, default=Options.learning, help="seconds of quiet, before"
    )
    reporting = commands.add_parser("report", help="hold the arms against each other")
    reporting.set_defaults(run=_report)
    reporting.add_argument(
        "--runs", type=Path, action="append", required=True, help="folder that run made; repeat"
    )
    deciding = commands.add_parser("decisions", help="a dry run over recorded episodes, by replay")
    deciding.set_defaults(run=_decisions)
    deciding.add_argument(
        "--corpus", type=Path, action="append", required=True, help="of detection; repeat"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
