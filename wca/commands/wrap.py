"""``wca wrap``: run a program, pass its output on, and store the numbers that are in it."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

from wca.components import load_registry
from wca.config import load_component
from wca.config.importing import load_class
from wca.config.suggest import did_you_mean
from wca.config.types import LabelName
from wca.config.units import parse_duration
from wca.errors import UsageError, ValidationError
from wca.logger import configure_logging, parse_levels
from wca.storage import LogStorage, Storage
from wca.wrapping import Parser, RegexpParser, ServiceLevels, Wrapper
from wca.wrapping.child import CannotRunError
from wca.wrapping.parsers import PARSERS
from wca.wrapping.parsers.regexp import DEFAULT_REGEXP
from wca.wrapping.passing import SharedOutput

__all__ = ["add_arguments", "run"]

_STREAMS = {"stdout": ("stdout",), "stderr": ("stderr",), "both": ("stdout", "stderr")}
_DESCRIPTORS = {"stdout": 1, "stderr": 2}
#: Seconds for which a parser that is busy may hold up the passing on of output.
_SWITCH_INTERVAL = 0.0005


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca wrap``."""
    parser.usage = "wca wrap [options] -- PROGRAM [ARGUMENTS]"
    add = parser.add_argument
    add("command", nargs=argparse.REMAINDER, metavar="-- PROGRAM [ARGUMENTS]", help="what to run")
    _add_parsing(parser.add_argument_group("what is in the output").add_argument)
    _add_levels(parser.add_argument_group("service levels").add_argument)
    _add_storing(parser.add_argument_group("where metrics go").add_argument)
    add(
        *("-l", "--log"),
        dest="log_levels",
        action="append",
        default=[],
        metavar="[MODULE:]LEVEL",
        help="of what wca wrap itself says on standard error; warnings by default",
    )


def _add_parsing(add: Callable[..., Any]) -> None:
    add(
        "--regexp",
        metavar="R",
        help="regular expression with the groups name and value; default: name=value",
    )
    add("--separator", metavar="R", help="matches the lines that end a block, searched as a whole")
    add(
        "--parser",
        metavar="NAME",
        help=f"of a load generator, instead of --regexp: {', '.join(PARSERS)}; or MODULE:CLASS",
    )
    add("--stream", choices=list(_STREAMS), default="stdout", help="what is parsed")
    add("--prefix", default="", metavar="TEXT", help="of the names of metrics")
    add(
        "--label",
        dest="labels",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of all metrics; may be repeated",
    )


def _add_levels(add: Callable[..., Any]) -> None:
    add("--sli", metavar="NAME", help="the metric that says how well the program does")
    add("--slo", type=float, metavar="NUMBER", help="what it has to be at most")
    add("--inverse-sli", action="store_true", help="take 1 / metric: more is better")
    add("--load", metavar="NAME", help="the metric that says how much is asked for, or const")
    add("--peak-load", type=float, metavar="NUMBER", help="what that is at most")


def _add_storing(add: Callable[..., Any]) -> None:
    add("--output", metavar="FILE", help="a file that holds the last metrics as Prometheus text")
    add("--storage", metavar="FILE", help="a configuration file with storage: and any storage")
    add(
        *("-r", "--register"),
        action="append",
        default=[],
        metavar="[PACKAGE.]MODULE:CLASS",
        help="a class of yours that the file names as !CLASS; may be repeated",
    )
    add("--interval", default="1s", metavar="TIME", help="metrics of so long are one batch (1s)")


def run(args: argparse.Namespace) -> int:
    """Run the program.

    Returns:
        Its exit code, or 128 and the number of the signal that ended it; 126 or 127 where it cannot
        be run, as a shell does.

    Raises:
        UsageError: the options do not fit together.
        ConfigLoadError: the file of ``--storage`` with all its problems.
        StartError: the storage cannot start.
    """
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("wca wrap: say what to run: wca wrap [options] -- PROGRAM ARGUMENTS")
    try:
        configure_logging({"wca": "WARNING", **parse_levels(args.log_levels)})
        outputs = {name: SharedOutput(end) for name, end in _DESCRIPTORS.items()}
        wrapper = Wrapper(
            _storage(args, outputs["stdout"]),
            {name: _parser(args) for name in _STREAMS[args.stream]},
            outputs,
            _interval(args.interval),
            ServiceLevels(args.sli, args.slo, args.inverse_sli, args.load, args.peak_load),
            _labels(args.labels),
            args.prefix,
        )
    except ValidationError as error:
        raise UsageError(f"wca wrap: {error}") from None
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        return wrapper.run(command, os.environ)
    except CannotRunError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's own output
        return error.exit_code


def _parser(args: argparse.Namespace) -> Parser:
    if args.parser is None:
        return RegexpParser(args.regexp or DEFAULT_REGEXP, args.separator)
    if args.regexp or args.separator:
        raise ValidationError("--parser and --regexp: give one of them")
    place = PARSERS.get(args.parser, args.parser)
    if ":" not in place:
        hint = did_you_mean(place, PARSERS)
        raise ValidationError(f"there is no parser {place!r}{hint}; one of yours is MODULE:CLASS")
    made: object = load_class(place)()
    if not isinstance(made, Parser):
        raise ValidationError(f"{place} is no Parser")
    return made


def _storage(args: argparse.Namespace, output: SharedOutput) -> Storage:
    if args.output and args.storage:
        raise ValidationError("--output and --storage: give one of them")
    if args.storage:
        registry = load_registry(args.register)
        return load_component(args.storage, "storage", Storage, registry)  # type: ignore[type-abstract]
    if args.output:
        return LogStorage(args.output, overwrite=True)
    return LogStorage(stream=cast("BinaryIO", output))  # it has all that is used of one


def _interval(text: str) -> float:
    try:
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text)
    except ValueError:
        raise ValidationError(f"--interval {text}: write a time such as 500ms or 10s") from None
    return seconds


def _labels(texts: Sequence[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ValidationError(f"--label {text}: write it as NAME=VALUE")
        LabelName().check(name)
        labels[name] = value
    return labels
