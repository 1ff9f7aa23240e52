"""``wca print-config``: a configuration file as the agent understands it."""

import argparse
import sys

from wca.commands.options import add_config_options
from wca.components import load_registry
from wca.config import load_config
from wca.errors import ConfigLoadError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca print-config``."""
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the components with all their fields, those with defaults as well; secrets are ***.

    Returns:
        0 when the file is good, otherwise 1.
    """
    try:
        loaded = load_config(args.config, load_registry(args.register))
    except ConfigLoadError as error:
        print(*error.problems, sep="\n", file=sys.stderr)  # noqa: T201 - the command's own output
        return 1
    print(loaded.effective())  # noqa: T201
    return 0
