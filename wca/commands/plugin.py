"""The plugin of a configuration file, a detector or an allocator, without anything else of it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from wca.abilities import ability
from wca.commands.options import add_config_options
from wca.components import load_registry
from wca.config import load_config
from wca.detectors.api import AnomalyDetector
from wca.errors import PLUGIN_ERRORS, StartError, UsageError
from wca.logger import configure_logging
from wca.recording.plugins import Plugin

__all__ = ["add_replay_options", "detector_of", "plugin_of"]

_CLOSE_TIMEOUT = 5.0


def add_replay_options(parser: argparse.ArgumentParser) -> None:
    """Declare which recording and which detector."""
    parser.add_argument(
        "--from", dest="recording", required=True, metavar="PATH", help="the recording"
    )
    add_config_options(parser)
    parser.add_argument(
        "--fresh", action="store_true", help="begin without the state of the recorded detector"
    )


@contextmanager
def detector_of(args: argparse.Namespace) -> Iterator[AnomalyDetector]:
    """As ``plugin_of``, of a runner with a detector."""
    with plugin_of(args) as plugin:
        if not isinstance(plugin, AnomalyDetector):
            raise UsageError(
                f"{args.config}: its runner has no detector, write a DetectionRunner with one"
            )
        yield plugin


@contextmanager
def plugin_of(args: argparse.Namespace) -> Iterator[Plugin]:
    """The detector or allocator of the file's runner, started; nothing else of the file is.

    Args:
        args: of ``add_replay_options``.

    Raises:
        ConfigLoadError: the file with all its problems.
        UsageError: it has none.
        StartError: it cannot start.
    """
    configure_logging({"wca": "WARNING"})
    loaded = load_config(args.config, load_registry(args.register))
    detector = getattr(loaded.runner, "detector", None) or getattr(loaded.runner, "allocator", None)
    if loaded.runner is None:  # it needs what only another machine has; its parts come first
        found = [one for one in loaded.components if isinstance(one, Plugin)]
        detector = found[-1] if found else None
    if not isinstance(detector, Plugin):
        raise UsageError(
            f"{args.config}: its runner has no detector, write a DetectionRunner with one"
        )
    name = type(detector).__name__
    start, close = ability(detector, "start"), ability(detector, "close")
    try:
        if start is not None:
            start()
    except StartError:
        raise
    except PLUGIN_ERRORS as error:
        raise StartError(f"{name} cannot start: {error}") from error
    try:
        yield detector
    finally:
        if close is not None:
            close(_CLOSE_TIMEOUT)
