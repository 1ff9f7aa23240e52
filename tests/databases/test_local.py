"""What a file system adds to the contract of a database."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wca.databases import DatabaseError, InvalidKey, LocalDatabase
from wca.errors import StartError, ValidationError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "values"


@pytest.fixture
def database(folder):
    return LocalDatabase(str(folder))


def test_a_folder_is_needed():
    with pytest.raises(ValidationError, match="write the path of a folder"):
        LocalDatabase("")


def test_values_are_for_the_agents_user_alone(database, folder):
    database.set(b"key", b"value")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "key").stat().st_mode & 0o777 == 0o600


def test_the_folder_holds_the_values_and_nothing_else(database, folder):
    database.set(b"key", b"value")
    database.set(b"key", b"other")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"key": b"other"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    key=st.binary(max_size=300) | st.from_regex(rb"[./a]{1,9}", fullmatch=True), value=st.binary()
)
def test_no_key_leads_out_of_the_folder(key, value, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    database = LocalDatabase(str(outside / "values"))
    try:
        database.set(key, value)
    except InvalidKey:
        assert list(outside.iterdir()) == []
    else:
        assert database.get(key) == value
        assert [path.name for path in outside.iterdir()] == ["values"]


def test_a_link_is_not_followed(database, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder.mkdir()
    (folder / "key").symlink_to(secret)
    with pytest.raises(DatabaseError, match=r"cannot read .*/key"):
        database.get(b"key")
    database.set(b"key", b"value")  # takes the place of the link
    assert database.get(b"key") == b"value"
    assert secret.read_text() == "secret"


@pytest.mark.timeout(10)
def test_what_is_no_file_is_no_value(database, folder):
    (folder / "sub").mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    for key in (b"sub", b"pipe"):
        with pytest.raises(DatabaseError, match=r"is not a regular file|Is a directory"):
            database.get(key)
    with pytest.raises(DatabaseError, match=r"cannot write .*/sub: Is a directory"):
        database.set(b"sub", b"value")
    assert sorted(path.name for path in folder.iterdir()) == ["pipe", "sub"]


def test_a_full_disk_leaves_the_old_value(database, folder):
    database.set(b"key", b"old")
    limited = (
        "import resource, signal, sys; from wca.databases import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: LocalDatabase(sys.argv[1]).set(b'key', b'x' * 1000)\n"
        "except DatabaseError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"cannot write {folder}/key: File too large\n"
    assert database.get(b"key") == b"old"
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_a_killed_writer_leaves_a_whole_value(database, folder):
    values = {bytes([number]) * 100_000 for number in range(3)}
    database.set(b"key", min(values))
    writing = (
        "import sys; from wca.databases import LocalDatabase\n"
        "database = LocalDatabase(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for number in range(3): database.set(b'key', bytes([number]) * 100_000)\n"
    )
    for delay in (0.0, 0.003, 0.007, 0.013, 0.02):
        with subprocess.Popen(
            [sys.executable, "-c", writing, str(folder)], stdout=subprocess.PIPE
        ) as writer:
            writer.stdout.readline()
            time.sleep(delay)
            assert database.get(b"key") in values
            writer.kill()
        assert database.get(b"key") in values


def test_start_removes_what_a_killed_writer_left(database, folder):
    folder.mkdir()
    old, young, foreign = (folder / name for name in ("~wca-old", "~wca-young", "~backup"))
    for path in (old, young, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (time.time() - 7200,) * 2)
    database.start()
    assert sorted(path.name for path in folder.iterdir()) == ["~backup", "~wca-young"]


def test_a_file_in_the_place_of_the_folder_is_a_problem(database, folder):
    folder.write_text("")
    assert database.check() == [f"{folder} cannot be a folder: {folder} is a file"]
    with pytest.raises(StartError, match="write a folder of the agent's own as directory"):
        database.start()
    with pytest.raises(DatabaseError, match="cannot write"):
        database.set(b"key", b"value")
    with pytest.raises(DatabaseError, match="cannot read"):
        database.get(b"key")


def test_a_folder_that_can_be_made_is_no_problem(database, folder):
    assert database.check() == []
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_a_problem():
    assert LocalDatabase("/proc/self/values").check() in (
        [],  # root is not refused by permissions
        ["/proc/self/values cannot be written: /proc/self is not for this user"],
    )
