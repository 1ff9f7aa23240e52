"""``wca hold``: let the agents of this machine give everything back and change nothing."""

import argparse

from wca.allocations.hold import DEFAULT_HOLD, Hold

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca hold``."""
    parser.add_argument("--reason", default="", metavar="TEXT", help="for who finds the file")
    parser.add_argument(
        "--hold", default=DEFAULT_HOLD, metavar="PATH", help=f"the hold file, {DEFAULT_HOLD}"
    )


def run(args: argparse.Namespace) -> int:
    """Make the hold file.

    Raises:
        WcaError: it cannot be made.
    """
    hold = Hold(args.hold)
    made = hold.put(args.reason)
    print(hold.reason() if made else f"was {hold.reason()}")  # noqa: T201
    return 0
