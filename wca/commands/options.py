"""Options that several commands have."""

import argparse

__all__ = ["add_config_options", "add_register_option", "add_run_options", "positive"]


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Declare which file to read and which classes it may name."""
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="configuration file, absolute path"
    )
    add_register_option(parser)


def add_register_option(parser: argparse.ArgumentParser) -> None:
    """Declare which classes of others there are."""
    parser.add_argument(
        "-r",
        "--register",
        action="append",
        default=[],
        metavar="[PACKAGE.]MODULE:CLASS",
        help="a class of yours that the file names as !CLASS; may be repeated",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare what an agent logs, and that it may be root."""
    parser.add_argument(
        "-l",
        "--log",
        "--log-level",
        dest="log_levels",
        action="append",
        default=[],
        metavar="[MODULE:]LEVEL",
        help="critical, error, warning, info, debug or trace, of wca or of a module; "
        "may be repeated",
    )
    parser.add_argument("-0", "--root", action="store_true", help="agree to run as root")


def positive(text: str) -> int:
    """A whole number above zero. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)
