"""Archives whose bytes depend on nothing but what is in them."""

import gzip
import os
import tarfile

__all__ = ["EPOCH", "set_modes", "version", "write_tarball"]

#: The time of every file, instead of the clock's; the earliest that a wheel can hold.
EPOCH = 315532800


def version() -> str:
    """Of the agent, without importing it."""
    with open(os.path.join("wca", "version.py"), encoding="utf-8") as given:
        (line,) = [line for line in given if line.startswith("__version__")]
    return line.split('"')[1]


def set_modes(folder: str) -> None:
    """Give every file below a folder its time, and a mode that does not depend on the umask.

    A library is read, not started.
    """
    for parent, _, names in os.walk(folder):
        for path in [parent, *(os.path.join(parent, name) for name in names)]:
            if not os.path.islink(path):
                starts = os.stat(path).st_mode & 0o100 and ".so" not in os.path.basename(path)
                os.chmod(path, 0o755 if starts else 0o644)
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def write_tarball(folder: str, output: str) -> None:
    """Pack a folder under its own name, as files of root.

    Args:
        folder: its modes are set.
        output: path of the .tar.gz.
    """
    with (
        open(output, "wb") as out,
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=EPOCH, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        _add(archive, folder, os.path.basename(folder))


def _add(archive: tarfile.TarFile, path: str, name: str) -> None:
    archive.add(path, name, recursive=False, filter=_as_root)
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in sorted(os.listdir(path)):
            _add(archive, os.path.join(path, entry), f"{name}/{entry}")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = EPOCH
    return entry
