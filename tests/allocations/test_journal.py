"""The journal: on disk before the write, leased, and undone only where the value is ours."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.allocations.kernel_stand_in import FOLDER, Kernel, Times, perform
from wca.allocations.api import APPLIED, FAILED, UNKNOWN, JournalError
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal, recover, undoable
from wca.allocations.records import encode_record

GROUP = f"{FOLDER}/one"
SHARES = f"{GROUP}/cpu.shares"
QUOTA = f"{GROUP}/cpu.cfs_quota_us"
IDLE = f"{GROUP}/cpu.idle"
LEASE = 20.0


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def kernel():
    kernel = Kernel()
    kernel.make(GROUP, cpu_shares="2048", cpu_cfs_quota_us="-1", cpu_idle="0")
    return kernel


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run" / "journal")


def make_journal(path, times, **options):
    options = {"lease": LEASE, "boot": "this boot", **options}
    return Journal(path, now=times.now, monotonic=times.monotonic, **options)


@pytest.fixture
def journal(path, times):
    journal = make_journal(path, times)
    journal.open()
    yield journal
    journal.close()


@pytest.fixture
def onlooker(path, times):
    """Another process: the guardian, or `wca undo`."""
    onlooker = make_journal(path, times)
    yield onlooker
    onlooker.close()


@pytest.fixture
def change(journal, kernel, times):
    def change(path, new, **options):
        write = kernel.write_of(path, new, **options)
        return perform(journal, kernel, write, times.now() + LEASE)

    return change


def outcomes(undone):
    return [(one.path, one.outcome) for one in undone]


class TestBeforeTheWrite:
    def test_the_entry_is_on_the_disk_before_the_kernel_is_written(
        self, journal, kernel, times, path, monkeypatch
    ):
        events = []
        sync, write = os.fdatasync, kernel.write

        def synced(descriptor):
            sync(descriptor)
            same = os.fstat(descriptor).st_ino == os.stat(path).st_ino
            there = b'"kind":"intend"' in Path(path).read_bytes()
            events.append("on the disk" if same and there else "something else")

        monkeypatch.setattr(os, "fdatasync", synced)
        kernel.write = lambda *call: (events.append("kernel"), write(*call))
        perform(journal, kernel, kernel.write_of(SHARES, "2"), times.now() + LEASE)
        assert events[:2] == ["on the disk", "kernel"]

    def test_another_process_sees_it_at_the_moment_of_the_write(self, change, kernel, onlooker):
        seen = []
        write = kernel.write
        kernel.write = lambda *call: (seen.extend(onlooker.entries()), write(*call))
        change(SHARES, "2")
        (entry,) = seen
        assert (entry.path, entry.original, entry.ours) == (SHARES, "2048", "2")
        assert entry.pending == ("2",)

    @pytest.mark.parametrize("broken", ["write", "fdatasync"])
    def test_what_the_disk_does_not_take_is_not_written(self, change, kernel, monkeypatch, broken):
        def fail(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, broken, fail)
        with pytest.raises(JournalError, match=r"cannot be written: No space left"):
            change(SHARES, "2")
        assert kernel.log == []

    def test_a_record_that_is_cut_spoils_itself_only(self, change, journal, kernel, monkeypatch):
        with monkeypatch.context() as patch:
            write = os.write
            patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:-9]))
            with pytest.raises(JournalError, match="the disk is full"):
                change(SHARES, "2")
        assert change(QUOTA, "5000")
        assert [entry.path for entry in journal.entries()] == [QUOTA]

    @pytest.mark.parametrize(
        "path",
        [
            *("/etc/passwd", "cpu.shares", "/sys/fs/cgroup/cpu/../../x/cpu.shares"),
            *("/sys/fs/cgroup/a/cgroup.procs", "/sys/fs/cgroup/a/release_agent"),
            *("/sys/fs/cgroup/a/memory.reclaim", "/sys/fs/cgroup/a/tasks", "/a//cpu.shares"),
            *("/sys/fs/cgroup/a/cpu.shares\n", "/sys/fs/cgroup/./cpu.shares"),
        ],
    )
    def test_what_undo_could_not_write_is_refused(self, path):
        assert not undoable(path)

    def test_a_file_of_another_group_is_refused(self, journal, kernel, times):
        write = kernel.write_of(SHARES, "2")
        kernel.files[f"{FOLDER}/two/cpu.shares"] = "5"
        other = kernel.write_of(f"{FOLDER}/two/cpu.shares", "2")
        with pytest.raises(JournalError, match="no file of the group"):
            journal.intend(
                type(write)(*(other.path, "5", "2", "t", "cpu_shares", write.cgroup)), "me", 0.0
            )

    def test_a_lease_that_would_never_end_is_refused(self, journal, kernel, times):
        for expires in (times.now() + 3 * LEASE, float("inf"), float("nan")):
            with pytest.raises(JournalError, match="the lease is 20 s"):
                journal.intend(kernel.write_of(SHARES, "2"), "me", expires)

    def test_while_it_is_held_nothing_may_be_written(self, path, times, kernel, tmp_path):
        hold = Hold(str(tmp_path / "hold"))
        journal = make_journal(path, times, hold=hold)
        journal.open()
        hold.put("disk exchange")
        with pytest.raises(JournalError, match=r"nothing is written: held by .*: disk exchange"):
            perform(journal, kernel, kernel.write_of(SHARES, "2"), times.now() + 1)
        journal.close()

    def test_only_who_has_opened_it_may_write(self, onlooker, journal, kernel, times):
        with pytest.raises(JournalError, match="is not open"):
            onlooker.intend(kernel.write_of(SHARES, "2"), "me", times.now() + 1)

    def test_two_agents_do_not_share_a_journal(self, journal, path, times):
        with pytest.raises(JournalError, match="another agent uses this journal"):
            make_journal(path, times).open()


class TestUndo:
    def test_the_first_value_comes_back_however_often_it_was_changed(
        self, change, journal, kernel, times
    ):
        for value in ("2", "512", "100"):
            assert change(SHARES, value)
        done = journal.undo(kernel, only_expired=False, now=times.now())
        assert outcomes(done) == [(SHARES, "restored")]
        assert kernel.files[SHARES] == "2048"
        assert journal.entries() == []

    def test_the_last_change_comes_first(self, change, journal, kernel, times):
        kernel.make(f"{GROUP}/below", cpu_shares="7")
        change(QUOTA, "5000")
        change(f"{GROUP}/below/cpu.shares", "2")
        done = journal.undo(kernel, only_expired=False, now=times.now())
        assert [one.path for one in done] == [f"{GROUP}/below/cpu.shares", QUOTA]

    def test_what_somebody_else_has_written_is_theirs(self, change, journal, kernel, times):
        change(SHARES, "2")
        kernel.change(SHARES, "777")
        del kernel.log[:]
        (one,) = journal.undo(kernel, only_expired=False, now=times.now())
        assert (one.outcome, one.detail) == ("foreign", "777")
        assert kernel.log == []
        assert journal.entries() == []

    def test_a_group_that_was_made_anew_is_another_one(self, change, journal, kernel, times):
        change(SHARES, "2")
        kernel.remove(GROUP)
        kernel.make(GROUP, cpu_shares="2")
        del kernel.log[:]
        (one,) = journal.undo(kernel, only_expired=False, now=times.now())
        assert (one.outcome, kernel.log) == ("gone", [])

    def test_a_group_that_was_made_anew_has_an_original_value_of_its_own(
        self, change, journal, kernel
    ):
        change(SHARES, "2")
        kernel.remove(GROUP)
        kernel.make(GROUP, cpu_shares="300")
        change(SHARES, "2")
        assert [entry.original for entry in journal.entries()] == ["300"]

    def test_only_what_has_expired_where_that_is_wanted(self, change, journal, kernel, times):
        change(SHARES, "2")
        times.go(LEASE - 1)
        change(QUOTA, "5000")
        times.go(2)
        assert outcomes(journal.undo(kernel, only_expired=True, now=times.now())) == [
            (SHARES, "restored")
        ]
        journal.renew(times.now() + LEASE)
        times.go(LEASE - 1)
        assert journal.undo(kernel, only_expired=True, now=times.now()) == []
        times.go(2)
        assert outcomes(journal.undo(kernel, only_expired=True, now=times.now())) == [
            (QUOTA, "restored")
        ]

    @pytest.mark.parametrize("jump", [-86_400, 86_400])
    def test_setting_the_time_of_day_ends_no_lease_and_extends_none(
        self, change, journal, kernel, times, jump
    ):
        change(SHARES, "2")
        times.wall += jump
        assert journal.undo(kernel, only_expired=True, now=times.now()) == []
        assert journal.entries()[0].expires == times.now() + LEASE
        times.go(LEASE)
        assert journal.undo(kernel, only_expired=True, now=times.now())

    def test_what_the_kernel_refuses_stays_in_force(self, change, journal, kernel, times):
        change(SHARES, "2")
        kernel.refused.add(SHARES)
        (one,) = journal.undo(kernel, only_expired=False, now=times.now())
        assert (one.outcome, one.detail) == ("failed", "Invalid argument")
        kernel.refused.clear()
        assert outcomes(journal.undo(kernel, only_expired=False, now=times.now())) == [
            (SHARES, "restored")
        ]

    def test_a_value_that_reads_back_otherwise_is_ours_too(self, journal, kernel, times):
        write = kernel.write_of(SHARES, "1")
        journal.intend(write, "me", times.now() + 1)
        kernel.files[SHARES] = "2"  # the kernel's least
        journal.settle(write, APPLIED, seen="2")
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_what_was_refused_is_not_in_force(self, change, journal, kernel):
        kernel.refused.add(SHARES)
        assert not change(SHARES, "2")
        assert journal.entries() == []
        kernel.refused.clear()
        change(SHARES, "2")
        kernel.refused.add(SHARES)
        assert not change(SHARES, "5")
        assert [entry.values for entry in journal.entries()] == [("2",)]

    def test_of_what_nobody_knows_all_values_are_ours(self, journal, kernel, times):
        write = kernel.write_of(SHARES, "2")
        journal.intend(write, "me", times.now() + 1)
        journal.settle(write, UNKNOWN)
        kernel.files[SHARES] = "2"  # later
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_what_went_back_by_itself_is_not_in_force(self, change, journal):
        change(SHARES, "2")
        change(SHARES, "2048")
        assert journal.entries() == []

    def test_what_was_given_up_is_left(self, change, journal, kernel, times):
        change(SHARES, "2")
        kernel.change(SHARES, "300")
        journal.forget(SHARES)
        change(SHARES, "2")
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "300"


class TestCpuIdle:
    """The weight is lost when the group leaves the idle class, and must not be."""

    @pytest.fixture
    def idle(self, change):
        def idle():
            assert change(SHARES, "3", implied=True)
            assert change(IDLE, "1")

        return idle

    def test_undo_leaves_the_idle_class_and_then_gives_the_weight_back(
        self, idle, journal, kernel, times
    ):
        idle()
        assert kernel.files[SHARES] == "3"
        del kernel.log[:]
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.log == [(IDLE, "0"), (SHARES, "2048")]
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}

    def test_undo_that_was_interrupted_between_the_two_goes_on(self, idle, journal, kernel, times):
        idle()
        kernel.change(IDLE, "0")
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_shares_that_were_ours_before_go_back_to_what_was_before_them(
        self, idle, change, journal, kernel, times
    ):
        change(SHARES, "2")
        idle()
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_a_weight_that_is_the_one_of_the_idle_class_comes_back_too(
        self, idle, journal, kernel, times
    ):
        kernel.change(SHARES, "3")
        idle()
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "3"

    def test_an_agent_that_dies_on_its_own_way_back_leaves_enough(
        self, idle, change, journal, kernel, times
    ):
        idle()
        change(IDLE, "0")
        journal.intend(kernel.write_of(SHARES, "500"), "me", times.now() + 1)
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_shares_that_somebody_else_has_set_since_are_theirs(self, idle, journal, kernel, times):
        idle()
        kernel.change(IDLE, "0")
        kernel.change(SHARES, "512")
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "512"


class TestTwoProcesses:
    def test_an_agent_that_wakes_up_late_is_told_to_look_again(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "2")
        stale = kernel.write_of(SHARES, "500")  # its old value is ours
        times.go(LEASE)
        assert outcomes(onlooker.undo(kernel, only_expired=True, now=times.now()))
        with pytest.raises(JournalError, match="was given back meanwhile"):
            journal.intend(stale, "me", times.now() + 1)
        assert change(SHARES, "500")
        assert journal.entries()[0].original == "2048"

    def test_a_write_that_was_announced_before_and_made_after_is_undone_at_last(
        self, journal, onlooker, kernel, times
    ):
        write = kernel.write_of(SHARES, "2")
        journal.intend(write, "me", times.now() + LEASE)
        times.go(LEASE)
        assert outcomes(onlooker.undo(kernel, only_expired=True, now=times.now())) == [
            (SHARES, "waiting")
        ]
        kernel.write(SHARES, "2")  # the agent was stopped in between
        onlooker.undo(kernel, only_expired=True, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_the_weight_is_kept_until_a_late_write_of_the_idle_class_is_undone(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "3", implied=True)
        write = kernel.write_of(IDLE, "1")
        journal.intend(write, "me", times.now() + LEASE)
        times.go(LEASE)
        onlooker.undo(kernel, only_expired=True, now=times.now())
        kernel.write(IDLE, "1")
        journal.settle(write, APPLIED)
        onlooker.undo(kernel, only_expired=True, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}

    def test_the_weight_is_given_back_while_an_agent_hangs_behind_its_write_of_the_idle_class(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "3", implied=True)
        change(IDLE, "1")
        back = kernel.write_of(IDLE, "0")
        journal.intend(back, "me", times.now() + LEASE)
        kernel.write(IDLE, "0")
        assert kernel.files[SHARES] == "1024"
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
        journal.settle(back, APPLIED)
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert (kernel.files[SHARES], onlooker.entries()) == ("2048", [])

    def test_a_weight_given_back_too_early_is_given_back_again(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "500")
        change(SHARES, "3", implied=True)
        late = kernel.write_of(IDLE, "1")
        journal.intend(late, "me", times.now() + LEASE)
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files[SHARES] == "2048"
        kernel.write(IDLE, "1")
        journal.settle(late, APPLIED)
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}

    def test_the_weight_that_leaving_the_idle_class_has_set_is_nobodys_original(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "3", implied=True)
        change(IDLE, "1")
        change(IDLE, "0")
        stale = kernel.write_of(SHARES, "2")
        assert stale.old == "1024"
        onlooker.undo(kernel, only_expired=False, now=times.now())
        with pytest.raises(JournalError, match="was given back meanwhile"):
            journal.intend(stale, "me", times.now() + LEASE)

    def test_without_its_hidden_weight_in_force_a_group_is_not_put_into_the_idle_class(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "500")
        change(SHARES, "3", implied=True)
        late = kernel.write_of(IDLE, "1")
        onlooker.undo(kernel, only_expired=False, now=times.now())  # it was stopped in between
        for _ in range(2):
            with pytest.raises(JournalError, match=r"cpu\.shares was given back meanwhile"):
                journal.intend(late, "me", times.now() + LEASE)
        change(SHARES, "3", implied=True)
        change(IDLE, "1")
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}

    def test_a_second_write_that_comes_late_is_undone_too(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "2")
        write = kernel.write_of(SHARES, "500")
        journal.intend(write, "me", times.now() + LEASE)
        times.go(LEASE)
        onlooker.undo(kernel, only_expired=True, now=times.now())
        assert kernel.files[SHARES] == "2048"
        kernel.write(SHARES, "500")
        journal.settle(write, APPLIED)
        onlooker.undo(kernel, only_expired=True, now=times.now())
        assert kernel.files[SHARES] == "2048"

    def test_who_sees_other_mounts_does_not_take_groups_for_gone_for_good(
        self, change, journal, onlooker, kernel, times
    ):
        change(SHARES, "2")
        journal.close()
        assert outcomes(onlooker.undo(Kernel(), only_expired=False, now=times.now())) == [
            (SHARES, "gone")
        ]
        assert [entry.path for entry in onlooker.entries()] == [SHARES]

    def test_an_agent_that_was_stopped_with_the_lock_does_not_stop_the_guardian(
        self, change, journal, onlooker, kernel, times, monkeypatch
    ):
        change(SHARES, "2")
        times.go(LEASE)
        monkeypatch.setattr("wca.allocations.journal_file.PATIENCE", 0.02)
        with journal._file.locked(insist=True):
            onlooker.undo(kernel, only_expired=True, now=times.now())
        assert kernel.files[SHARES] == "2048"

    @pytest.mark.parametrize("to_idle", [False, True])
    def test_an_agent_that_was_stopped_between_its_checks_and_its_announcement_loses_nothing(
        self, change, journal, onlooker, kernel, times, monkeypatch, to_idle
    ):
        monkeypatch.setattr("wca.allocations.journal_file.PATIENCE", 0.02)
        change(SHARES, "500")
        change(SHARES, "3", implied=True)
        write = kernel.write_of(IDLE, "1") if to_idle else kernel.write_of(SHARES, "2")
        append = journal._file.append

        def stopped(record, durable):
            monkeypatch.setattr(journal._file, "append", append)
            for _ in range(2):
                told = outcomes(onlooker.undo(kernel, only_expired=False, now=times.now()))
                assert kernel.files[SHARES] == "2048"
            assert told == [(SHARES, "waiting")]  # the agent has the lock
            append(record, durable=durable)

        monkeypatch.setattr(journal._file, "append", stopped)
        journal.intend(write, "me", times.now() + LEASE)
        kernel.write(write.path, write.new)
        journal.settle(write, APPLIED)
        onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
        assert onlooker.entries() == []

    def test_without_a_journal_there_is_nothing_to_undo(self, path, times, kernel):
        onlooker = make_journal(path, times)
        assert onlooker.entries() == []
        assert onlooker.undo(kernel, only_expired=False, now=times.now()) == []
        assert not os.path.exists(os.path.dirname(path))


class TestTheNextStart:
    def test_it_undoes_what_was_left(self, change, journal, kernel, path, times):
        change(SHARES, "2")
        journal.close()
        after = make_journal(path, times)
        after.open()
        assert outcomes(recover(after, kernel, times.now())) == [(SHARES, "restored")]
        assert kernel.files[SHARES] == "2048"
        assert after.entries() == []
        after.close()

    def test_it_adopts_what_is_as_it_was_left_and_undoes_the_rest(
        self, change, journal, kernel, path, times
    ):
        change(SHARES, "2")
        change(QUOTA, "5000")
        kernel.change(QUOTA, "7000")
        journal.close()
        times.go(10 * LEASE)
        after = make_journal(path, times)
        after.open()
        assert outcomes(recover(after, kernel, times.now(), adopt=True)) == [(QUOTA, "foreign")]
        (entry,) = after.entries()
        assert (entry.path, entry.original, entry.ours) == (SHARES, "2048", "2")
        assert entry.expires == times.now() + LEASE
        after.close()

    def test_after_another_boot_nothing_is_in_force(self, change, journal, kernel, path, times):
        change(SHARES, "2")
        journal.close()
        after = make_journal(path, times, boot="the next one")
        assert after.entries() == []
        after.open()
        assert recover(after, kernel, times.now()) == []
        perform(after, kernel, kernel.write_of(QUOTA, "9000"), times.now() + 1)
        assert [entry.path for entry in after.entries()] == [QUOTA]
        after.close()


class TestTheFile:
    def test_it_is_for_its_owner_alone(self, journal, path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    def test_it_is_lines_of_json_behind_a_checksum(self, change, path):
        change(SHARES, "2")
        lines = [line for line in Path(path).read_text().split("\n") if line]
        kinds = [json.loads(line.partition(" ")[2])["kind"] for line in lines]
        assert kinds == ["journal", "intend", "settle"]

    def test_it_does_not_grow_for_ever(self, change, journal, path, times, monkeypatch):
        monkeypatch.setattr("wca.allocations.journal_file._LARGE", 4096)
        change(SHARES, "2")
        for _ in range(300):
            journal.renew(times.now() + LEASE)
        assert os.path.getsize(path) < 12_000
        assert [entry.original for entry in journal.entries()] == ["2048"]

    def test_others_follow_when_it_was_written_anew(self, change, journal, onlooker, monkeypatch):
        change(SHARES, "2")
        assert len(onlooker.entries()) == 1
        monkeypatch.setattr("wca.allocations.journal_file._LARGE", -10_000)
        change(QUOTA, "5000")
        assert [entry.path for entry in onlooker.entries()] == [SHARES, QUOTA]

    def test_a_later_version_is_refused_and_left(self, journal, path, times):
        journal.close()
        later = encode_record({"kind": "journal", "version": 2, "boot": "this boot"})
        Path(path).write_bytes(later)
        with pytest.raises(
            JournalError, match=r"later version of wca \(format 2, this one knows 1"
        ):
            make_journal(path, times).open()
        assert Path(path).read_bytes() == later

    def test_damage_costs_its_record_and_is_told(self, change, journal, path, times):
        change(SHARES, "2")
        change(QUOTA, "5000")
        journal.close()
        data = Path(path).read_bytes().replace(b'"5000"', b'"6000"')
        Path(path).write_bytes(data + b"\nnot a record")
        after = make_journal(path, times)
        assert [entry.path for entry in after.entries()] == [SHARES]
        assert after.problems() == [
            f"{path}: 2 records are damaged and were left out",
            f"{path}: ends within a record, which was left out",
        ]
        after.close()

    @pytest.mark.parametrize(
        ("spoil", "sentence"),
        [
            (lambda path: os.chmod(path, 0o620), "others than its owner can write it"),
            (lambda path: os.chown(path, 12345, -1), "belongs to user 12345"),
            (lambda path: os.link(path, path + "-2"), "has a second name"),
            (lambda path: os.chmod(os.path.dirname(path), 0o777), "others can replace it"),
            (lambda path: os.chown(os.path.dirname(path), 12345, -1), "user 12345 can replace it"),
            (lambda path: (os.rename(path, path + "-2"), os.symlink(path + "-2", path)), "link"),
            (lambda path: (os.unlink(path), os.mkfifo(path)), "is not a regular file"),
            (lambda path: (os.unlink(path), os.mkdir(path)), "Is a directory"),
        ],
    )
    def test_one_that_others_could_have_written_is_refused(
        self, change, journal, path, times, kernel, spoil, sentence
    ):
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        change(SHARES, "2")
        journal.close()
        del kernel.log[:]
        spoil(path)
        onlooker = make_journal(path, times)
        with pytest.raises(JournalError, match=sentence):
            onlooker.undo(kernel, only_expired=False, now=times.now())
        assert kernel.log == []
        with pytest.raises(JournalError):
            make_journal(path, times).open()

    def test_a_failed_write_is_no_outcome_that_is_kept(self, journal, kernel, times):
        write = kernel.write_of(SHARES, "2")
        journal.intend(write, "me", times.now() + 1)
        journal.settle(write, FAILED)
        assert journal.entries() == []


def test_an_agent_killed_between_the_hidden_weight_and_the_idle_class_leaves_its_weight(
    change, journal, kernel, path, times
):
    """The idle class was announced and not entered: the weight there is the one we wrote before."""
    change(SHARES, "355")
    change(SHARES, "3", implied=True)
    kernel.files[SHARES] = "355"
    journal.close()
    later = make_journal(path, times)
    later.open()
    assert outcomes(recover(later, kernel, times.now())) == [(SHARES, "restored")]
    assert (kernel.files[SHARES], later.entries()) == ("2048", [])
    later.close()


def fail(*_):
    raise OSError(28, "No space left on device")


class TestAJournalThatCannotBeWritten:
    @pytest.fixture
    def two(self, change):
        change(SHARES, "2")
        change(QUOTA, "5000")

    @pytest.mark.parametrize("agent", [True, False])
    def test_a_full_disk_keeps_nothing_from_being_undone_and_is_told_with_each(
        self, two, journal, onlooker, kernel, times, monkeypatch, agent
    ):
        who = journal if agent else onlooker
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            done = who.undo(kernel, only_expired=False, now=times.now())
            assert outcomes(done) == [(QUOTA, "restored"), (SHARES, "restored")]
            assert all("cannot be written: No space left" in one.detail for one in done)
            assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
            assert who.entries() == []
            kernel.change(SHARES, "2")  # somebody else, and it is what ours was
            assert who.undo(kernel, only_expired=False, now=times.now()) == []
            assert kernel.files[SHARES] == "2"
        assert who.entries() == []
        assert journal.entries() == onlooker.entries() == [], "written as soon as it can be"

    def test_what_is_wanted_anew_before_the_disk_has_taken_it_is_in_force(
        self, two, change, journal, kernel, times, monkeypatch
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            journal.undo(kernel, only_expired=False, now=times.now())
        assert change(SHARES, "7")
        assert [(entry.path, entry.original) for entry in journal.entries()] == [(SHARES, "2048")]

    def test_what_cannot_be_written_because_of_its_rights_is_undone_from_what_can_be_read(
        self, two, journal, path, kernel, times, monkeypatch
    ):
        journal.close()
        real = os.open

        def read_only(name, flags, *more, **options):
            if str(name).startswith(path) and flags & (os.O_RDWR | os.O_CREAT):
                raise OSError(30, "Read-only file system")
            return real(name, flags, *more, **options)

        monkeypatch.setattr(os, "open", read_only)
        onlooker = make_journal(path, times)
        done = onlooker.undo(kernel, only_expired=False, now=times.now())
        assert outcomes(done) == [(QUOTA, "restored"), (SHARES, "restored")]
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
        assert onlooker.entries() == []
        onlooker.close()

    @pytest.mark.parametrize("name", ["the file", "its folder"])
    def test_one_that_was_removed_is_written_anew_by_the_agent(
        self, two, journal, onlooker, change, kernel, times, path, name
    ):
        remove(path, name)
        journal.renew(times.now() + LEASE)
        assert [entry.path for entry in onlooker.entries()] == [SHARES, QUOTA]
        assert change(SHARES, "9")
        remove(path, name)
        journal.undo(kernel, only_expired=False, now=times.now())
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
        with pytest.raises(JournalError, match="another agent uses this journal"):
            make_journal(path, times).open()

    def test_where_it_cannot_be_made_anew_the_agent_undoes_from_memory(
        self, two, journal, kernel, times, path
    ):
        remove(path, "its folder")
        Path(path).parent.write_text("in the way")
        with pytest.raises(JournalError, match="cannot be made"):
            journal.intend(kernel.write_of(SHARES, "9"), "me", times.now() + 1)
        done = journal.undo(kernel, only_expired=False, now=times.now())
        assert outcomes(done) == [(QUOTA, "restored"), (SHARES, "restored")]
        assert kernel.files == {SHARES: "2048", IDLE: "0", QUOTA: "-1"}
        assert journal.undo(kernel, only_expired=False, now=times.now()) == []


def remove(path, name):
    for one in (path, f"{path}.lock") if name == "its folder" else (path,):
        os.unlink(one)
    if name == "its folder":
        os.rmdir(os.path.dirname(path))


def test_an_agent_that_starts_while_somebody_undoes_waits_for_it(
    change, journal, kernel, path, times, monkeypatch
):
    monkeypatch.setattr("wca.allocations.journal_file.PATIENCE", 0.02)
    change(SHARES, "2")
    journal.close()
    at_work, go = threading.Event(), threading.Event()
    write = kernel.write

    def slow(*call):
        at_work.set()
        assert go.wait(20)
        write(*call)

    kernel.write = slow
    onlooker, after = make_journal(path, times), make_journal(path, times)
    undo = threading.Thread(
        target=lambda: onlooker.undo(kernel, only_expired=False, now=times.now())
    )
    undo.start()
    assert at_work.wait(20)
    threading.Timer(0.2, go.set).start()
    after.open()
    assert kernel.files[SHARES] == "2048"
    undo.join()
    after.close()
    onlooker.close()
