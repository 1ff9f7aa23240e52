"""The files of a spool: who may use them, what they say, and what happens when they are damaged."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from tests.docs.pages import blocks
from tests.services import program
from tests.storage.spool_parts import NOW, numbers, parcel, spools, taken
from wca.errors import StartError
from wca.storage.delivery.backlog import Dropped, Size
from wca.storage.delivery.options import Survives
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool
from wca.testing.clock import FakeClock


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "folder" / "spool")


@pytest.fixture
def make(path):
    with spools(path) as make:
        yield make


def files(path):
    return sorted(os.listdir(os.path.dirname(path)))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def test_the_folder_and_the_files_are_for_their_owner_alone(make, path):
    old = os.umask(0)
    try:
        spool = make()
        spool.put([parcel("a")], NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    modes = {name: stat.S_IMODE(os.stat(f"{path}{name}").st_mode) for name in ("", "-wal", ".lock")}
    assert modes == {"": 0o600, "-wal": 0o600, ".lock": 0o600}


def test_constructing_opens_nothing_and_problems_changes_nothing(path):
    spool = Spool(path)
    assert spool.problems() == []
    assert not os.path.exists(os.path.dirname(path))
    assert spool.size == Size(0, 0, 0, None)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_folder_that_others_can_write_is_refused(path, mode):
    folder = os.path.dirname(path)
    os.mkdir(folder)
    os.chmod(folder, mode)
    spool = Spool(path)
    (problem,) = spool.problems()
    assert f"run chmod go-w {folder}" in problem
    with pytest.raises(StartError, match="others can write the folder"):
        spool.open()
    assert files(path) == []


def test_a_folder_that_is_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StartError, match="is a symbolic link: write the path of the folder itself"):
        Spool(str(tmp_path / "link" / "spool")).open()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_refused(path, kind):
    os.mkdir(os.path.dirname(path), 0o700)
    os.mkdir(path) if kind == "folder" else os.symlink("/dev/null", path)
    with pytest.raises(StartError, match="it is not a regular file"):
        Spool(path).open()


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="is not a folder"):
        Spool(str(tmp_path / "file" / "spool")).open()


def test_a_second_user_is_refused_by_the_name_of_the_first(make, path):
    spool = make()
    spool.put([parcel("a")], NOW)
    with pytest.raises(StartError, match=f"is in use by process {os.getpid()}: give each storage"):
        Spool(path).open()
    script = f"from wca.storage.spool import Spool; Spool({path!r}).open()"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert f"in use by process {os.getpid()}" in other.stderr
    assert taken(spool) == ["a"]
    spool.close()
    again = Spool(path)
    assert again.open() == 1
    again.close()


def test_a_lock_that_was_left_by_a_killed_process_keeps_nobody_out(make, path):
    os.mkdir(os.path.dirname(path), 0o700)
    with open(f"{path}.lock", "w") as file:
        file.write("1\n")
    make().put([parcel("a")], NOW)


def test_a_forked_process_cannot_use_it_and_does_it_no_harm(make):
    spool = make()
    spool.put([parcel("a")], NOW)
    child = os.fork()
    if not child:
        try:
            spool.put([parcel("b")], NOW)
        except OSError as error:
            refused = "belongs to process" in str(error)
            os._exit(0 if refused and spool.close() == [] else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    spool.put([parcel("c")], NOW)
    assert taken(spool) == ["a", "c"]


def test_a_person_can_look_into_it_while_it_is_in_use(make, path):
    spool = make()
    spool.put([parcel("a", 5, name="x")], NOW)
    looking = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = looking.execute("SELECT samples, bytes, supersedes, body FROM parcels").fetchall()
    assert rows == [(5, 1, "x", b"a")]
    spool.settle(numbers(spool))
    assert looking.execute("SELECT count(*) FROM parcels").fetchall() == [(0,)]
    looking.close()


# Versions and damage


def change(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_the_file_of_a_newer_agent_is_refused_and_left(make, path):
    make().close()
    change(path, "PRAGMA user_version=3")
    before = content(path)
    with pytest.raises(StartError, match=r"newer agent, in version 3 .* reads up to 2: start"):
        Spool(path).open()
    assert content(path) == before
    assert files(path) == ["spool", "spool.lock"]
    change(path, "PRAGMA user_version=2")
    make()  # the lock was given back


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: os.truncate(path, 5000), "damaged"),
        (lambda path: change(path, "PRAGMA application_id=7"), "the database of another program"),
        (lambda path: change(path, "DROP INDEX by_age"), "not those of a spool"),
        (lambda path: change(path, "PRAGMA user_version=-3"), "no version -3"),
        (lambda path: write(path, b"not a database" * 1000), "not a database"),
    ],
)
def test_a_file_that_is_no_spool_is_renamed_and_an_empty_one_takes_its_place(
    make, path, caplog, spoil, reason
):
    spool = make()
    spool.put([parcel("a")], NOW)
    spool.close()
    spoil(path)
    clock = FakeClock(now=1_700_000_000.0)
    spool = Spool(path, clock=clock)
    assert spool.open() == 0
    assert spool.put([parcel("b")], NOW) == []
    assert taken(spool) == ["b"]
    spool.close()
    assert files(path) == ["spool", "spool.corrupt-20231114T221320Z", "spool.lock"]
    assert reason in caplog.text
    assert "spool.corrupt-20231114T221320Z" in caplog.text


def test_a_log_without_its_file_is_kept_with_the_damaged(make, path):
    spool = make()
    spool.put([parcel("a")], NOW)
    left = content(f"{path}-wal")
    spool.close()
    os.unlink(path)
    write(f"{path}-wal", left)
    assert spool.open() == 0
    assert len([name for name in files(path) if name.endswith("Z-wal")]) == 1


def test_three_damaged_files_are_kept_with_what_belongs_to_them(path):
    clock = FakeClock(now=1_700_000_000.0)
    spool = Spool(path, clock=clock)
    spool.open()
    spool.close()
    for number in range(13):
        write(path, b"%d" % number)
        write(f"{path}-wal", b"%d" % number)
        spool.open()
        spool.close()
        clock.advance(0.2)
    folder = os.path.dirname(path)
    left = [
        content(os.path.join(folder, name))
        for name in files(path)
        if ".corrupt-" in name and not name.endswith("-wal")
    ]
    assert sorted(left) == [b"10", b"11", b"12"]


def test_damage_that_is_met_while_running_costs_what_waits_and_not_what_is_being_sent(
    make, path, caplog
):
    spool = make()
    spool.put([Parcel(bytes(3000), 10, NOW, "x") for _ in range(50)], NOW)
    sent = numbers(spool, 2)
    spool._file.database({})._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(30 * 4096))
    spool._file.database({})._connection.execute("PRAGMA shrink_memory")
    found, dropped = spool.take(60, NOW)
    dropped += spool.put([parcel("later")], NOW)
    lost = sum(samples for _, samples in dropped)
    assert {reason for reason, _ in dropped} == {"spool_corrupt"}
    assert lost + 10 * len(found) == 480
    assert spool.size.samples == 10 * (2 + len(found)) + 1
    spool.release(sent[:1])
    spool.settle(sent[1:])
    assert bytes(3000).decode() in taken(spool, 1)
    assert "spool.corrupt-" in caplog.text or "not what was written" in caplog.text


def test_a_body_that_has_changed_costs_its_own_samples(make, path, caplog):
    spool = make()
    spool.put([parcel(text * 3000, number) for number, text in enumerate("abc", 1)], NOW)
    spool.close()
    write(path, content(path).replace(b"bbbb", b"bxbb", 1))
    assert spool.open() == 6
    found, dropped = spool.take(5, NOW)
    assert [one.parcel.body[:1] for one in found] == [b"a", b"c"]
    assert dropped == [Dropped("spool_corrupt", 2)]
    assert "1 messages in the spool" in caplog.text
    assert spool.size.samples == 4


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_somebody_removes_while_it_is_in_use_is_noticed(make, path, caplog, replaced):
    spool = make()
    spool.put([parcel("a", 3), parcel("b", 4)], NOW)
    spool.take(1, NOW)
    os.unlink(path)
    if replaced:
        write(path, b"mine")
    assert spool.put([parcel("c")], NOW) == [Dropped("spool_corrupt", 4)]
    assert "removed or replaced" in caplog.text
    spool.close()
    assert spool.open() == 4
    assert taken(spool) == ["a", "c"]


def test_as_long_as_no_new_file_can_be_made_puts_fail_and_what_is_being_sent_is_kept(make, path):
    spool = make()
    spool.put([parcel("a", 3), parcel("b", 4)], NOW)
    spool.take(1, NOW)
    folder = os.path.dirname(path)
    os.rename(folder, f"{folder}-away")
    for _ in range(3):
        with pytest.raises(OSError, match="No such file"):
            spool.put([parcel("c")], NOW)
    assert spool.size.samples == 3
    os.rename(f"{folder}-away", folder)
    assert spool.put([parcel("d")], NOW) == [Dropped("spool_corrupt", 4)]
    spool.close()
    assert spool.open() == 4
    assert taken(spool) == ["a", "d"]


def test_what_is_lost_with_a_file_that_could_not_be_replaced_is_told_by_close(make, path):
    spool = make()
    spool.put([parcel("a", 3), parcel("b", 4)], NOW)
    spool.take(1, NOW)
    folder = os.path.dirname(path)
    os.rename(folder, f"{folder}-away")
    with pytest.raises(OSError, match="No such file"):
        spool.put([parcel("c")], NOW)
    assert sum(one.samples for one in spool.close()) == 7
    assert spool.size == Size(0, 0, 0, None)


@pytest.mark.parametrize("survives", Survives)
def test_each_level_writes_to_the_disk_as_it_promises(make, survives):
    spool = make(survives=survives)
    (level,) = spool._file.database({})._connection.execute("PRAGMA synchronous").fetchone()
    assert level == {Survives.KILL: 1, Survives.POWER_CUT: 2}[survives]


def test_a_spool_is_not_imported_before_it_is_opened(path):
    script = (
        "import sys; from wca.storage.spool import Spool; "
        f"spool = Spool({path!r}); spool.problems(); assert 'sqlite3' not in sys.modules; "
        "spool.open(); assert 'sqlite3' in sys.modules; spool.close()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_damage_is_one_error_in_the_log(make, path, caplog):
    make().close()
    os.truncate(path, 4096)
    with caplog.at_level(logging.INFO):
        make()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_the_command_of_the_guide_lists_what_waits(path, make):
    spool = make()
    spool.put([parcel("a"), parcel("b")], NOW)
    (command,) = [text for page, _, text in blocks("sh") if page == "spool.md"]
    program("sqlite3", package="sqlite3")
    done = subprocess.run(
        command.replace("/var/lib/wca/kafka.spool", path),
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split("|")[0] for line in done.stdout.splitlines()] == ["1", "2"]
