"""Write requirements.txt and requirements-dev.txt: every version pinned, every file hashed.

The files name no package index, so they hold on any mirror. Hashes are collected for each Python
and each architecture below. Run it as `make lock`; it needs network and pip 23 or later.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURES = ("x86_64", "aarch64")
GLIBC = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
# Wheels without compiled code are preferred for these, so that one pex serves every Python.
PURE = ("charset-normalizer",)

Hashes = dict[str, set[str]]  # "name==version" -> sha256 of every accepted file


def pip_report(requirements: list[str], target: list[str]) -> list[dict]:
    """What pip would install for one target, without installing it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--only-binary", ":all:", "--target", folder]
        command += ["--implementation", "cp", *target, "--report", "-", *requirements]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return json.loads(done.stdout)["install"]


def canonical(name: str) -> str:
    """The normalised form of a project's name (the rule of the packaging standard)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def collect(report: list[dict], hashes: Hashes) -> None:
    """Add the pins and hashes of one report to `hashes`."""
    for item in report:
        name = canonical(item["metadata"]["name"])
        pin = f"{name}=={item['metadata']['version']}"
        hashes.setdefault(pin, set()).add(item["download_info"]["archive_info"]["hashes"]["sha256"])


def targets(pythons: tuple[str, ...], abis: tuple[str, ...]) -> list[list[str]]:
    """The options of pip for every pair of Python and architecture."""
    found = []
    for python in pythons:
        for machine in ARCHITECTURES:
            options = ["--python-version", python, "--platform", "any"]
            for glibc in GLIBC:
                options += ["--platform", f"{glibc}_{machine}"]
            for abi in abis or ("cp" + python.replace(".", ""), "abi3", "none"):
                options += ["--abi", abi]
            found.append(options)
    return found


def resolve(requirements: list[str], abis: tuple[str, ...] = ()) -> Hashes:
    """Pins and hashes for all targets; the first target decides the versions of the others."""
    hashes: Hashes = {}
    wanted = requirements
    for target in targets(PYTHONS, abis):
        collect(pip_report(wanted, target), hashes)
        wanted = sorted({*requirements, *hashes})
    return hashes


def make_pure(hashes: Hashes) -> None:
    """Replace the hashes of the PURE projects by that of their py3-none-any wheel."""
    for pin in [pin for pin in hashes if pin.split("==")[0] in PURE]:
        target = ["--python-version", PYTHONS[0], "--platform", "any", "--abi", "none"]
        pure: Hashes = {}
        collect(pip_report(["--no-deps", pin], target), pure)
        hashes[pin] = pure[pin]


def write(path: str, hashes: Hashes) -> None:
    """Write one requirements file."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("# Written by `make lock`; do not edit.\n")
        for pin in sorted(hashes):
            options = [f"    --hash=sha256:{value}" for value in sorted(hashes[pin])]
            out.write(" \\\n".join([pin, *options]) + "\n")
    print(f"{path}: {len(hashes)} pins")  # noqa: T201


def main() -> None:
    """Resolve the run-time set first; the development set is what it adds."""
    with open("pyproject.toml", "rb") as project:
        runtime = tomllib.load(project)["project"]["dependencies"]
    with open("requirements-dev.in", encoding="utf-8") as given:
        develop = [line.strip() for line in given if line.strip() and not line.startswith("#")]
    # Only wheels for any Python: what goes into the pex must not depend on the minor version.
    locked = resolve(runtime, abis=("abi3", "none"))
    make_pure(locked)
    everything = resolve([*locked, *develop])
    write("requirements.txt", locked)
    write("requirements-dev.txt", {p: h for p, h in everything.items() if p not in locked})


if __name__ == "__main__":
    main()
