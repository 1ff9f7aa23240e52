"""The Debian package: the same folder in /usr/lib/wca, with units, a configuration and scripts."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess

from tools.packages.archive import EPOCH, set_modes, version
from tools.packages.launchers import PROGRAMS
from tools.packages.programs import need

__all__ = ["architecture", "unit", "write_package"]

HOME = "/usr/lib/wca"
UNITS = "lib/systemd/system"
DEPLOY = os.path.join("configs", "deploy", "systemd")
FILES = os.path.join(os.path.dirname(__file__), "debian")
#: What shipped files say of the pex and of a checkout, and what the package has instead.
_IN_PACKAGE = (
    ("Environment=PEX_ROOT=%C/wca/pex\n", ""),
    (
        (
            "# The pex as a Python that runs this module and nothing else of the agent.\n"
            "Environment=PEX_ROOT=%C/wca-guardian/pex PEX_MODULE=wca.allocations.guardian\n"
            "ExecStart=/usr/local/bin/wca --journal"
        ),
        "ExecStart=/usr/bin/wca-guardian --journal",
    ),
    ("CacheDirectory=wca-guardian\n", ""),
    ("CacheDirectory=wca\n", ""),
    ("/usr/local/bin/wca", "/usr/bin/wca"),
    ("file:///usr/local/share/doc/wca/", "file:///usr/lib/wca/share/wca/"),
    ("configs/deploy/systemd/", "/usr/share/doc/wca/examples/"),
)


def architecture() -> str:
    """What Debian calls this machine's kind."""
    command = [need("dpkg", "dpkg"), "--print-architecture"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip()


def write_package(home: str, stage: str, output: str) -> None:
    """Build it.

    Args:
        home: the folder that every package holds.
        stage: a folder to lay the package out in, on the same file system; it is not there yet.
        output: path of the .deb.
    """
    shutil.copytree(home, stage + HOME, copy_function=os.link, symlinks=True)
    os.makedirs(f"{stage}/usr/bin")
    for name in sorted(PROGRAMS.keys() - {"python3"}):
        os.symlink(f"../lib/wca/bin/{name}", f"{stage}/usr/bin/{name}")
    _add_units(stage)
    _put(stage, "etc/wca/wca.yaml", _read(os.path.join(DEPLOY, "wca.yaml")))
    _add_documents(stage)
    _add_control(stage)
    set_modes(stage)
    command = [need("dpkg-deb", "dpkg"), "--root-owner-group", "-Zgzip", "--build", stage, output]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    subprocess.run(  # noqa: S603
        command, check=True, env=environment, stdout=subprocess.DEVNULL
    )


def unit(text: str) -> str:
    """A shipped unit as the package has it.

    Args:
        text: of the unit in configs/deploy.
    """
    # How to install it by hand is said at its beginning.
    return re.sub(r"[:.]\n(?:#   .*\n)+", ".\n", _packaged(text))


def _packaged(text: str) -> str:
    for shipped, packaged in _IN_PACKAGE:
        text = text.replace(shipped, packaged)
    return text


def _add_units(stage: str) -> None:
    for name in ("wca.service", "wca-guardian.service"):
        _put(stage, f"{UNITS}/{name}", unit(_read(os.path.join(DEPLOY, name))))


def _add_documents(stage: str) -> None:
    documents = "usr/share/doc/wca"
    for name in ("acting.conf", "wca.yaml"):
        text = _packaged(_read(os.path.join(DEPLOY, "acting", name)))
        _put(stage, f"{documents}/examples/acting/{name}", text)
    _put(stage, f"{documents}/copyright", _read(os.path.join(FILES, "copyright")))
    changes = _read(os.path.join(FILES, "changelog")).format(version=version())
    with open(f"{stage}/{documents}/changelog.gz", "wb") as out:
        out.write(gzip.compress(changes.encode(), mtime=EPOCH))
    _put(stage, "usr/share/lintian/overrides/wca", _read(os.path.join(FILES, "lintian-overrides")))


def _add_control(stage: str) -> None:
    sizes = [os.lstat(path).st_size for path in _files(stage)]
    fields = {
        "version": version(),
        "architecture": architecture(),
        "size": sum(sizes) // 1024 + len(sizes),
    }
    _put(stage, "DEBIAN/control", _read(os.path.join(FILES, "control")).format(**fields))
    _put(stage, "DEBIAN/conffiles", "/etc/wca/wca.yaml\n")
    sums = (f"{_md5(path)}  {os.path.relpath(path, stage)}\n" for path in _files(stage))
    _put(stage, "DEBIAN/md5sums", "".join(sums))
    for name in ("postinst", "prerm", "postrm"):
        _put(stage, f"DEBIAN/{name}", _read(os.path.join(FILES, name)))
        os.chmod(f"{stage}/DEBIAN/{name}", 0o755)  # noqa: S103 - they are programs


def _files(stage: str) -> list[str]:
    """All that the package puts onto a machine, but links."""
    found = []
    for folder, _, names in os.walk(stage):
        found += [os.path.join(folder, name) for name in names]
    return sorted(
        path
        for path in found
        if not os.path.islink(path) and not path.startswith((f"{stage}/DEBIAN", f"{stage}/etc"))
    )


def _md5(path: str) -> str:
    with open(path, "rb") as given:
        return hashlib.md5(given.read(), usedforsecurity=False).hexdigest()


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as given:
        return given.read()


def _put(stage: str, name: str, text: str) -> None:
    path = os.path.join(stage, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
