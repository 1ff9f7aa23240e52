"""A Go for the module that asks for it: the one that is installed, or one that this one fetches."""

import os

import pytest

from tests import go_toolchain

SCRIPT = """#!/bin/sh
echo "$GOTOOLCHAIN $GOPATH $GOFLAGS $*" >> {log}
if [ "$1" = env ]; then
    printf '{version}\\nlinux\\namd64\\n'
else
    printf '{{"Dir": "{folder}"}}'
fi
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a Go of some version first on the path; gives its path and its log."""

    def install(version):
        folder = tmp_path / "fetched"
        for tool in ("bin/go", "pkg/tool/linux_amd64/compile"):
            (folder / tool).parent.mkdir(parents=True, exist_ok=True)
            (folder / tool).write_text("")
            (folder / tool).chmod(0o444)
        binary, log = tmp_path / "path" / "go", tmp_path / "log"
        binary.parent.mkdir()
        binary.write_text(SCRIPT.format(log=log, version=version, folder=folder))
        binary.chmod(0o755)
        monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(go_toolchain, "CACHE", tmp_path / "cache")
        return binary, log

    return install


@pytest.fixture
def needed(tmp_path):
    path = tmp_path / "go.mod"
    path.write_text("module m\n\ngo 1.25.0\n\nrequire x v1.2.3\n")
    return path


@pytest.mark.parametrize("version", ["go1.25.0", "go1.26.8", "go2.0"])
def test_one_that_is_new_enough_is_used(install, needed, version):
    binary, _ = install(version)
    assert go_toolchain.go(needed) == str(binary)


@pytest.mark.parametrize("version", ["go1.19.8", "go1.24.9", "go1.25rc1"])
def test_an_older_one_fetches_it_as_a_module_and_makes_it_run(install, needed, tmp_path, version):
    _, log = install(version)
    found = go_toolchain.go(needed)
    assert found == str(tmp_path / "fetched" / "bin" / "go")
    assert os.access(tmp_path / "fetched" / "pkg" / "tool" / "linux_amd64" / "compile", os.X_OK)
    assert log.read_text().splitlines()[-1] == (
        f"local {tmp_path / 'cache'} -modcacherw mod download -json "
        "golang.org/toolchain@v0.0.1-go1.25.0.linux-amd64"
    )
