"""Options that several commands have."""

import argparse

__all__ = ["add_config_options"]


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Declare which file to read and which classes it may name."""
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="configuration file, absolute path"
    )
    parser.add_argument(
        "-r",
        "--register",
        action="append",
        default=[],
        metavar="[PACKAGE.]MODULE:CLASS",
        help="a class of yours that the file names as !CLASS; may be repeated",
    )
