"""``wca sample COMPONENT``: a piece of YAML to begin with."""

import argparse
from collections.abc import Iterable

from wca.commands.options import add_register_option
from wca.components import BUILT_IN, load_registry
from wca.config.registry import Registry
from wca.config.sample import component_sample
from wca.errors import ConfigLoadError, UsageError

__all__ = ["add_arguments", "run", "sample_of"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca sample``."""
    parser.add_argument("name", metavar="COMPONENT", help="with or without !")
    add_register_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print the component with all its fields, those that may be left out as comments.

    Returns:
        0.

    Raises:
        UsageError: there is no such component.
    """
    registry = load_registry(args.register)
    try:
        text = sample_of(args.name.removeprefix("!"), registry)
    except ConfigLoadError as error:
        raise UsageError(str(error)) from None
    print(text, end="")  # noqa: T201 - the command's own output
    return 0


def sample_of(tag: str, registry: Registry) -> str:
    """The sample of a component.

    Args:
        tag: its name.
        registry: which class that is.

    Raises:
        ConfigLoadError: there is no such component.
    """
    cls = registry.find(tag).cls

    def candidates(wanted: type) -> Iterable[str]:
        return [entry.tag for entry in BUILT_IN if issubclass(registry.find(entry.tag).cls, wanted)]

    return component_sample(cls, candidates)
