"""``wca list metrics``: the metric catalogue, in a terminal."""

import argparse
import fnmatch

from wca.config.suggest import did_you_mean
from wca.errors import UsageError
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca list``."""
    parser.add_argument("what", choices=["metrics"], help="what to list")
    parser.add_argument(
        "pattern",
        nargs="?",
        default="*",
        metavar="PATTERN",
        help="of names, such as 'task_cpu_*'; all when left out",
    )


def run(args: argparse.Namespace) -> int:
    """Print name, type, unit and meaning of each metric, and what it needs.

    Returns:
        0.

    Raises:
        UsageError: no metric has such a name.
    """
    found = [one for name, one in CATALOGUE.items() if fnmatch.fnmatchcase(name, args.pattern)]
    if not found:
        hint = did_you_mean(args.pattern, CATALOGUE)
        raise UsageError(f"no metric is called {args.pattern!r}{hint}")
    for one in found:
        print(_line(one))  # noqa: T201 - the command's own output
    return 0


def _line(one: MetricMetadata) -> str:
    needs = f" Needs: {one.needs}." if one.needs else ""
    return f"{one.name} ({one.type}, {one.unit}): {one.help}{needs}"
