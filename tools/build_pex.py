"""Build the pex: `python tools/build_pex.py OUTPUT`, run by `make` in the project's folder.

The same sources give the same bytes: versions and hashes are locked, times and file modes are
fixed, and only wheels that fit every supported Python go in.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

# The earliest time a zip file can hold; wheels and the pex carry it instead of the clock.
EPOCH = "315532800"
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


def collect_wheels(sources: str, wheels: str) -> None:
    """Our wheel, and the locked wheels checked against their hashes."""
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", wheels, sources)
    locked = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", "requirements.txt"]
    pip("download", *locked, "-d", wheels)


def run_pex(wheels: str, output: str) -> None:
    """Put the wheels into one file."""
    (ours,) = glob.glob(os.path.join(wheels, "wca-*.whl"))
    version = os.path.basename(ours).split("-")[1]
    command = [sys.executable, "-m", "pex", f"wca=={version}", "-e", "wca.main:main", "-o", output]
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
    output = os.path.abspath(sys.argv[1])
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH
    os.umask(0o022)
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(output)) as folder:
        sources, wheels = os.path.join(folder, "sources"), os.path.join(folder, "wheels")
        os.mkdir(sources)
        copy_sources(sources)
        collect_wheels(sources, wheels)
        run_pex(wheels, os.path.join(folder, "built.pex"))
        add_preamble(os.path.join(folder, "built.pex"), os.path.join(folder, "wca.pex"))
        os.replace(os.path.join(folder, "wca.pex"), output)


if __name__ == "__main__":
    main()
