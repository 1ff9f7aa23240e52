"""The tests of allocation notice the bugs that other agents had, and those of the first releases."""

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.allocations.mutants import CONTROL, MUTANTS

HERE = Path(__file__).parent
#: One that a table of values notices, and one that takes a run of the machine.
QUICK = ["bytes as thousands of bytes", "writing over what somebody else has written since"]
NAMES = [one.name for one in MUTANTS]


def run_tests(mutant, *tests):
    """The exit code of pytest with that bug in the code, and what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider"]
    command += ["-p", "tests.allocations.mutated", *(str(HERE / test) for test in tests)]
    environment = {**os.environ, "WCA_MUTANT": mutant.name, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def is_caught(name):
    (mutant,) = [one for one in MUTANTS if one.name == name]
    code, said = run_tests(mutant, mutant.test)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert "1 failed" in said, said


@pytest.mark.parametrize("name", QUICK)
def test_these_are_caught(name):
    is_caught(name)


@pytest.mark.parametrize("names", [QUICK, pytest.param(NAMES, marks=pytest.mark.slow)], ids=len)
def test_the_same_tests_pass_without_a_bug(names):
    code, said = run_tests(CONTROL, *sorted({one.test for one in MUTANTS if one.name in names}))
    assert code == pytest.ExitCode.OK, said


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in QUICK])
def test_each_is_caught(name):
    is_caught(name)


def test_each_is_about_one_place_of_the_code_as_it_is():
    assert len(set(NAMES)) == len(NAMES)
    for one in MUTANTS:
        source = inspect.getsource(importlib.import_module(one.module))
        assert source.count(one.right) == 1, one.name
        compile(source.replace(one.right, one.wrong), one.name, "exec")
        assert (HERE / one.test.partition("::")[0]).exists(), one.name


def test_every_bug_that_was_named_is_there():
    named = {"koordlet", "Caelus", "Crane", "oomd", "koordinator", "A1", "A3", "R1", "R2", "R3"}
    assert named <= {one.like for one in MUTANTS}
