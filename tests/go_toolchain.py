"""A Go that is new enough for a module; an older one fetches it as a module, checksum and all.

Debian 12 has Go 1.19, which knows nothing of toolchains (Go has chosen one by itself since 1.21), but
fetches any module, and each release of Go is one.
"""

import json
import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path

from tests.services import missing, program

CACHE = Path(__file__).parents[1] / ".cache" / "go"
MODULE = "golang.org/toolchain@v0.0.1-go{version}.{system}-{machine}"


def built(module, package, path, *flags, **environment):
    """The path of a program of a module, built where it is not there yet; takes minutes then.

    Args:
        module: the folder of its ``go.mod``.
        package: which program of it.
        path: where it belongs.
        flags: further ones of the compiler.
        environment: further variables.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        command = [go(module / "go.mod"), "build", "-buildvcs=false", *flags, "-o", str(partial)]
        result = subprocess.run(
            ["nice", "-n", "19", *command, package],
            cwd=module,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            missing(f"{path.name} cannot be built: {result.stderr[-2000:]}")
        partial.rename(path)
    return path


def go(needed):
    """The path of a Go, of at least the version that a module asks for.

    Args:
        needed: the path of its ``go.mod``.
    """
    (version,) = re.findall(r"^go (\d+\.\d+(?:\.\d+)?)$", Path(needed).read_text(), re.MULTILINE)
    installed = program("go", package="golang-go")
    own, system, machine = said(installed, "env", "GOVERSION", "GOOS", "GOARCH").split()
    if numbers(own) >= numbers(version):
        return installed
    name = MODULE.format(version=version, system=system, machine=machine)
    try:
        return fetched(installed, name)
    except subprocess.CalledProcessError as error:
        return missing(f"{name} cannot be had with {own}: {error.stdout}{error.stderr}")


def fetched(installed, name):
    # Files of a module can neither be removed by their owner nor run, unless one sees to it.
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = {"GOPATH": str(CACHE), "GOFLAGS": "-modcacherw"}
    with tempfile.TemporaryDirectory() as empty:
        answer = said(installed, "mod", "download", "-json", name, cwd=empty, **environment)
    folder = Path(json.loads(answer)["Dir"])
    for tool in [*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")]:
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return str(folder / "bin" / "go")


def said(binary, *arguments, cwd=None, **environment):
    """What Go writes, and never another Go in its place."""
    return subprocess.run(
        [binary, *arguments],
        cwd=cwd,
        env={**os.environ, "GOTOOLCHAIN": "local", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def numbers(version):
    """A version as numbers, for comparing: ``go1.25rc1`` is 1.25."""
    return [int(part) for part in re.match(r"(?:go)?([\d.]+\d)", version)[1].split(".")]
