"""``wca plan``: what a configuration will cost on this machine, measured before it is started."""

import argparse
import json
import os
from dataclasses import asdict

from wca.commands.options import add_register_option, positive
from wca.components import load_registry
from wca.config import load_config
from wca.config.loader import Loaded
from wca.gc_tuning import raise_gc_threshold
from wca.linux.files import Kernel, raise_descriptor_limit
from wca.logger import DEFAULT_LEVELS, configure_logging
from wca.planning import make_plan, report

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca plan``."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--tasks", type=positive, metavar="N", help="plan for so many tasks, like those now"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_register_option(parser)


def run(args: argparse.Namespace) -> int:
    """Measure some intervals, store nothing, and print what a run will be like.

    Returns:
        0; 1 when something does not fit or will not work, which is told last.

    Raises:
        UsageError: the runner measures no tasks, or there is none to go by.
        ConfigLoadError: the file with all its problems.
        StartError: a collector or the node does not start.
    """
    configure_logging({**DEFAULT_LEVELS, "wca": "WARNING"})
    raise_gc_threshold()  # as `wca run` does: what is measured is the same
    raise_descriptor_limit()
    path, registry = os.path.abspath(args.config), load_registry(args.register)

    def load() -> Loaded:
        return load_config(path, registry, here=True)

    plan = make_plan(load, Kernel(), args.tasks)
    print(json.dumps(asdict(plan)) if args.json else report(plan))  # noqa: T201
    return int(bool(plan.lacks))
