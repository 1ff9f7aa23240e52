"""`wca hold`, `wca release`, `wca undo`, and the commands of docs/safety.md in a folder of the test's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cgroup_fixtures import v1_cgroups  # noqa: F401
from tests.docs.pages import blocks
from tests.services import program
from wca.allocations.api import Write
from wca.allocations.confined import ConfinedFiles, control_roots
from wca.allocations.journal import Journal
from wca.main import main


def safety_commands():
    """Those that docs/safety.md prints."""
    texts = [text for page, _, text in blocks("sh") if page == "safety.md"]
    return [line for text in texts for line in text.splitlines()]


def as_printed(command, folder):
    """Run it with the folder in the place of /run/wca."""
    line = command.replace("/run/wca", str(folder))
    for printed, ours in (("wca ", "-m wca "), ("python ", "")):
        if line.startswith(printed):
            line = f"{sys.executable} {ours}{line.removeprefix(printed)}"
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])  # fmt: skip


@pytest.fixture
def shares(v1_cgroups, tmp_path):  # noqa: F811
    """A file that an agent, dead by now, has changed."""
    folder = v1_cgroups.locate(v1_cgroups.make("one")).directory("cpu")
    journal, files = Journal(str(tmp_path / "journal")), ConfinedFiles(control_roots())
    journal.open()
    write = Write(
        f"{folder}/cpu.shares", "1024", "2", "batch", "cpu_shares", (folder, files.inode(folder))
    )
    journal.intend(write, "test", time.time() + 10)
    files.write(write.path, write.new)
    journal.close()
    return Path(write.path)


def test_each_does_what_the_page_says(shares, tmp_path):
    guardian, hold, touch, release, look, undo = safety_commands()
    assert as_printed(guardian, tmp_path).returncode == 0
    assert shares.read_text() == "2\n"  # it has a lease
    held = as_printed(hold, tmp_path).stdout
    assert held == f"held by {tmp_path}/hold: exchange of a disk\n"
    assert as_printed(hold, tmp_path).stdout == f"was {held}"
    assert as_printed(touch, tmp_path).returncode == 0
    assert as_printed(release, tmp_path).stdout == f"released {tmp_path}/hold\n"
    assert as_printed(release, tmp_path).stdout == f"{tmp_path}/hold was not held\n"
    looked = as_printed(look, tmp_path)
    assert looked.stderr.startswith(f"{shares}: '1024' was changed to '2' by test for batch, lease")
    assert shares.read_text() == "2\n"
    undone = as_printed(undo, tmp_path)
    assert (undone.returncode, undone.stdout) == (0, f"{shares}: restored\n")
    assert shares.read_text() == "1024\n"
    assert as_printed(undo, tmp_path).stdout == "nothing is in force\n"


def test_a_guardian_that_is_held_restores_at_once(shares, tmp_path):
    guardian, _, touch, *_ = safety_commands()
    as_printed(touch, tmp_path)
    said = as_printed(guardian, tmp_path).stderr.splitlines()
    assert said == [f"held by {tmp_path}/hold", f"{shares}: restored"]
    assert shares.read_text() == "1024\n"


def test_a_guardian_with_the_capability_that_it_is_shipped_with_writes_groups_of_other_users(
    shares, tmp_path
):
    setpriv = program("setpriv", package="util-linux")
    (tmp_path / "hold").touch()
    os.chown(shares, 12345, 12345)
    options = ["--journal", str(tmp_path / "journal"), "--hold", str(tmp_path / "hold"), "--once"]
    for capabilities, left in (("-all", "2\n"), ("-all,+dac_override", "1024\n")):
        rights = ["--inh-caps=-all", f"--bounding-set={capabilities}"]
        command = [setpriv, *rights, sys.executable, "-m", "wca.allocations.guardian", *options]
        subprocess.run(command, check=True, capture_output=True)
        assert shares.read_text() == left


def test_with_nobody_to_ask_undo_does_nothing(shares, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    assert main(["undo", "--journal", str(tmp_path / "journal")]) == 2
    sys.stdin.close()
    assert "add --yes, or --dry-run to only look" in capsys.readouterr().err
    assert shares.read_text() == "2\n"


@pytest.mark.parametrize(("answer", "left"), [("y", "1024\n"), ("", "2\n"), ("no", "2\n")])
def test_undo_asks(shares, tmp_path, monkeypatch, answer, left):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert main(["undo", "--journal", str(tmp_path / "journal")]) == 0
    assert shares.read_text() == left


def test_the_end_of_the_input_is_a_no(shares, tmp_path, monkeypatch, capsys):
    def end(_):
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", end)
    assert main(["undo", "--journal", str(tmp_path / "journal")]) == 0
    assert shares.read_text() == "2\n"
    assert "Traceback" not in capsys.readouterr().err


def test_a_journal_that_is_not_there_is_said(tmp_path, monkeypatch, capsys):
    path = str(tmp_path / "mistyped")
    assert main(["undo", "--yes", "--journal", path]) == 1
    assert capsys.readouterr().out == f"there is no journal at {path}\n"
    monkeypatch.setattr("wca.commands.undo.DEFAULT_JOURNAL", path)
    assert main(["undo", "--yes"]) == 0, "an agent that never acted has none"
    assert not os.path.exists(path)


def test_a_journal_that_others_can_write_is_not_followed(shares, tmp_path, capsys):
    (tmp_path / "journal").chmod(0o606)
    assert main(["undo", "--yes", "--journal", str(tmp_path / "journal")]) == 1
    assert "others than its owner can write it" in capsys.readouterr().err
    assert shares.read_text() == "2\n"


def test_a_journal_that_names_other_files_writes_none(shares, tmp_path, capsys):
    target = tmp_path / "cpu.shares"
    target.write_text("2")
    path = tmp_path / "journal"
    journal = Journal(str(path))
    journal.open()
    identity = (str(tmp_path), os.stat(tmp_path).st_ino)
    journal.intend(Write(str(target), "evil", "2", "t", "x", identity), "me", time.time() + 1)
    journal.close()
    assert main(["undo", "--yes", "--journal", str(path)]) == 1
    assert "failed (lies outside of what undo may write)" in capsys.readouterr().out
    assert target.read_text() == "2"
    assert shares.read_text() == "1024\n"
