"""``wca check``: build everything that a configuration file names, start nothing, report."""

import argparse
import sys

from wca.commands.options import add_config_options
from wca.components import load_registry
from wca.config import load_config
from wca.config.loader import Loaded
from wca.errors import ConfigLoadError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca check``."""
    add_config_options(parser)
    parser.add_argument(
        "--here",
        action="store_true",
        help="check, too, what must hold on the machine that runs the agent: readable paths, "
        "environment variables, permissions, and what the components look at themselves",
    )


def run(args: argparse.Namespace) -> int:
    """Build and print the tree of components, or all problems.

    Returns:
        0 when the file is good, otherwise 1.
    """
    try:
        loaded = load_config(args.config, load_registry(args.register), here=args.here)
    except ConfigLoadError as error:
        print(*error.problems, sep="\n", file=sys.stderr)  # noqa: T201 - the command's own output
        return 1
    print(_report(loaded))  # noqa: T201
    return 0


def _report(loaded: Loaded) -> str:
    lines = [loaded.tree]
    if loaded.not_checked:
        lines += ["", "Not checked here (use --here on the machine that runs the agent):"]
        lines += [f"  {constraint}" for constraint in loaded.not_checked]
    return "\n".join(lines)
