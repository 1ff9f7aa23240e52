"""The folder that every package holds: Python, the agent, and all that its components import."""

import glob
import os
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile

from tools.build_pex import copy_sources, locked, pip
from tools.packages.interpreter import Loader, copy_interpreter, copy_libraries, site_packages
from tools.packages.launchers import write_launchers

__all__ = ["build_home"]

#: Extras of commands that no agent runs.
NOT_FOR_AGENTS = ("plot", "train")
#: What a person finds beside the programs.
BESIDE = ("README.md", "LICENSE", "CHANGELOG.md", "docs", "configs", "examples")


def build_home(home: str, scratch: str) -> Loader:
    """Build it.

    Args:
        home: the folder, which is not there yet.
        scratch: a folder for what is needed meanwhile.

    Returns:
        Where this machine's programs expect their loader and libraries.
    """
    os.mkdir(home)
    copy_interpreter(home)
    _install(site_packages(home), scratch)
    loader = copy_libraries(home)
    write_launchers(home)
    _compile(home)
    for name in BESIDE:
        _copy(name, os.path.join(home, "share", "wca", name))
    with open(os.path.join(home, "share", "wca", "BUILD"), "w", encoding="utf-8") as out:
        out.write(_build_facts())
    return loader


def extras() -> list[str]:
    """The optional parts that agents have components for."""
    with open("pyproject.toml", "rb") as given:
        optional = tomllib.load(given)["project"]["optional-dependencies"]
    return sorted(set(optional) - set(NOT_FOR_AGENTS))


def _install(packages: str, scratch: str) -> None:
    """The agent and the locked wheels, checked against their hashes."""
    lock = os.path.join(scratch, "requirements.txt")
    with open(lock, "w", encoding="utf-8") as out:
        out.write(locked(extras()))
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-compile"]
    pip("install", *options, "--target", packages, "-r", lock)
    shutil.rmtree(os.path.join(packages, "bin"), ignore_errors=True)
    sources, wheels = os.path.join(scratch, "sources"), os.path.join(scratch, "wheels")
    os.mkdir(sources)
    copy_sources(sources)
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", wheels, sources)
    (ours,) = glob.glob(os.path.join(wheels, "wca-*.whl"))
    with zipfile.ZipFile(ours) as archive:
        archive.extractall(packages)


def _compile(home: str) -> None:
    """Compile once, for where nothing can be written; the sources are never compared again."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", home, "-p", "/", os.path.join(home, "lib")]
    # The order of sets is part of the bytes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(command, check=True, env=environment)  # noqa: S603


def _copy(name: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(name):
        shutil.copytree(name, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    else:
        shutil.copy(name, target)


def _build_facts() -> str:
    library, version = platform.libc_ver()
    return (
        f"Python {platform.python_version()}\n"
        f"{library} {version}, included: any Linux since 3.2 on {platform.machine()}\n"
    )
