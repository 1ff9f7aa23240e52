"""``wca doctor``: what this machine offers, what a configuration needs of it, what closes a gap."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace

from wca.commands.options import add_register_option
from wca.components import load_registry
from wca.config import load_config
from wca.doctor import Finding, configuration_findings, machine_findings
from wca.errors import ConfigLoadError
from wca.linux.files import Kernel

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca doctor``."""
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="say, too, what this configuration lacks here"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_register_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print what there is and what is missing.

    Returns:
        0; 1 when the configuration lacks something that it needs.
    """
    kernel = Kernel()
    machine = machine_findings(kernel)
    needed: list[Finding] = []
    if args.config is not None:
        try:
            path = os.path.abspath(args.config)
            loaded = load_config(path, load_registry(args.register), here=True)
        except ConfigLoadError as error:
            needed = [Finding.gap("configuration", problem) for problem in error.problems]
        else:
            needed = configuration_findings(loaded, kernel)
    if args.json:
        print(  # noqa: T201 - the command's own output
            json.dumps({"machine": list(map(asdict, machine)), "needed": list(map(asdict, needed))})
        )
    else:
        print(_report(machine, needed))  # noqa: T201
    if all(one.good for one in needed):
        return 0
    print("this configuration lacks something here, see above", file=sys.stderr)  # noqa: T201
    return 1


def _report(machine: Iterable[Finding], needed: Iterable[Finding]) -> str:
    lines = ["This machine"]
    lines += [line for one in machine for line in _lines(one)]
    if needed := list(needed):
        lines += ["", "The configuration"]
        lines += [line for one in _alike_together(needed) for line in _lines(one)]
    return "\n".join(lines)


def _alike_together(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all of which the same is said."""
    subjects: dict[Finding, list[str]] = {}
    for one in findings:
        subjects.setdefault(replace(one, subject=""), []).append(one.subject)
    return [replace(one, subject=", ".join(names)) for one, names in subjects.items()]


def _lines(one: Finding) -> Iterable[str]:
    yield f"  {'ok' if one.good else '--'}  {one.subject}: {one.found}"
    if one.remedy:
        yield f"      to have it: {one.remedy}"
