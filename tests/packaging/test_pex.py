"""The pex on the Pythons of this machine, with plugins beside it, and where it cannot run."""

import glob
import os
import re
import shutil
import subprocess
import zipfile

import pytest

from tests.packaging.conftest import PROJECT, build_pex, interpreters

PYTHONS = interpreters()
# A Python of another version: it tells its version and fails the test for a newer one.
FAKE_PYTHON = '#!/bin/sh\ncase "$2" in *exit*) exit 1 ;; *) echo 3.9.18 ;; esac\n'
PLUGIN = """
from wca.runners import Runner
import requests

class ShowRequests(Runner):
    def run(self):
        print(requests.__file__, hasattr(requests, "Session"))
"""


def run(pex, root, *arguments, path="/usr/local/bin:/usr/bin:/bin", **environment):
    return subprocess.run(
        [pex, *arguments],
        env={"PATH": path, "HOME": str(root), "PEX_ROOT": str(root / "pex"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_one_pex_serves_every_supported_python(pex, tmp_path, version):
    if version not in PYTHONS:
        pytest.skip(f"no Python {version} on this machine")
    done = run(pex, tmp_path, "--version", PEX_PYTHON=PYTHONS[version])
    assert re.search(r"\d+\.\d+\.\d+", done.stdout), done.stderr
    assert done.returncode == 0
    (installed,) = (tmp_path / "pex" / "venvs").glob("*/*/*/lib/python*")
    assert installed.name == f"python{version}"


def test_it_holds_the_locked_versions_and_nothing_bound_to_one_python(pex):
    with zipfile.ZipFile(pex) as archive:
        assert archive.testzip() is None
        wheels = {
            name.split("/")[1] for name in archive.namelist() if re.match(r"\.deps/[^/]+/", name)
        }
    with open(os.path.join(PROJECT, "requirements.txt"), encoding="utf-8") as given:
        pins = set(re.findall(r"^([^\s#]+==\S+)", given.read(), re.MULTILINE))
    held = {wheel.replace("_", "-").split("-py3-")[0].split("-cp")[0] for wheel in wheels}
    expected = {pin.replace("==", "-") for pin in pins}
    assert {name for name in held if not name.startswith("wca-")} == expected
    assert all(re.search(r"-(py3|py2\.py3)-none-|-abi3-", wheel) for wheel in wheels), wheels


@pytest.fixture
def plugin(tmp_path):
    """A folder with a plugin and a `requests.py` that must not replace ours; and a configuration."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "show.py").write_text(PLUGIN)
    (tmp_path / "plugins" / "requests.py").write_text("")
    # A plain module wins over a namespace package that comes before it on the path.
    (tmp_path / "plugins" / "ruamel.py").write_text("raise RuntimeError('shadowed')")
    config = tmp_path / "config.yaml"
    config.write_text("runner: !ShowRequests\n")
    config.chmod(0o644)
    return ["--root", "-c", str(config), "-r", "show:ShowRequests"]


def test_it_holds_the_files_of_the_pages(pex):
    static = glob.glob("wca/**/static/*", root_dir=PROJECT, recursive=True)
    assert "wca/status/static/status.html" in static
    with zipfile.ZipFile(pex) as archive:
        held = {name.partition(".whl/")[2] for name in archive.namelist()}
    assert set(static) <= held


@pytest.mark.parametrize("inherit", [{}, {"PEX_INHERIT_PATH": "fallback"}])
def test_pythonpath_adds_plugins_and_shadows_nothing(pex, tmp_path, plugin, inherit):
    folder = str(tmp_path / "plugins")
    done = run(pex, tmp_path, *plugin, PYTHONPATH=folder, **inherit)
    file, complete = done.stdout.split()
    assert not file.startswith(folder)
    assert complete == "True"
    assert done.returncode == 0


def tools(folder, *names):
    """A PATH with these programs and nothing else."""
    folder.mkdir()
    for name in names:
        os.symlink(shutil.which(name), folder / name)
    return str(folder)


def test_an_older_python_is_one_sentence(pex, tmp_path):
    path = tools(tmp_path / "bin", "sh", "mkdir")
    for name in ("python3", "python3.9"):
        (tmp_path / "bin" / name).write_text(FAKE_PYTHON)
        (tmp_path / "bin" / name).chmod(0o755)
    done = run(pex, tmp_path, "--version", path=path)
    assert done.stderr == (
        f"wca needs Python 3.11 or later and found Python 3.9.18 ({path}/python3):"
        " install one and put it on PATH, or name it in PEX_PYTHON\n"
    )
    assert (done.stdout, done.returncode) == ("", 1)


def test_a_real_older_python_is_one_sentence(pex, tmp_path):
    old = shutil.which("python3.9", path=os.path.expanduser("~/.pyenv/versions/3.9.18/bin"))
    if old is None:
        pytest.skip("no Python 3.9 on this machine")
    path = tools(tmp_path / "bin", "sh", "mkdir")
    os.symlink(old, tmp_path / "bin" / "python3")
    done = run(pex, tmp_path, "--version", path=path)
    assert done.stderr.startswith("wca needs Python 3.11 or later and found Python 3.9.18 (")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


def test_no_python_is_one_sentence(pex, tmp_path):
    done = run(pex, tmp_path, "--version", path=tools(tmp_path / "bin", "sh", "mkdir"))
    assert done.stderr == (
        "wca needs Python 3.11 or later and found no Python at all:"
        " install one and put it on PATH, or name it in PEX_PYTHON\n"
    )
    assert done.returncode == 1


def test_a_python_that_does_not_run_is_passed_over(pex, tmp_path):
    """As pyenv's python3.13 where another version is chosen."""
    folder = tmp_path / "shims"
    folder.mkdir()
    for minor in range(11, 16):
        shim = folder / f"python3.{minor}"
        shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
        shim.chmod(0o755)
    (folder / "python3").symlink_to(PYTHONS[min(PYTHONS)])
    done = run(pex, tmp_path, "--version", path=f"{folder}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wca ")


def test_a_second_pex_that_is_not_there_is_one_sentence(pex, tmp_path):
    done = run(pex, tmp_path, "--version", PEX_PATH=f"{tmp_path}/nothing.pex")
    assert done.stderr == f"PEX_PATH names {tmp_path}/nothing.pex, which does not exist\n"
    assert done.returncode == 1


def test_a_cache_that_cannot_be_written_is_one_sentence(pex, tmp_path):
    done = run(pex, tmp_path, "--version", PEX_ROOT="/proc/wca")
    assert done.stderr == (
        "wca unpacks itself once into /proc/wca, which cannot be written:"
        " set PEX_ROOT to a folder that can\n"
    )
    assert done.returncode == 1


@pytest.mark.slow
def test_two_builds_are_the_same_bytes_under_another_folder_umask_and_time(pex, tmp_path):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt"):
        shutil.copyfile(os.path.join(PROJECT, name), copy / name)
    shutil.copytree(os.path.join(PROJECT, "wca"), copy / "wca", copy_function=shutil.copyfile)
    shutil.copytree(os.path.join(PROJECT, "tools"), copy / "tools")
    before = os.umask(0o002)
    try:
        build_pex(copy, str(copy / "wca.pex"))
    finally:
        os.umask(before)
    with open(pex, "rb") as first:
        assert first.read() == (copy / "wca.pex").read_bytes()
