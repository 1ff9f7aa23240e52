"""Build the pex: `python tools/build_pex.py OUTPUT`, run by `make` in the project's folder.

With `--extra NAME`, once or several times, the packages of an optional part go in as well. The same
sources give the same bytes: versions and hashes are locked, times and file modes are fixed, and
only wheels that fit every supported Python go in.
"""

import argparse
import glob
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile

from packaging.requirements import Requirement

# The earliest time a zip file can hold; wheels and the pex carry it instead of the clock.
EPOCH = "315532800"
# Where versions and hashes are; what the agent always needs is in the first.
LOCKS = ("requirements.txt", "requirements-dev.txt")
# What a wheel for every supported Python is called.
PORTABLE = re.compile(r"-(py3|py2\.py3)-none-|-abi3-")
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "wca")
# Our checks go before this line of pex's start script: after its fast path, before its search.
ANCHOR = b"\nfind_python() {\n"


def copy_sources(folder: str) -> None:
    """Copy what the wheel is made of, with modes that do not depend on the umask."""
    for name in SOURCES:
        if os.path.isdir(name):
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(name, os.path.join(folder, name), ignore=ignored)
        else:
            shutil.copy(name, folder)
    for parent, _, files in os.walk(folder):
        os.chmod(parent, 0o755)  # noqa: S103
        for name in files:
            os.chmod(os.path.join(parent, name), 0o644)


def pip(*arguments: str) -> None:
    """Run pip quietly; its failure ends the build."""
    command = [sys.executable, "-m", "pip", "--quiet", *arguments]
    subprocess.run(command, check=True)  # noqa: S603


def canonical(name: str) -> str:
    """The normalised form of a project's name (the rule of the packaging standard)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def projects_of(extras: list[str]) -> set[str]:
    """The projects that the extras need, and those that these need: as they are installed here."""
    with open("pyproject.toml", "rb") as given:
        optional = tomllib.load(given)["project"]["optional-dependencies"]
    unknown = sorted(set(extras) - set(optional))
    if unknown:
        sys.exit(f"build_pex: there is no extra {unknown[0]}: write {', '.join(sorted(optional))}")
    left = [Requirement(text) for extra in extras for text in optional[extra]]
    found: set[str] = set()
    while left:
        name, wanted = canonical(left[0].name), ("", *left.pop(0).extras)
        if name not in found:
            found.add(name)
            left += [
                one
                for one in map(Requirement, needs(name))
                if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in wanted)
            ]
    return found


def needs(project: str) -> list[str]:
    """What a project that is installed here asks for."""
    try:
        return importlib.metadata.requires(project) or []
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"build_pex: {project} is not installed here: run make setup")


def locked(extras: list[str]) -> str:
    """The text of a requirements file: all that the agent needs, and what its extras need."""
    always, *more = (open_lock(name) for name in LOCKS)
    pins = dict(always)
    for project in sorted(projects_of(extras) - set(pins)):
        known = [lock[project] for lock in more if project in lock]
        if not known:
            sys.exit(f"build_pex: {project} is in none of {', '.join(LOCKS)}: run make lock")
        pins[project] = known[0]
    return "\n".join(pins.values()) + "\n"


def open_lock(path: str) -> dict[str, str]:
    """The pins of a requirements file by project, each with its hashes."""
    with open(path, encoding="utf-8") as given:
        lines = given.read().replace("\\\n", " ").splitlines()
    return {canonical(line.split("==")[0]): line for line in lines if line and line[0] != "#"}


def collect_wheels(sources: str, wheels: str, extras: list[str]) -> None:
    """Our wheel, and the locked wheels checked against their hashes."""
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", wheels, sources)
    lock = os.path.join(os.path.dirname(sources), "requirements.txt")
    with open(lock, "w", encoding="utf-8") as out:
        out.write(locked(extras))
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", lock]
    pip("download", *options, "-d", wheels)
    bound = [name for name in sorted(os.listdir(wheels)) if not PORTABLE.search(name)]
    if bound:
        sys.exit(f"build_pex: {bound[0]} fits one Python only: give tools/lock.py a pure one")


def run_pex(wheels: str, output: str, extras: list[str]) -> None:
    """Put the wheels into one file."""
    (ours,) = glob.glob(os.path.join(wheels, "wca-*.whl"))
    version = os.path.basename(ours).split("-")[1]
    wanted = f"wca[{','.join(extras)}]=={version}" if extras else f"wca=={version}"
    command = [sys.executable, "-m", "pex", wanted, "-e", "wca.main:main", "-o", output]
    # Nothing is resolved here: the wheels are all there is, and pip has checked them already.
    command += ["--pre-resolved-dists", wheels]
    command += ["--interpreter-constraint", "CPython>=3.11", "--python", sys.executable]
    command += ["--python-path", os.path.dirname(sys.executable)]
    command += ["--venv", "prepend", "--sh-boot", "--no-strip-pex-env"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def add_preamble(built: str, output: str) -> None:
    """Put our checks into the start script and write the archive again behind it."""
    with open(os.path.join(os.path.dirname(__file__), "pex_preamble.sh"), "rb") as given:
        preamble = given.read()
    with open(built, "rb") as archive:
        script = archive.read().split(b"PK\x03\x04", 1)[0]
    if script.count(ANCHOR) != 1:
        sys.exit("build_pex: this pex writes another start script; adapt ANCHOR to it")
    with open(output, "wb") as out:
        out.write(script.replace(ANCHOR, b"\n" + preamble + ANCHOR.lstrip(b"\n")))
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(output, "a") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
    os.chmod(output, 0o755)  # noqa: S103 - it is a program


def main() -> None:
    """Build in a temporary folder; the output appears whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME")
    args = parser.parse_args()
    output, extras = os.path.abspath(args.output), sorted(set(args.extra))
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH
    os.umask(0o022)
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(output)) as folder:
        sources, wheels = os.path.join(folder, "sources"), os.path.join(folder, "wheels")
        os.mkdir(sources)
        copy_sources(sources)
        collect_wheels(sources, wheels, extras)
        run_pex(wheels, os.path.join(folder, "built.pex"), extras)
        add_preamble(os.path.join(folder, "built.pex"), os.path.join(folder, "wca.pex"))
        os.replace(os.path.join(folder, "wca.pex"), output)


if __name__ == "__main__":
    main()
