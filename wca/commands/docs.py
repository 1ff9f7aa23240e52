"""``wca docs PAGE``: print a page of the reference that is generated from the code."""

import argparse
import sys

from wca.metrics.document import metrics_markdown

__all__ = ["add_arguments", "run"]

_PAGES = {"metrics": metrics_markdown}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca docs``."""
    parser.add_argument("page", choices=sorted(_PAGES), help="the page to print, as Markdown")


def run(args: argparse.Namespace) -> int:
    """Print the page.

    Returns:
        0.
    """
    sys.stdout.write(_PAGES[args.page]())
    return 0
