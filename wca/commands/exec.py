"""``wca exec``: the CloudWatch agent as the parent of the program that it measures."""

import argparse
import os
import sys

from wca.cloudwatch.options import Scope
from wca.cloudwatch.parent import Parent
from wca.commands.cloudwatch_agent import (
    add_agent_options,
    options_of,
    runner_of,
    tell_losses,
)
from wca.errors import UsageError
from wca.wrapping.child import CannotRunError, blocked_signals

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "wca exec -n NAMESPACE -s NAME [options] -- PROGRAM [ARGUMENTS]"
    add_agent_options(parser)
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- PROGRAM [ARGUMENTS]", help="what to run"
    )


def run(args: argparse.Namespace) -> int:
    """Run the program to its end, publish what was measured, and end as it has.

    Returns:
        Its exit code, or 128 and the number of the signal that ended it; 126 or 127 where it cannot
        be run, as a shell does.

    Raises:
        UsageError: an option makes no sense.
        ConfigLoadError: CloudWatch would refuse a name.
    """
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("wca exec: say what to run: wca exec [options] -- PROGRAM ARGUMENTS")
    with blocked_signals() as mask:  # one that comes during the start is for the program
        options = options_of(args, outside=Scope.TREE)
        runner = runner_of(options, args, outside=Scope.TREE)
        parent = Parent(runner, options.shutdown_timeout)
        try:
            code = parent.run(command, os.environ, mask)
        except CannotRunError as error:
            print(error, file=sys.stderr)  # noqa: T201 - the command's own output
            return error.exit_code
        tell_losses(runner)
    return code
