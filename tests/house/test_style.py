"""The house rules that a machine can check."""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "wca").rglob("*.py"))


def run(*command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_ruff_finds_nothing():
    run("ruff", "check", "wca", "tests", "examples", "benchmarks", "tools", "setup.py")


def test_the_code_is_formatted():
    run("ruff", "format", "--check", "wca", "tests", "examples", "benchmarks", "tools", "setup.py")


@pytest.mark.timeout(300)
def test_mypy_strict_passes():
    run("mypy")


def test_modules_are_small():
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert statistics.median(lengths.values()) < 200
    assert not [path for path, length in lengths.items() if length > 500]


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert statistics.quantiles(lengths, n=10)[-1] <= 30  # the 90th percentile
    assert max(lengths) <= 70


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_names_what_exists(path):
    tree = ast.parse(path.read_text())
    assigned = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    for names in assigned:
        assert len(names) == len(set(names))
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        loaded = __import__(module.removesuffix(".__init__"), fromlist=["_"])
        assert [name for name in names if not hasattr(loaded, name)] == []


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_nothing_names_the_host_of_a_package_registry():
    hosts = [
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "deb.debian" + ".org",
        "repo1.maven" + ".org",
    ]
    for path in tracked_files():
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [host for host in hosts if host in text], path


def test_only_the_ci_script_names_what_lies_outside_the_repository():
    outside = "../sha" + "red"
    naming = [
        path
        for path in tracked_files()
        if path.is_file() and outside in path.read_bytes().decode("utf-8", "replace")
    ]
    assert [path.relative_to(ROOT).as_posix() for path in naming] in ([], [".ci/run"])
