"""From the command line to an exit code.

Exit codes: 0 the runner ended or the check passed; 1 the configuration or a component's start
failed, and the message says why; 2 the command line is wrong or refused; 130 Ctrl-C; otherwise what
``run()`` of the runner returned.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from wca.commands import COMMANDS, load_command
from wca.config.suggest import did_you_mean
from wca.environment import extend_import_path
from wca.errors import UsageError, WcaError
from wca.version import __version__

__all__ = ["main"]

#: What a shell reports for a program that SIGINT ended.
EXIT_INTERRUPTED = 130

_GLOBAL_OPTIONS = ("-h", "--help", "-v", "--version")
#: Names of the program under which it is ``wca cloudwatch-agent``.
_AGENT_NAMES = ("cloudwatch_metrics_agent", "cloudwatch-metrics-agent")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; those of the process when None, whose
            program is ``wca cloudwatch-agent`` when it is called ``cloudwatch_metrics_agent``.

    Returns:
        The exit code.
    """
    arguments = _own_arguments() if argv is None else list(argv)
    extend_import_path()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        return _say(error, 2)
    except WcaError as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:  # a full disk or a closed pipe behind standard output
        return _say(f"wca: {error}", 1)
    return code


def _own_arguments() -> list[str]:
    program, *arguments = sys.argv
    if os.path.basename(program) in _AGENT_NAMES:
        return ["cloudwatch-agent", *arguments]
    return arguments


def _run(arguments: list[str]) -> int:
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = did_you_mean(arguments[0], COMMANDS)
        raise UsageError(f"wca has no command {arguments[0]!r}{hint}")
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in _GLOBAL_OPTIONS):
        arguments.insert(0, "run")  # `wca -c FILE` is `wca run -c FILE`
    parser = argparse.ArgumentParser(
        prog="wca",
        description="Workload Collocation Agent: `wca -c FILE` is `wca run -c FILE`.",
        allow_abbrev=False,
    )
    parser.add_argument("-v", "--version", action="version", version=f"wca {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name == arguments[0]:
            module = load_command(name)
            module.add_arguments(command)
            command.add_argument("-v", "--version", action="version", version=f"wca {__version__}")
            command.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    return int(args.run(args))


def _say(error: Exception | str, exit_code: int) -> int:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(error, file=sys.stderr)  # noqa: T201 - the command line's own output
    return exit_code
