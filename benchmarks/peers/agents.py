"""The agents that are compared, how each is started, and where what it says can be read."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

__all__ = ["Agent", "Configured", "Programs", "agents"]

CONFIGURATIONS = Path(__file__).parent
#: Where agents that are asked over HTTP listen.
ADDRESS = "127.0.0.1:9133"

Coverage = Literal["tasks", "node"]


@dataclass(frozen=True)
class Programs:
    """The commands of the agents; a program that is not there leaves its agent out."""

    wca: Sequence[str]
    telegraf: str
    cadvisor: str
    node_exporter: str


@dataclass(frozen=True)
class Configured:
    """An agent that is about to run.

    Args:
        command: to start.
        output: reads what it has said since the start, or says now.
        appends: whether what it says grows with each interval.
    """

    command: Sequence[str]
    output: Callable[[], bytes]
    appends: bool = False


@dataclass(frozen=True)
class Agent:
    """One agent in one configuration.

    Args:
        name: for the table.
        version: command that prints it.
        configure: takes the folder for its files and what the templates name.
    """

    name: str
    version: Sequence[str]
    configure: Callable[[str, Mapping[str, str]], Configured]

    def version_number(self) -> str:
        """As the program says it, without words; raises OSError where there is no program."""
        done = subprocess.run(self.version, capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        return found.group() if found else "unknown"


def agents(coverage: Coverage, programs: Programs) -> list[Agent]:
    """WCA first, then the others that can give numbers of tasks, or of the machine."""
    compared = [_wca(coverage, programs.wca), _telegraf(coverage, programs.telegraf)]
    if coverage == "tasks":
        return [*compared, _cadvisor(programs.cadvisor)]
    return [*compared, _node_exporter(programs.node_exporter)]


def _wca(coverage: Coverage, program: Sequence[str]) -> Agent:
    def configure(folder: str, names: Mapping[str, str]) -> Configured:
        output = os.path.join(folder, "wca.prom")
        config = _write(folder, f"wca-{coverage}.yaml", {**names, "output": output})
        command = [*program, "-c", config, "--log", "error", "--root"]
        return Configured(command, lambda: _content(output))

    version = [sys.executable, "-c", "import wca.version as v; print(v.__version__)"]
    return Agent("WCA", version, configure)


def _telegraf(coverage: Coverage, program: str) -> Agent:
    def configure(folder: str, names: Mapping[str, str]) -> Configured:
        output = os.path.join(folder, "telegraf.influx")
        config = _write(folder, f"telegraf-{coverage}.conf", {**names, "output": output})
        return Configured([program, "--config", config], lambda: _content(output), appends=True)

    return Agent("Telegraf", [program, "version"], configure)


def _cadvisor(program: str) -> Agent:
    def configure(_folder: str, names: Mapping[str, str]) -> Configured:
        where = ["-listen", ADDRESS, "-prefix", names["parent"], "-interval", names["interval"]]
        return Configured([program, *where], _scrape)

    return Agent("cAdvisor", [program, "-version"], configure)


def _node_exporter(program: str) -> Agent:
    def configure(_folder: str, _names: Mapping[str, str]) -> Configured:
        arguments = (CONFIGURATIONS / "node_exporter.args").read_text().split()
        return Configured([program, f"--web.listen-address={ADDRESS}", *arguments], _scrape)

    return Agent("node_exporter", [program, "--version"], configure)


def _write(folder: str, name: str, names: Mapping[str, str]) -> str:
    path = os.path.join(folder, name)
    text = Template((CONFIGURATIONS / name).read_text()).substitute(names)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def _content(path: str) -> bytes:
    return Path(path).read_bytes()


def _scrape() -> bytes:
    with urllib.request.urlopen(f"http://{ADDRESS}/metrics", timeout=60) as answer:
        content: bytes = answer.read()
    return content
