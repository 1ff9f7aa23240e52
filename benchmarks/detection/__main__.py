"""``python -m benchmarks.detection``: records episodes, reports on detectors."""

import argparse
import json
import os
import re
import sys
from pathlib import Path

from benchmarks.cgroups import end_tidily
from benchmarks.detection.corpus import Corpus
from benchmarks.detection.plan import KINDS, Times
from benchmarks.detection.programs import UnusableError
from benchmarks.detection.record import Options, record

#: Configurations of the detectors that are compared.
DETECTORS = Path(__file__).parent / "detectors"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 1


def _record(args: argparse.Namespace) -> int:
    if os.geteuid() != 0:
        print("episodes need cgroups of their own: run this as root", file=sys.stderr)
        return 2
    end_tidily()
    options = Options(
        out=args.out,
        per_kind=args.episodes_per_kind,
        controls=args.controls,
        quiet=args.quiet,
        seed=args.seed,
        seconds=args.seconds,
        lock=args.lock,
        work=args.work,
        kinds=args.kind or tuple(KINDS),
        times=Times(lead=args.lead, episode=args.episode, tail=args.tail),
    )
    corpus = record(options, lambda text: print(text, flush=True))
    print(f"{len(list(corpus))} episodes, {len(corpus.rejected)} attempts rejected")
    return 0


def _report(args: argparse.Namespace) -> int:
    from benchmarks.detection.evaluating import evaluate
    from benchmarks.detection.report import report

    corpus = Corpus(args.corpus)
    if args.train is not None and args.train.exists() and os.path.samefile(args.train, args.corpus):
        raise UnusableError(
            f"--train {args.train} is the corpus that is judged: a model is judged on recordings "
            "that it has not seen, name another one"
        )
    configs = args.config or sorted(DETECTORS.glob("*.yaml"))
    evaluations = [evaluate(config.stem, config, corpus) for config in configs]
    if args.train is not None:
        from benchmarks.detection.modelling import trained

        with trained(Corpus(args.train)) as config:
            evaluations.append(evaluate("model", config, corpus, str(args.train)))
    if args.json is not None:
        args.json.write_text(json.dumps([one.as_data() for one in evaluations], indent=1) + "\n")
    for problem in dict.fromkeys(text for one in evaluations for text in one.problems):
        print(problem, file=sys.stderr)
    print(report(corpus, evaluations))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    commands = parser.add_subparsers(required=True)
    recording = commands.add_parser("record", help="record what a corpus lacks")
    recording.set_defaults(run=_record)
    recording.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    recording.add_argument("--episodes-per-kind", type=int, default=20)
    recording.add_argument("--controls", type=int, help="of each kind without harm, if not as many")
    recording.add_argument("--quiet", type=int, default=4, help="of the victim alone, before")
    recording.add_argument("--seed", type=int, default=1, help="of the plan")
    recording.add_argument(
        "--for", dest="seconds", type=seconds, help="begin no episode after it: 60m, 2h"
    )
    recording.add_argument("--lock", type=Path, help="file that is locked during each episode")
    recording.add_argument("--work", type=Path, default=Options.work, help="folder on a disk")
    recording.add_argument("--kind", action="append", choices=KINDS, help="only this kind")
    for name, value in (("lead", 10.0), ("episode", 30.0), ("tail", 5.0)):
        recording.add_argument(f"--{name}", type=float, default=value, help="seconds")
    reporting = commands.add_parser("report", help="replay detectors over a corpus")
    reporting.set_defaults(run=_report)
    reporting.add_argument("--corpus", type=Path, required=True, help="folder that record made")
    reporting.add_argument(
        "-c",
        "--config",
        type=Path,
        action="append",
        help=f"configuration with a detector; may be repeated; those in {DETECTORS.name}/ if none",
    )
    reporting.add_argument(
        "--train", type=Path, metavar="CORPUS", help="of which a model is made for ModelDetector"
    )
    reporting.add_argument("--json", type=Path, help="file for all results")
    return parser


def seconds(text: str) -> float:
    """What an argument such as ``90s``, ``60m`` or ``2h`` says."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90s, 60m or 2h")
    return int(found[1]) * _UNITS[found[2]]


if __name__ == "__main__":
    sys.exit(main())
