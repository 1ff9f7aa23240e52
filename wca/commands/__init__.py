"""The subcommands, one module each, imported when asked for."""

import argparse
import importlib
from collections.abc import Mapping
from typing import Protocol, cast

__all__ = ["COMMANDS", "Command", "load_command"]

#: Name to summary, in the order of the help text; the module has the name of the command,
#: with ``_`` for ``-``.
COMMANDS: Mapping[str, str] = {
    "run": "run the agent that a configuration file describes",
    "check": "build everything a configuration file names, start nothing, report all problems",
    "record": "run the agent and record what it sees and what its detector answers",
    "replay": "ask a detector about a recording, and compare with what was recorded",
    "detect": "print what a detector finds in a recording, and score it against labels",
    "train": "learn from recordings what is usual, for a ModelDetector",
    "wrap": "run a program, pass its output on, and store the numbers that are in it",
    "cloudwatch-agent": "send CPU and memory to Amazon CloudWatch",
    "exec": "run a program, and send its CPU and memory to Amazon CloudWatch",
    "hold": "let agents give back everything that they have changed, and change nothing",
    "release": "end what `wca hold` began",
    "undo": "give back by hand what an agent has changed",
    "why": "tell what was done to a task, why, and what is in force",
    "top": "look at tasks in a terminal, live, of this machine or of a running agent",
    "doctor": "tell what this machine offers, and what a configuration lacks here",
    "plan": "tell what a configuration will cost here: series, bytes, descriptors, CPU, memory",
    "print-config": "print a configuration file with every field, secrets masked",
    "components": "list what a configuration file can name, or tell all about one of it",
    "sample": "print a component with all its fields as YAML to begin with",
    "schema": "print a JSON Schema of configuration files, for editors",
    "list": "list all metrics, with type, unit and meaning",
    "docs": "print a generated reference",
}


class Command(Protocol):
    """What a module of this package has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit code."""


def load_command(name: str) -> Command:
    """Import one command."""
    return cast("Command", importlib.import_module(f"wca.commands.{name.replace('-', '_')}"))
