"""Which files are trusted to say what the agent shall do."""

import os

import pytest

from wca.config import load_config
from wca.errors import ConfigLoadError
from wca.security import read_config

ROOT = os.geteuid() == 0


@pytest.fixture
def path(tmp_path):
    """A file that only its owner can write."""
    path = tmp_path / "c.yaml"
    path.write_text("x: 1")
    path.chmod(0o644)
    return path


def refused(path, **options):
    with pytest.raises(ConfigLoadError) as caught:
        read_config(str(path), **options)
    return str(caught.value)


def test_a_file_that_only_its_owner_writes_is_read(path):
    assert read_config(str(path)) == b"x: 1"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o620, 0o602])
def test_a_file_that_others_can_write_is_refused(path, mode):
    path.chmod(mode)
    assert refused(path) == f"{path}: others than its owner can write it, run chmod go-w {path}"
    assert read_config(str(path), check_owner=False) == b"x: 1"


def test_a_symbolic_link_leads_to_what_is_judged(path, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    assert read_config(str(link)) == b"x: 1"
    path.chmod(0o666)
    assert "chmod go-w" in refused(link)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_in_which_others_can_replace_the_file_is_refused(path, tmp_path, mode):
    tmp_path.chmod(mode)
    assert refused(path).endswith(f"they can write its folder: run chmod go-w {tmp_path}")
    tmp_path.chmod(mode | 0o1000)
    assert read_config(str(path)) == b"x: 1"


def test_a_folder_in_which_others_can_replace_the_link_is_refused(path, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "link.yaml").symlink_to(path)
    assert read_config(str(folder / "link.yaml")) == b"x: 1"
    folder.chmod(0o777)
    assert refused(folder / "link.yaml").endswith(f"run chmod go-w {folder}")


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(tmp_path / "pipe")
    assert "is not a regular file" in refused(tmp_path)
    assert "is not a regular file" in refused("/dev/zero", check_owner=False)


def test_a_file_that_is_not_there_is_said_in_words(tmp_path):
    assert refused(tmp_path / "absent") == f"{tmp_path}/absent: there is no such file"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be opened: " in refused(tmp_path / "loop")
    assert "NUL" in refused("a\0b")


@pytest.mark.skipif(not ROOT, reason="only root can give a file away and become another user")
@pytest.mark.parametrize(
    ("owner", "user", "fine"),
    [(0, 0, True), (4321, 0, True), (4321, 4321, True), (0, 4321, True), (1234, 4321, False)],
)
def test_a_file_belongs_to_the_user_or_to_root_and_root_trusts_every_owner(
    tmp_path_factory, owner, user, fine
):
    folder = tmp_path_factory.mktemp("owned")
    path = folder / "c.yaml"
    path.write_text("x: 1")
    path.chmod(0o644)
    os.chown(path, owner, -1)
    for part in (folder, *folder.parents):
        if str(part).startswith("/tmp/"):
            part.chmod(part.stat().st_mode | 0o055)
    os.seteuid(user)
    try:
        if fine:
            assert read_config(str(path)) == b"x: 1"
        else:
            assert refused(path) == (
                f"{path}: belongs to user 1234, the agent runs as 4321: run chown 4321 {path}"
            )
    finally:
        os.seteuid(0)


def test_the_agent_wants_an_absolute_path(monkeypatch, path):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigLoadError, match="must be absolute"):
        load_config("c.yaml", here=True)
    with pytest.raises(ConfigLoadError, match="the field 'runner' is missing"):
        load_config("c.yaml")
