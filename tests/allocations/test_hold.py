"""The hold file: any file holds, in doubt it is held, and who may release is told."""

import os

import pytest

from wca.allocations.hold import Hold
from wca.errors import WcaError


@pytest.fixture
def hold(tmp_path):
    return Hold(str(tmp_path / "wca" / "hold"))


def test_without_the_file_or_its_folder_it_is_not_held(hold, tmp_path):
    assert hold.reason() is None
    (tmp_path / "wca").mkdir()
    assert hold.reason() is None


@pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere", "named pipe"])
def test_whatever_is_there_holds(hold, kind):
    os.mkdir(os.path.dirname(hold.path))
    make = {
        "file": lambda path: os.close(os.open(path, os.O_CREAT)),
        "folder": os.mkdir,
        "link to nowhere": lambda path: os.symlink("/nowhere", path),
        "named pipe": os.mkfifo,
    }
    make[kind](hold.path)
    assert hold.reason() == f"held by {hold.path}"


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")]
)
def test_a_folder_that_cannot_be_looked_at_holds(hold, monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(os, "lstat", fail)
    assert hold.reason() == f"held, as {hold.path} cannot be looked at: {error.strerror}"


def test_a_folder_that_is_a_file_holds(hold, tmp_path):
    (tmp_path / "wca").write_text("")
    assert "cannot be looked at: Not a directory" in hold.reason()
    with pytest.raises(WcaError, match=r"cannot be made|its folder is a file"):
        hold.put()


def test_the_reason_is_one_printable_line(hold):
    os.mkdir(os.path.dirname(hold.path))
    with open(hold.path, "wb") as file:
        file.write(b"disk\n exchange \x1b[31m\xff" + b"x" * 10_000)
    assert hold.reason().startswith(f"held by {hold.path}: disk exchange ?[31m\ufffdxx")
    assert len(hold.reason()) < 700


def test_the_first_reason_stays_and_release_ends_it(hold):
    assert hold.put("the first\nreason")
    assert not hold.put("another")
    assert hold.reason() == f"held by {hold.path}: the first reason"
    assert hold.remove()
    assert hold.reason() is None
    assert not hold.remove()


def test_a_folder_in_its_place_is_not_removed(hold):
    os.makedirs(hold.path)
    with pytest.raises(WcaError, match="cannot be removed: Is a directory"):
        hold.remove()


def test_it_tells_when_others_could_release(hold):
    hold.put()
    assert hold.problems() == []
    os.chmod(os.path.dirname(hold.path), 0o777)
    assert hold.problems() == [
        f"{hold.path}: others can remove it, run chmod go-w {os.path.dirname(hold.path)}"
    ]
