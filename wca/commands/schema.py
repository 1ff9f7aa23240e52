"""``wca schema``: JSON Schema of configuration files, and the settings of an editor."""

import argparse
import json
from collections.abc import Iterable

from wca.commands.options import add_register_option
from wca.components import load_registry
from wca.config.schema import custom_tags, file_schema
from wca.runners import Runner

__all__ = ["add_arguments", "run"]

#: Where the settings look for what ``wca schema`` has printed.
_FILE = "wca.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca schema``."""
    parser.add_argument(
        "--vscode",
        action="store_true",
        help="print the settings of an editor with yaml-language-server instead: the tags, and "
        f"where the schema is ({_FILE})",
    )
    add_register_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print JSON.

    Returns:
        0.
    """
    registry = load_registry(args.register)
    classes = {tag: registry.find(tag).cls for tag in registry.tags()}
    if args.vscode:
        settings = {
            "yaml.customTags": custom_tags(classes),
            "yaml.schemas": {f"./{_FILE}": ["configs/**/*.yaml", "wca*.yaml"]},
        }
        print(json.dumps(settings, indent=2))  # noqa: T201 - the command's own output
        return 0

    def candidates(wanted: type) -> Iterable[str]:
        return [tag for tag, cls in classes.items() if issubclass(cls, wanted)]

    print(json.dumps(file_schema(classes, Runner, candidates), indent=1))  # noqa: T201
    return 0
