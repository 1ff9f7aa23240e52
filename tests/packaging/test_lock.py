"""The pinned requirement files hold what they promise."""

import os
import re
import tomllib

import pytest

from tests.packaging.conftest import PROJECT

FILES = ("requirements.txt", "requirements-dev.txt")


def read(name):
    with open(os.path.join(PROJECT, name), encoding="utf-8") as given:
        return given.read()


def pins(name):
    """Project to (version, hashes)."""
    found = {}
    for line in read(name).replace("\\\n", " ").splitlines():
        if not line.startswith("#"):
            pin, *hashes = line.split()
            project, version = pin.split("==")
            found[project] = (version, hashes)
    return found


def canonical(requirement):
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ [;]", requirement)[0]).lower()


@pytest.fixture
def project():
    return tomllib.loads(read("pyproject.toml"))


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_index_is_named(name):
    found = pins(name)
    assert found
    for hashes in (hashes for _, hashes in found.values()):
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", value) for value in hashes)
    assert "://" not in read(name)
    assert "index" not in read(name)


def test_every_dependency_of_the_project_is_pinned(project):
    wanted = {canonical(requirement) for requirement in project["project"]["dependencies"]}
    assert wanted <= set(pins("requirements.txt"))


def test_every_development_tool_is_pinned():
    lines = [line for line in read("requirements-dev.in").splitlines() if line]
    wanted = {canonical(line) for line in lines if not line.startswith("#")}
    assert wanted <= set(pins("requirements-dev.txt"))


def test_the_build_backend_is_the_pinned_one(project):
    (backend,) = project["build-system"]["requires"]
    assert backend == f"setuptools=={pins('requirements-dev.txt')['setuptools'][0]}"


def test_no_project_is_pinned_twice():
    assert not set(pins("requirements.txt")) & set(pins("requirements-dev.txt"))
