"""``wca run``: build the runner that a configuration file describes and run it."""

import argparse
import logging
import os
from collections.abc import Callable

from wca.commands.configurations import Configurations
from wca.commands.operator_signals import OperatorSignals
from wca.commands.options import add_config_options, add_run_options, positive
from wca.components import load_registry
from wca.environment import supervisor
from wca.errors import StartError, UsageError, ValidationError
from wca.gc_tuning import raise_gc_threshold
from wca.linux.files import raise_descriptor_limit
from wca.logger import LogLevels, parse_levels
from wca.runners import Runner
from wca.runners.api import Described, ExpectsExit, Limited, Reloads, Reports
from wca.version import __version__

__all__ = ["add_arguments", "run", "run_file"]

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca run``."""
    add_config_options(parser)
    add_run_options(parser)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--once", dest="iterations", action="store_const", const=1, help="end after one iteration"
    )
    limit.add_argument(
        "--iterations", type=positive, metavar="N", help="end after this many iterations"
    )


def run(args: argparse.Namespace) -> int:
    """Build and run.

    Returns:
        What the runner's ``run`` returned; None is 0.

    Raises:
        UsageError: run as root without ``--root``, or a limit for a runner that has none.
        ConfigLoadError: the file with all its problems.
        StartError: a component that cannot start.
    """
    return run_file(args, lambda runner: _limit(runner, args.iterations))


def run_file(args: argparse.Namespace, prepare: Callable[[Runner], None]) -> int:
    """Build and run what ``args.config`` describes; as ``run``.

    Args:
        args: of ``add_config_options`` and ``add_run_options``.
        prepare: is given the runner before it runs.
    """
    levels = LogLevels(_levels(args.log_levels))
    if os.geteuid() == 0 and not args.root:
        raise UsageError(
            "wca does not run as root by itself: add --root if you want it to (perf and resctrl "
            "need it), or run it as another user"
        )
    path = os.path.abspath(args.config)

    def prepare_described(runner: Runner) -> None:
        prepare(runner)
        if isinstance(runner, Described):
            runner.described_in(path)

    with OperatorSignals(levels) as signals:
        registry = load_registry(args.register)
        configurations = Configurations(args.config, registry, levels, prepare_described)
        raise_gc_threshold()
        raise_descriptor_limit()  # every task keeps about ten kernel files open
        log.info("wca %s starts %s, process %d", __version__, args.config, os.getpid())
        signals.obey(_reloading(configurations))
        return _run(configurations.runner)


def _reloading(configurations: Configurations) -> Callable[[], None]:
    """What is done for SIGHUP."""
    runner = configurations.runner
    if isinstance(runner, Reloads):
        runner.reload_from(configurations)
        return runner.reload
    name = type(runner).__name__

    def say() -> None:
        log.warning("%s cannot change its configuration while it runs: restart it", name)

    return say


def _run(runner: Runner) -> int:
    """The exit code of a runner; a result that is no exit code is reported."""
    name = type(runner).__name__
    if isinstance(runner, ExpectsExit):
        runner.expect_exit()
    listening = supervisor()
    if isinstance(runner, Reports):
        runner.report_to(listening)
    else:
        listening.ready(f"{name} runs")
    try:
        result: object = runner.run()
    except (UsageError, StartError):
        raise
    except Exception as error:
        log.debug("%s failed", name, exc_info=error)
        words = f"{type(error).__name__}: {error}"
        raise StartError(f"{name} failed: {words} (--log debug shows where)") from error
    if result is None or isinstance(result, int):
        return int(result or 0)
    raise StartError(f"{name}.run() returned {result!r}, expected a whole number or None")


def _levels(texts: list[str]) -> dict[str, str]:
    try:
        return parse_levels(texts)
    except ValidationError as error:
        raise UsageError(str(error)) from None


def _limit(runner: Runner, iterations: int | None) -> None:
    if iterations is None:
        return
    if not isinstance(runner, Limited):
        raise UsageError(
            f"{type(runner).__name__} does not count iterations: leave out --once and --iterations"
        )
    runner.stop_after(iterations)
