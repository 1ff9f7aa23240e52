"""The programs of the episodes: compiled, given their files, and started in their groups."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CACHED", "DIRECT", "LARGE", "UnusableError", "build", "files", "sources_hash", "start"]

NAMES = ("victim", "client", "neighbour")
FOLDER = Path(__file__).parent
MIB = 1 << 20
#: Files that the programs read, with their sizes in bytes.
CACHED, DIRECT, LARGE = "cached", "direct", "large"
SIZES = {CACHED: 160 * MIB, DIRECT: 256 * MIB, LARGE: 3072 * MIB}


class UnusableError(Exception):
    """This machine cannot run the episodes, with a sentence that says why."""


def build(folder: Path) -> dict[str, str]:
    """Compile what is older than its source; the programs by name.

    Raises:
        UnusableError: there is no gcc, or it fails.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise UnusableError("the programs of the episodes are C: install gcc")
    folder.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in FOLDER.glob("*.[ch]"))
    for name in NAMES:
        target = folder / name
        if target.exists() and target.stat().st_mtime > newest:
            continue
        options = ["-O2", "-Wall", "-Wextra", "-pthread"]
        command = [compiler, *options, str(FOLDER / f"{name}.c"), "-lm", "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnusableError(f"gcc does not compile {name}.c: {done.stderr.strip()}")
    return {name: str(folder / name) for name in NAMES}


def sources_hash() -> str:
    """SHA-256 of the sources of the programs, with their names."""
    found = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.[ch]")):
        found.update(f"{path.name}\n".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def files(folder: Path, sizes: dict[str, int] | None = None) -> dict[str, str]:
    """Make the files that the programs read, of random bytes, unless they are there; by name.

    Raises:
        UnusableError: the folder is in memory, or has no room.
    """
    sizes = SIZES if sizes is None else sizes
    for name, size in sizes.items():
        try:
            _make(folder / name, size)
        except OSError as error:
            raise UnusableError(f"{folder / name} cannot be made: {error.strerror}") from error
    try:
        os.close(os.open(folder / DIRECT, os.O_RDONLY | os.O_DIRECT))
    except OSError as error:
        raise UnusableError(
            f"{folder} is on a file system without direct reads: name a folder on a disk"
        ) from error
    for name in sizes:
        _forget(folder / name)
    return {name: str(folder / name) for name in sizes}


def _make(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size == size:
        return
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())


def _forget(path: Path) -> None:
    """Drop the file from the page cache: what is in it is charged to whoever read it first."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def start(command: Sequence[str], cpu: int | None = None, **options) -> subprocess.Popen:
    """Start a program, on one CPU when it is given."""
    if cpu is not None:
        command = ["taskset", "-c", str(cpu), *command]
    return subprocess.Popen(command, **options)
