"""A Python that needs nothing of a machine but its kernel, copied from the one that runs this.

The C library and its loader come along: programs that were linked with a newer C library than a
machine has do not run there, and machines with an old Python have an old C library, too.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass

__all__ = ["LOADER", "NATIVE", "Loader", "copy_interpreter", "copy_libraries", "site_packages"]

#: Where the interpreter, the loader and shared libraries are, below the home.
NATIVE = os.path.join("lib", "native")
#: What the loader is called there: a process is shown under the name of the file that is started.
LOADER = "wca"

# Parts of the standard library that no agent needs, and modules that need libraries under the GPL.
_UNWANTED = re.compile(
    r"^(test|tests|idlelib|tkinter|turtledemo|turtle\.py|lib2to3|ensurepip|pydoc_data|venv|config-.*|"
    r"site-packages|dist-packages|sitecustomize\.py|EXTERNALLY-MANAGED|__pycache__|_tkinter.*|"
    r"_test.*|_ctypes_test.*|xx.*|_xx.*|readline.*|_gdbm.*|_dbm.*|.*\.a)$"
)
_LIBRARY = re.compile(r"^\s*(\S+) => (not found|\S+)", re.MULTILINE)
_LOADER = re.compile(r"^\s*(/\S*/ld-linux\S*) \(0x\w+\)$", re.MULTILINE)
# The C library opens these by name: to end a thread, and to look names up.
_BY_NAME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")


@dataclass(frozen=True)
class Loader:
    """Where programs of this machine expect their loader and their C library.

    Args:
        path: of the loader, as it is written in programs.
        libraries: the folder with the C library.
    """

    path: str
    libraries: str


def site_packages(home: str) -> str:
    """Where the copied Python looks for packages: Debian's has names of its own for it."""
    code = f"import site; print(site.getsitepackages([{home!r}])[-1])"
    return _output(_base_executable(), "-I", "-c", code).strip()


def copy_interpreter(home: str) -> None:
    """Copy the interpreter that runs this, and its standard library.

    Args:
        home: the folder of the new one.
    """
    library = os.path.join(home, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    shutil.copytree(
        os.path.realpath(sysconfig.get_path("stdlib")),
        library,
        ignore=lambda _, names: [name for name in names if _UNWANTED.match(name)],
        ignore_dangling_symlinks=True,
    )
    native = os.path.join(home, NATIVE)
    os.mkdir(native)
    shutil.copy(_base_executable(), os.path.join(native, "python3"))


def copy_libraries(home: str) -> Loader:
    """Copy every shared library that something in the home loads, and the loader.

    Returns:
        Where they are on this machine.
    """
    native = os.path.join(home, NATIVE)
    found, loader = _libraries(_compiled(home))
    inside = os.path.join(os.path.realpath(home), "")
    for name, path in sorted(found.items()):
        if not os.path.realpath(path).startswith(inside):
            shutil.copy(path, os.path.join(native, name))
    folder = os.path.dirname(found["libc.so.6"])
    for name in _BY_NAME:
        if os.path.exists(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), native)
    shutil.copy(loader, os.path.join(native, LOADER))
    _strip([path for path in _compiled(home) if _is_pythons(path)])
    return Loader(loader, folder)


def _base_executable() -> str:
    """The interpreter itself, not the link to it in a virtual environment."""
    return os.path.realpath(sys.executable)


def _compiled(home: str) -> list[str]:
    """Every file of the home that has libraries to load."""
    found = []
    for folder, _, names in os.walk(home):
        for path in (os.path.join(folder, name) for name in sorted(names)):
            with open(path, "rb") as given:
                if given.read(4) == b"\x7fELF":
                    found.append(path)
    return sorted(found)


def _libraries(files: list[str]) -> tuple[dict[str, str], str]:
    """Path by name of what these files load, and the loader, by the answer of ldd."""
    text = _output("ldd", *files, check=False)
    found = dict(_LIBRARY.findall(text))
    lacking = sorted(name for name, path in found.items() if not os.path.isabs(path))
    if lacking:
        sys.exit(f"make dist: {lacking[0]} is not on this machine, and something loads it")
    loaders = _LOADER.findall(text)
    if not loaders or "libc.so.6" not in found:
        sys.exit(f"make dist needs a Python that was linked with glibc, on {platform.machine()}")
    return found, loaders[0]


def _is_pythons(path: str) -> bool:
    """Whether it is built with Python; wheels may not survive what is done to these."""
    name = os.path.basename(path)
    return name == "python3" or "libpython" in name or "/lib-dynload/" in path


def _strip(paths: list[str]) -> None:
    """Leave out what only a debugger reads, where the program for it is there."""
    strip = shutil.which("strip")
    for path in paths if strip else ():
        _output(strip, "--strip-unneeded", path)


def _output(*command: str, check: bool = True) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603
        command, check=check, stdout=subprocess.PIPE, text=True, env=environment
    )
    return done.stdout
