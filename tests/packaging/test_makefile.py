"""The Makefile's answer where it cannot work, and what it does to the checkout."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from tests.packaging.conftest import PROJECT

REMEDY = "install Python 3.11 or later with venv and run: make PYTHON=/path/to/python3"
FAKE_PYTHON = '#!/bin/sh\ncase "$2" in *exit*) exit 1 ;; *) echo 3.9.18 ;; esac\n'
NO_VENV = f'#!/bin/sh\ncase "$2" in *venv*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac\n'


@pytest.fixture
def make(tmp_path):
    """Runs make in a copy of what the Makefile needs; answers with the finished process."""
    shutil.copy(os.path.join(PROJECT, "Makefile"), tmp_path)
    shutil.copytree(os.path.join(PROJECT, "tools"), tmp_path / "tools")
    for name in ("wca", "configs"):
        (tmp_path / name).mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    for name in ("setup.py", "README.md", "LICENSE"):
        (tmp_path / name).touch()

    def run(*arguments):
        return subprocess.run(
            ["make", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def own_words(done):
    """What is said, without make's own closing line."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("target", ["pex", "test", "run"])
def test_an_older_python_is_one_sentence(make, tmp_path, target):
    old = program(tmp_path / "python3", FAKE_PYTHON)
    done = make(target, f"PYTHON={old}")
    assert own_words(done) == [
        f"WCA needs Python 3.11 or later and '{old}' is Python 3.9.18: {REMEDY}"
    ]
    assert done.returncode != 0
    assert not (tmp_path / ".venv").exists()


def test_no_python_is_one_sentence(make):
    done = make("test", "PYTHON=python-that-is-not-there")
    assert own_words(done) == [
        f"WCA needs Python 3.11 or later and 'python-that-is-not-there' does not run: {REMEDY}"
    ]
    assert done.returncode != 0


def test_a_python_without_venv_is_one_sentence(make, tmp_path):
    bare = program(tmp_path / "python3", NO_VENV)
    (sentence,) = own_words(make("test", f"PYTHON={bare}"))
    assert f"'{bare}' (Python {sys.version.split()[0]}) lacks it: install it" in sentence


def test_configurations_are_made_acceptable_to_the_agent(make, tmp_path):
    config = tmp_path / "configs" / "demo.yaml"
    config.touch()
    config.chmod(0o664)
    assert make("permissions").returncode == 0
    assert stat.S_IMODE(config.stat().st_mode) == 0o644
