"""``wca top``: look at tasks, live."""

import argparse
import contextlib
import os
import shutil
import sys

from wca.commands.options import add_register_option, positive
from wca.components import load_registry
from wca.config import load_config
from wca.config.suggest import did_you_mean
from wca.config.units import parse_duration
from wca.errors import UsageError, ValidationError
from wca.gc_tuning import raise_gc_threshold
from wca.linux.files import raise_descriptor_limit
from wca.logger import configure_logging
from wca.security import SSL
from wca.security.token_file import read_token
from wca.top.agent import AgentSource
from wca.top.app import run_screen
from wca.top.batch import print_tables
from wca.top.chosen import chosen_groups, chosen_of
from wca.top.columns import COLUMNS, NAME, column_named
from wca.top.order import Order
from wca.top.own import OwnSource
from wca.top.reading import Source
from wca.top.screen import is_terminal
from wca.top.stories import Stories
from wca.top.view import View

__all__ = ["add_arguments", "run"]

_LEAST_INTERVAL, _LONGEST_INTERVAL = 0.1, 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca top``."""
    of = parser.add_argument_group("of what")
    where = of.add_mutually_exclusive_group()
    where.add_argument(
        "--parent",
        metavar="PATH",
        default="/",
        help="control groups with processes, below this one; / when nothing is named",
    )
    where.add_argument(
        "-c", "--config", metavar="FILE", help="tasks and collectors of a configuration"
    )
    where.add_argument(
        "--url", help="what a running agent has measured, such as http://127.0.0.1:19220"
    )
    of.add_argument("--ipc", action="store_true", help="count cycles and instructions of groups")
    of.add_argument("--ca", metavar="FILE", help="certificate authorities of an agent with https")
    of.add_argument("--token-file", metavar="FILE", help="holds the token that the agent wants")
    of.add_argument("--records", metavar="FILE", help="the file of the option records: reasons")
    add_register_option(parser)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--interval", default="1s", metavar="TIME", help="between two looks: 500ms, 2s (1s)"
    )
    how.add_argument(
        "--sort", default=COLUMNS[0].title, metavar="COLUMN", help="sort by this column (CPU%%)"
    )
    how.add_argument("--reverse", action="store_true", help="the other way round")
    how.add_argument("--filter", default="", metavar="TEXT", help="in name, id or a label")
    plain = how.add_mutually_exclusive_group()
    plain.add_argument(
        "--once",
        dest="tables",
        action="store_const",
        const=1,
        help="print one plain table; so it is, too, where there is no terminal",
    )
    plain.add_argument(
        "--batch",
        dest="tables",
        nargs="?",
        type=positive,
        const=0,
        metavar="N",
        help="print plain tables, one after the other, N of them",
    )


def run(args: argparse.Namespace) -> int:
    """Show tasks until a key, a signal or the last table ends it.

    Returns:
        0; 1 when no table could be printed; 128 and the number of the signal that has ended it.

    Raises:
        UsageError: an option makes no sense, or the terminal is not known.
        ConfigLoadError: the file with all its problems.
        StartError: a part cannot start.
    """
    configure_logging({"wca": "WARNING"})
    interval, order = _interval(args.interval), _order(args)
    source = _source(args)
    stories = Stories(args.records)
    raise_gc_threshold()
    raise_descriptor_limit()  # every task keeps about ten kernel files open
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        source.start()
        if args.tables is None and is_terminal():
            return run_screen(source, View(order, interval), stories)
        tables = 1 if args.tables is None else args.tables or None
        return _print(source, order, interval, tables)


def _print(source: Source, order: Order, interval: float, tables: int | None) -> int:
    try:
        return print_tables(source, order, interval, tables, _width(), sys.stdout)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _width() -> int | None:
    """Of the lines of tables: a file or a pipe takes all columns, unless COLUMNS says otherwise."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size().columns
    return None


def _source(args: argparse.Namespace) -> Source:
    if args.url is None and (args.ca or args.token_file):
        raise UsageError("--ca and --token-file belong to --url: write it as well")
    if args.ipc and (args.url is not None or args.config is not None):
        raise UsageError("--ipc is for control groups: with -c or --url others say what is counted")
    if args.url is not None:
        return AgentSource(args.url, _ssl(args.ca), _token(args.token_file))
    if args.config is not None:
        path = os.path.abspath(args.config)
        loaded = load_config(path, load_registry(args.register), here=True)
        return OwnSource(chosen_of(loaded.runner, path))
    return OwnSource(chosen_groups(args.parent, ipc=args.ipc))


def _ssl(path: str | None) -> SSL | None:
    if path is not None and not os.access(path, os.R_OK):
        raise UsageError(f"--ca {path}: there is no such file, or it cannot be read")
    return None if path is None else SSL(server_verify=os.path.abspath(path))


def _token(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return read_token(path, "--token-file")
    except ValidationError as error:
        raise UsageError(str(error)) from None


def _interval(text: str) -> float:
    try:
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text)
    except ValueError:
        raise UsageError(f"--interval {text}: write a time such as 500ms or 2s") from None
    if not _LEAST_INTERVAL <= seconds <= _LONGEST_INTERVAL:
        raise UsageError(f"--interval {text}: write a time from 100ms to 1h")
    return seconds


def _order(args: argparse.Namespace) -> Order:
    order = Order(text=args.filter)
    column = column_named(args.sort)
    if column is None and args.sort.upper() != NAME:
        titles = [NAME, *(one.title for one in COLUMNS)]
        hint = did_you_mean(args.sort, titles) or f"; known: {', '.join(titles)}"
        raise UsageError(f"--sort {args.sort}: there is no such column{hint}")
    order.choose(column)
    order.falling = order.falling is not args.reverse
    return order
