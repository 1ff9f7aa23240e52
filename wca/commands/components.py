"""``wca components``: what a configuration file can name."""

import argparse

from wca.commands.options import add_register_option
from wca.components import BUILT_IN, load_registry
from wca.config.reference import about, component_reference
from wca.config.registry import Registry
from wca.errors import ConfigLoadError, UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca components``."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="of one component, with or without !: all about it"
    )
    add_register_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print all components with their stability, or one with its fields.

    Returns:
        0.

    Raises:
        UsageError: there is no such component.
    """
    registry = load_registry(args.register)
    if args.name is None:
        print(_table(registry))  # noqa: T201 - the command's own output
        return 0
    tag = args.name.removeprefix("!")
    try:
        component = registry.find(tag)
    except ConfigLoadError as error:
        raise UsageError(str(error)) from None
    stability = {entry.tag: entry.stability for entry in BUILT_IN}.get(tag, component.origin)
    print(f"!{tag} ({stability}, {component.place})\n")  # noqa: T201
    print(component_reference(component.cls), end="")  # noqa: T201
    return 0


def _table(registry: Registry) -> str:
    """Built-in components in the order of the catalogue, then those of others."""
    rows: list[tuple[str, str, str]] = [
        (f"!{entry.tag}", entry.stability, entry.summary) for entry in BUILT_IN
    ]
    known = {entry.tag for entry in BUILT_IN}
    for tag in registry.tags():
        if tag not in known:
            component = registry.find(tag)
            summary = about(component.cls).partition("\n")[0]
            rows.append((f"!{tag}", component.origin, summary))
    name, kind = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{row[0]:<{name}}  {row[1]:<{kind}}  {row[2]}".rstrip() for row in rows)
