"""What the guest's memory holds: the Python that runs the tests, our sources, one job.

The Python part takes seconds to collect, so it is kept in `.cache/vm` under a name that depends on
everything it was made from. Archives may follow one another in an initramfs: each run appends a
small one with the sources and the job.
"""

import glob
import hashlib
import importlib.metadata
import importlib.util
import json
import marshal
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from tests.vm.cpio import Archive
from tests.vm.systemd import Systemd

__all__ = ["PROJECT", "write_image"]

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(PROJECT, ".cache", "vm")
# Parts of the standard library that no job needs.
UNWANTED = re.compile(
    r"^(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|config-.*|"
    r"site-packages|dist-packages|__pycache__|_tkinter.*|_test.*|xx.*)$"
)
PACKAGES = "/vm/site"
SOURCES = "/vm/src"


def write_image(
    out: BinaryIO,
    script: str,
    *,
    sources: Iterable[str],
    files: Mapping[str, str],
    timeout: float,
    resctrl: bool,
    systemd: tuple[Systemd, str] | None = None,
) -> None:
    """Write a whole initramfs.

    Args:
        out: where to.
        script: the Python source of the job.
        sources: folders of the project to bring along, such as `wca`.
        files: further files, absolute path in the guest to text.
        timeout: seconds after which the guest ends the job.
        resctrl: whether to mount resctrl.
        systemd: as process 1, and the folder in which this machine has it.
    """
    with open(_base(), "rb") as base:
        shutil.copyfileobj(base, out)
    settings = {
        "timeout": timeout,
        "resctrl": resctrl,
        "systemd": systemd is not None,
        "environment": {"PYTHONPATH": f"{SOURCES}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1"},
    }
    archive = Archive(out)
    archive.add_folder(SOURCES)
    for folder in sources:
        for path in _walk(os.path.join(PROJECT, folder)):
            _add_source(archive, path, SOURCES + path.removeprefix(PROJECT))
    archive.add_bytes("/vm/settings.json", json.dumps(settings).encode())
    archive.add_bytes("/vm/job.py", script.encode())
    for path, text in files.items():
        archive.add_bytes(path, text.encode())
    if systemd is not None:
        programs = systemd[0].add_to(archive, systemd[1], _interpreter())
        for library in sorted(_libraries(programs)):
            archive.add_file(library)
    archive.close()


def _base() -> str:
    path = os.path.join(CACHE, f"base-{_fingerprint()}.cpio")
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        for outdated in glob.glob(os.path.join(CACHE, "base-*.cpio")):
            os.remove(outdated)
        with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as out:
            _write_base(Archive(out))
        os.replace(out.name, path)
    return path


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version} {_interpreter()}".encode())
    for path in (__file__, _init(), os.path.join(PROJECT, "requirements.txt")):
        with open(path, "rb") as given:
            digest.update(given.read())
    return digest.hexdigest()[:16]


def _write_base(archive: Archive) -> None:
    compiled = [_interpreter()]
    archive.add_file(_interpreter())
    standard = os.path.realpath(sysconfig.get_path("stdlib"))
    for source, path in [*_same_place(_walk(standard)), *_third_party()]:
        if source.endswith(".py"):
            archive.add_bytes(path + "c", _bytecode(source, path))
        elif source.endswith(".so"):
            compiled.append(source)
            archive.add_file(source, path)
    for library in sorted(_libraries(compiled)):
        archive.add_file(library)
    with open(_init(), encoding="utf-8") as given:
        text = f"#!{_interpreter()} -IS\n{given.read()}"
    archive.add_bytes("/init", text.encode(), 0o755)
    for folder in ("/proc", "/sys", "/dev", "/tmp", "/root", "/run"):
        archive.add_folder(folder)
    archive.add_device("/dev/console", 5, 1)
    archive.add_device("/dev/urandom", 1, 9)  # Python's start wants it before devtmpfs is there
    archive.add_bytes("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.add_bytes("/etc/group", b"root:x:0:\n")
    archive.add_bytes("/etc/hosts", b"127.0.0.1 localhost\n")
    archive.close()


def _init() -> str:
    return os.path.join(os.path.dirname(__file__), "guest", "init.py")


def _interpreter() -> str:
    return os.path.realpath(sys.executable)


def _walk(root: str) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not UNWANTED.match(name))
        yield from (os.path.join(folder, n) for n in sorted(names) if not UNWANTED.match(n))


def _same_place(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((path, path) for path in paths)


def _third_party() -> Iterator[tuple[str, str]]:
    """The installed files of every project that requirements.txt pins."""
    with open(os.path.join(PROJECT, "requirements.txt"), encoding="utf-8") as given:
        names = re.findall(r"^([a-z0-9-]+)==", given.read(), re.MULTILINE)
    for name in names:
        for file in importlib.metadata.files(name) or ():
            if "__pycache__" not in file.parts and ".." not in file.parts:
                yield str(file.locate()), f"{PACKAGES}/{file}"


def _bytecode(source: str, shown: str) -> bytes:
    """Compile here: the emulated machine is ten times slower. The result is never checked again."""
    with open(source, "rb") as given:
        data = given.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's escapes are no concern of ours
        code = compile(data, shown, "exec", dont_inherit=True)
    unchecked_hash = (1).to_bytes(4, "little")  # PEP 552
    head = importlib.util.MAGIC_NUMBER + unchecked_hash + importlib.util.source_hash(data)
    return head + marshal.dumps(code)


def _add_source(archive: Archive, source: str, path: str) -> None:
    """A file of ours: with its source, so that a traceback in the guest shows it."""
    archive.add_file(source, path)
    if source.endswith(".py"):
        folder, name = os.path.split(path)
        cached = f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
        archive.add_bytes(cached, _bytecode(source, path))


def _libraries(compiled: list[str]) -> set[str]:
    """The shared libraries these files load, by the answer of ldd."""
    done = subprocess.run(
        ["ldd", *compiled], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    return set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE))
