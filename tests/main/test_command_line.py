"""The command line as the seed prints it, its refusals and its exit codes."""

import os
import subprocess
import sys

import pytest

from tests.main.agent import ROOT, environment, run, write_config
from wca.main import main
from wca.version import __version__

HELLO = """
from wca.runners import Runner

class HelloWorldRunner(Runner):
    def run(self):
        print('Hello world!')
"""


@pytest.fixture
def hello(tmp_path):
    (tmp_path / "hello.py").write_text(HELLO)
    return write_config(tmp_path, "runner: !HelloWorldRunner\n")


def test_a_registered_runner_runs_and_none_is_exit_code_0(hello):
    result = run("-c", hello, "-r", "hello:HelloWorldRunner", plugins=hello.parent)
    assert (result.returncode, result.stdout) == (0, "Hello world!\n")


def test_the_package_in_register_is_optional(tmp_path, hello):
    package = tmp_path / "plugins"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "greeting.py").write_text(HELLO)
    result = run("-c", hello, "--register", "plugins.greeting:HelloWorldRunner", plugins=tmp_path)
    assert result.stdout == "Hello world!\n"


def test_run_may_be_written_or_left_out(hello):
    result = run("run", "-c", hello, "-r", "hello:HelloWorldRunner", plugins=hello.parent)
    assert result.stdout == "Hello world!\n"


def test_what_the_runner_returns_is_the_exit_code(tmp_path, hello):
    (tmp_path / "hello.py").write_text(HELLO + "        return 7\n")
    result = run("-c", hello, "-r", "hello:HelloWorldRunner", plugins=tmp_path)
    assert result.returncode == 7


def test_a_runner_that_raises_is_one_sentence(tmp_path, hello):
    (tmp_path / "hello.py").write_text(HELLO + "        raise KeyError('colour')\n")
    result = run("-c", hello, "-r", "hello:HelloWorldRunner", plugins=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "HelloWorldRunner failed: KeyError: 'colour' (--log debug shows where)"
    )
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_refused_without_root_option(hello):
    result = subprocess.run(
        [sys.executable, "-m", "wca", "-c", hello],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "add --root" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["-v", "--version"])
def test_version(option, capsys):
    with pytest.raises(SystemExit) as end:
        main([option])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"wca {__version__}\n"


def test_the_config_is_required(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "-c/--config" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_iterations_wants_a_number_above_zero(count, capsys):
    with pytest.raises(SystemExit) as end:
        main(["-c", "/x", "--iterations", count])
    assert end.value.code == 2
    assert "--iterations" in capsys.readouterr().err


def test_a_limit_for_a_runner_that_has_none_is_refused(hello):
    result = run("--once", "-c", hello, "-r", "hello:HelloWorldRunner", plugins=hello.parent)
    assert result.returncode == 2
    assert "leave out --once and --iterations" in result.stderr


def test_a_bad_log_level_is_one_sentence(hello):
    result = run("-c", hello, "--log", "loud")
    assert result.returncode == 2
    assert result.stderr == (
        "unknown log level 'loud': use one of critical, error, warning, info, debug, trace\n"
    )


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o600, False), (0o644, False), (0o664, True), (0o646, True)]
)
def test_a_config_that_others_may_write_is_refused(hello, mode, refused):
    hello.chmod(mode)
    result = run("-c", hello, "-r", "hello:HelloWorldRunner", plugins=hello.parent)
    assert result.returncode == (1 if refused else 0)
    if refused:
        assert "chmod go-w" in result.stderr


def test_a_relative_path_is_refused(hello):
    result = run("-c", os.path.relpath(hello, ROOT))
    assert result.returncode == 1
    assert "absolute" in result.stderr


@pytest.mark.parametrize("option", ["-l", "--log", "--log-level"])
def test_the_logger_of_a_plugin_has_a_level_of_its_own(tmp_path, option):
    (tmp_path / "talking.py").write_text(
        "import logging\nfrom wca.runners import Runner\nlog = logging.getLogger(__name__)\n\n"
        "class Talking(Runner):\n    def run(self):\n        log.info('sending!')\n"
    )
    config = write_config(tmp_path, "runner: !Talking\n")
    quiet = run("-c", config, "-r", "talking:Talking", plugins=tmp_path)
    loud = run("-c", config, "-r", "talking:Talking", option, "talking:info", plugins=tmp_path)
    assert "sending!" not in quiet.stderr
    assert " INFO {MainThread} [talking] sending!\n" in loud.stderr


def test_the_loggers_of_the_file_hold_until_the_command_line_says_otherwise(tmp_path, hello):
    hello.write_text("loggers: {wca: error, hello: debug}\nrunner: !HelloWorldRunner\n")
    quiet = run("-c", hello, "-r", "hello:HelloWorldRunner", plugins=tmp_path)
    loud = run("-c", hello, "-r", "hello:HelloWorldRunner", "-l", "info", plugins=tmp_path)
    assert quiet.stderr == ""
    assert "wca" in loud.stderr
