"""`wca check` from the command line."""

import argparse
import textwrap

import pytest

from wca.commands import check

PLUGIN = """
    from typing import Annotated, Any, Optional
    from wca.config import Path, Secret, register

    @register
    class CheckStore:
        def __init__(self, password: Optional[Secret] = None): pass
        def start(self): raise AssertionError("check starts nothing")
        def check(self): return ["the store is closed, open it"]

    class CheckRunner:
        def __init__(self, store: CheckStore, path: Optional[Path(mode=4)] = None): pass
        def run(self): raise AssertionError("check runs nothing")
"""


@pytest.fixture
def wca_check(tmp_path, monkeypatch, capsys):
    """wca_check(text, *options): the exit code, standard output and standard error."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "check_plugin.py").write_text(textwrap.dedent(PLUGIN))

    def wca_check(text, *options):
        path = tmp_path / "c.yaml"
        path.write_text(text)
        parser = argparse.ArgumentParser()
        check.add_arguments(parser)
        args = parser.parse_args(["-c", str(path), "-r", "check_plugin:CheckRunner", *options])
        code = check.run(args)
        captured = capsys.readouterr()
        return code, captured.out, captured.err.replace(f"{tmp_path}/", "")

    return wca_check


def test_a_good_file_prints_its_components(wca_check, tmp_path):
    code, out, err = wca_check(
        "runner: !CheckRunner\n  store: !CheckStore {password: hunter2}\n  path: /absent\n"
    )
    assert (code, err) == (0, "")
    assert out == (
        "runner: !CheckRunner\n"
        "  store: !CheckStore\n"
        "    password: ***\n"
        "  path: /absent\n"
        "\n"
        "Not checked here (use --here on the machine that runs the agent):\n"
        f"  {tmp_path}/c.yaml: only its owner may be able to write it\n"
        f"  {tmp_path}/c.yaml:3:9: runner.path: must be readable (/absent)\n"
    )


def test_here_checks_what_depends_on_the_machine(wca_check):
    code, out, err = wca_check(
        "runner: !CheckRunner\n  store: !CheckStore\n  path: /absent\n", "--here"
    )
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "c.yaml:2:10: runner.store: the store is closed, open it",
        "c.yaml:3:9: runner.path: /absent must be readable, but it does not exist",
    ]


def test_a_bad_file_prints_all_its_problems(wca_check):
    code, out, err = wca_check("runner: !CheckRuner\n  store: !CheckStor\n")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "c.yaml:1:9: runner: unknown component !CheckRuner, did you mean !CheckRunner?",
        "c.yaml:2:10: runner.store: unknown component !CheckStor, did you mean !CheckStore?",
    ]


def test_a_bad_register_option_is_one_line(wca_check):
    code, out, err = wca_check("", "-r", "check_plugin:CheckRuner")
    assert (code, out) == (1, "")
    assert err == (
        "--register check_plugin:CheckRuner: the module check_plugin has no class 'CheckRuner', "
        "did you mean CheckRunner?\n"
    )
