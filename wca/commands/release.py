"""``wca release``: take the hold file away."""

import argparse

from wca.allocations.hold import DEFAULT_HOLD, Hold

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca release``."""
    parser.add_argument(
        "--hold", default=DEFAULT_HOLD, metavar="PATH", help=f"the hold file, {DEFAULT_HOLD}"
    )


def run(args: argparse.Namespace) -> int:
    """Remove the hold file.

    Raises:
        WcaError: it cannot be removed.
    """
    hold = Hold(args.hold)
    print(f"released {hold.path}" if hold.remove() else f"{hold.path} was not held")  # noqa: T201
    return 0
