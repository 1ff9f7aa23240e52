"""``wca record``: run the agent that a configuration file describes, and record what it sees."""

import argparse
import math

from wca.commands.options import add_config_options, add_run_options, positive
from wca.commands.run import run_file
from wca.config.units import parse_duration
from wca.errors import UsageError
from wca.runners import Runner
from wca.runners.api import Limited, Recorded

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca record``."""
    add_config_options(parser)
    add_run_options(parser)
    parser.add_argument(
        "--to", required=True, metavar="PATH", help="the recording; one that is there gets .1"
    )
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--iterations", type=positive, metavar="N", help="end after this many intervals"
    )
    limit.add_argument("--duration", metavar="TIME", help="end after this time, such as 10m")


def run(args: argparse.Namespace) -> int:
    """Run and record; the same as ``wca run`` with the field ``recording``.

    Returns:
        As ``wca run``.

    Raises:
        UsageError: the runner cannot record, or a time that is none.
        ConfigLoadError: the file with all its problems.
        StartError: a component that cannot start, or the recording cannot be written.
    """

    def prepare(runner: Runner) -> None:
        if not isinstance(runner, Recorded):
            raise UsageError(f"{type(runner).__name__} cannot record what it sees")
        runner.record_to(args.to)
        iterations = args.iterations
        if args.duration is not None:
            iterations = max(1, math.ceil(_seconds(args.duration) / runner.interval))
        if iterations is not None and isinstance(runner, Limited):
            runner.stop_after(iterations)

    return run_file(args, prepare)


def _seconds(text: str) -> float:
    try:
        return float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text)
    except ValueError:
        raise UsageError(f"--duration {text}: write a time such as 90s or 10m") from None
