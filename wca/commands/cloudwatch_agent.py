"""``wca cloudwatch-agent``: CPU and memory to Amazon CloudWatch, once in a period."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wca.cloudwatch import AgentOptions, Scope, configuration_of, scope_here
from wca.cloudwatch.options import Values
from wca.cloudwatch.rust_log import levels_of
from wca.commands.options import positive
from wca.errors import UsageError, ValidationError
from wca.logger import configure_logging, parse_levels
from wca.runners.stop import held_signals

if TYPE_CHECKING:
    from wca.runners import MeasurementRunner
    from wca.storage import CloudWatchStorage, Storage

__all__ = [
    "add_agent_options",
    "add_arguments",
    "options_of",
    "run",
    "runner_of",
    "tell_losses",
]

log = logging.getLogger("wca.cloudwatch")

_AUTO = "auto"
#: Requests of which is told what was in them.
_MOST_TOLD = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_agent_options(parser)
    parser.add_argument("--print-config", action="store_true", help="print the configuration")
    parser.add_argument("--iterations", type=positive, metavar="N", help="end after N samples")


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that ``wca exec`` has as well."""
    add = parser.add_argument
    add("-n", "--namespace", required=True, help="of CloudWatch; not one of AWS/")
    add(
        *("-s", "--service", "--service-name"),
        required=True,
        metavar="NAME",
        help="the dimension ServiceName",
    )
    add(
        *("-p", "--period"),
        type=int,
        default=60,
        metavar="SECONDS",
        help="how often something is sent (60)",
    )
    add(
        *("-d", "--dry-run", "--dryrun"),
        action="store_true",
        help="print what would be sent, and connect to nothing",
    )
    add(
        "--dimension",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further dimension; may be repeated",
    )
    _add_aws(add)
    _add_measuring(add)
    add(
        *("-l", "--log"),
        dest="log_levels",
        action="append",
        default=[],
        metavar="[MODULE:]LEVEL",
        help="errors only by default; what is emitted: wca.cloudwatch:info",
    )


def _add_aws(add: Callable[..., Any]) -> None:
    add("--region", help="of AWS; otherwise what the environment or the AWS files say")
    add("--endpoint-url", metavar="URL", help="in place of that of the region")
    add("--resolution", type=int, choices=(1, 60), default=60, help="1: high resolution")
    add("--spool", metavar="PATH", help="a file in which data outlasts outages")
    add(
        "--shutdown-timeout",
        type=float,
        default=8.0,
        metavar="SECONDS",
        help="from a signal to the end, however CloudWatch answers (8)",
    )


def _add_measuring(add: Callable[..., Any]) -> None:
    add(
        "--sample-interval",
        type=float,
        default=0.9,
        metavar="SECONDS",
        help="between two samples (0.9)",
    )
    add(
        "--scope",
        choices=(_AUTO, *Scope),
        default=_AUTO,
        help="what is measured: the host, the agent's container, the ECS task; found out by itself",
    )
    add(
        "--values",
        choices=tuple(Values),
        default=Values.MEDIAN,
        help="medians and maxima of a period, or statistic sets, or the value of each sample",
    )
    add("--more", action="store_true", help="send MaxCPUUtilization and CPUThrottled as well")


def options_of(args: argparse.Namespace, outside: Scope = Scope.HOST) -> AgentOptions:
    """The options of a command line.

    Args:
        args: the arguments.
        outside: the scope that is found where there is neither a task nor a container.

    Raises:
        UsageError: an option makes no sense.
    """
    scope = scope_here(os.environ) if args.scope == _AUTO else Scope(args.scope)
    if args.scope == _AUTO and scope is Scope.HOST:
        scope = outside
    try:
        return AgentOptions(
            namespace=args.namespace,
            service=args.service,
            scope=scope,
            period=args.period,
            sample_interval=args.sample_interval,
            dimensions=_dimensions(args.dimension),
            resolution=args.resolution,
            region=args.region,
            endpoint_url=args.endpoint_url,
            dry_run=args.dry_run,
            values=Values(args.values),
            more=args.more,
            spool=args.spool,
            shutdown_timeout=args.shutdown_timeout,
        )
    except ValidationError as error:
        raise UsageError(f"wca cloudwatch-agent: {error}") from None


def run(args: argparse.Namespace) -> int:
    """Measure and publish until a signal comes.

    Returns:
        0; 1 when the last data could not be published.

    Raises:
        UsageError: an option makes no sense.
        ConfigLoadError: CloudWatch would refuse a name.
        StartError: region or credentials are missing.
    """
    options = options_of(args)
    if args.print_config:
        sys.stdout.write(configuration_of(options))
        return 0
    with held_signals():  # one that comes during the start ends the run that has begun
        runner = runner_of(options, args)
        if args.iterations is not None:
            runner.stop_after(args.iterations)
        runner.expect_exit()
        runner.run()
    return 1 if tell_losses(runner) else 0


def runner_of(
    options: AgentOptions, args: argparse.Namespace, outside: Scope = Scope.HOST
) -> "MeasurementRunner":
    """Build what the options say, and log as they say.

    Args:
        options: of the arguments.
        args: the arguments.
        outside: the scope that is measured where the one that was found has no source.

    Raises:
        UsageError: a level is none, or nothing can be measured of the scope that was given.
        ConfigLoadError: CloudWatch would refuse a name.
    """
    # What takes long to import, is imported where signals are held.
    from wca.components import load_registry
    from wca.config import load_text
    from wca.runners import MeasurementRunner

    everything = ""  # libraries, too
    configure_logging({everything: "ERROR", "wca": "ERROR", **_levels(args.log_levels)})
    options = _measurable(options, outside if args.scope == _AUTO else None)
    text = configuration_of(options)
    loaded = load_text(text, load_registry([]), name="wca cloudwatch-agent")
    runner = loaded.runner
    assert isinstance(runner, MeasurementRunner)  # noqa: S101 - the text says so
    runner.configured_by(loaded.fingerprint())
    return runner


def _measurable(options: AgentOptions, instead: Scope | None) -> AgentOptions:
    """The options, or the same with another scope where theirs has no source; that is logged.

    Raises:
        UsageError: it has none, and there is no other.
    """
    from wca.cloudwatch.sources import missing_source

    missing = missing_source(options.scope)
    if missing is None:
        return options
    if instead is None:
        raise UsageError(f"--scope {options.scope}: nothing can be measured here: {missing}")
    if instead is options.scope:
        log.error("nothing is published: --scope %s: %s", options.scope, missing)
        return options
    log.error("--scope %s: %s: measuring --scope %s instead", options.scope, missing, instead)
    return _measurable(replace(options, scope=instead), instead)


def tell_losses(runner: "MeasurementRunner") -> int:
    """Log what a runner could not publish when it ended; how many data points that are.

    What it had to give up before was logged then.
    """
    publishers = list(_publishers([runner.metrics_storage]))
    lost = sum(storage.lost_at_end for storage in publishers)
    subjects = [subject for storage in publishers for subject in storage.unsent]
    told = "; ".join(subjects[:_MOST_TOLD])
    if len(subjects) > _MOST_TOLD:
        told += f"; and {len(subjects) - _MOST_TOLD} requests more"
    if lost:
        log.error("%d data points were not published and are lost: %s", lost, told or "see above")
    elif subjects:  # a storage that is not done with closing
        log.error("not published, and lost: %s", told)
    return lost


def _publishers(storages: Sequence["Storage"]) -> Iterator["CloudWatchStorage"]:
    from wca.storage import CloudWatchStorage

    for storage in storages:
        if isinstance(storage, CloudWatchStorage):
            yield storage
        yield from _publishers(getattr(storage, "storages", ()))


def _dimensions(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise ValidationError(f"--dimension {text!r}: write NAME=VALUE")
        if name in found:
            raise ValidationError(f"--dimension {name} is given twice: leave one out")
        found[name] = value
    return found


def _levels(texts: list[str]) -> dict[str, str]:
    if not texts:
        with suppress(ValidationError):
            return parse_levels(levels_of(os.environ.get("RUST_LOG", "")))
    try:
        return parse_levels(texts)
    except ValidationError as error:
        raise UsageError(str(error)) from None
