"""LogStorage on real files and pipes."""

import io
import logging
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading

import pytest

from tests.services import program
from wca.components import load_registry
from wca.config import ConfigLoadError
from wca.config.loader import load_text
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.storage import LogStorage
from wca.testing import FakeClock, check_exposition

TIME = 1560541957.165
STAMP = 1560541957165


def up(value=1, **labels):
    return Metric("task_up", value, labels, "gauge", "1 for every task.", timestamp=TIME)


HEADER = "# HELP task_up 1 for every task.\n# TYPE task_up gauge\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.prom"


@pytest.fixture
def appending(path):
    storage = LogStorage(str(path))
    yield storage
    storage.close(1.0)


@pytest.fixture
def overwriting(path):
    return LogStorage(str(path), overwrite=True)


def run_python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
        **options,
    )


# Standard output


def test_without_a_file_a_batch_goes_to_standard_output_with_an_empty_line(capfd):
    LogStorage().store([up(task_id="t")])
    output = capfd.readouterr()
    assert output.out == f'{HEADER}task_up{{task_id="t"}} 1 {STAMP}\n\n'
    assert output.err == ""


def test_standard_output_replaced_from_python_works_too(capsys):
    LogStorage().store([up()])
    assert capsys.readouterr().out == f"{HEADER}task_up 1 {STAMP}\n\n"


def test_what_was_printed_before_comes_before(capfd):
    print("first", end=" ")
    LogStorage(include_timestamp=False).store([Metric("a", 1)])
    assert capfd.readouterr().out == "first a 1\n\n"


def test_a_batch_is_one_write():
    class Pipe(io.BytesIO):
        writes = 0

        def write(self, data):
            self.writes += 1
            return super().write(data)

    pipe = Pipe()
    LogStorage(stream=pipe).store([up(i, task_id=str(i)) for i in range(1000)])
    assert pipe.writes == 1
    assert pipe.getvalue().count(b"\n") == 1003


def test_text_is_utf_8_whatever_the_locale():
    code = """
        from wca.metrics import Metric
        from wca.storage import LogStorage
        LogStorage(include_timestamp=False).store([Metric("a", 1, {"x": "\\u00e9\\ud800"})])
    """
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_python(code, env=environment, stdout=subprocess.PIPE)
    assert (done.stdout, done.stderr) == ('a{x="\u00e9\ufffd"} 1\n\n', "")


def test_a_closed_pipe_is_a_failed_delivery_and_no_traceback():
    code = """
        import os, sys
        from wca.errors import FailedDeliveryException
        from wca.metrics import Metric
        from wca.storage import LogStorage
        storage = LogStorage()
        storage.start()
        for _ in range(2):
            try:
                storage.store([Metric("a", 1)])
            except FailedDeliveryException as error:
                print(error, file=sys.stderr)
        storage.close(1.0)
    """
    reader, writer = os.pipe()
    os.close(reader)
    done = run_python(code, stdout=writer)
    os.close(writer)
    assert done.stderr == "cannot write to standard output: Broken pipe\n" * 2
    assert done.returncode == 0


def test_a_standard_output_closed_from_the_beginning_is_said_at_start(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(StartError, match="standard output: it is closed"):
        LogStorage().start()
    with pytest.raises(FailedDeliveryException, match="it is closed"):
        LogStorage().store([up()])


# A file that grows


def test_batches_are_appended_each_with_an_empty_line_after_it(appending, path):
    path.write_text("before\n")
    appending.start()
    for value in (1, 2):
        appending.store([up(value)])
    assert path.read_text() == (
        f"before\n{HEADER}task_up 1 {STAMP}\n\n{HEADER}task_up 2 {STAMP}\n\n"
    )


def test_a_batch_is_in_the_file_when_store_returns(appending, path):
    appending.store([up()])
    assert path.read_text().endswith("\n\n")


def test_metrics_without_a_time_get_the_time_of_the_batch(path):
    storage = LogStorage(str(path), clock=FakeClock(now=7.5))
    storage.store([Metric("a", 1)])
    storage.close(1.0)
    assert path.read_text() == "a 1 7500\n\n"


def test_timestamps_can_be_left_out(path):
    storage = LogStorage(str(path), include_timestamp=False)
    storage.store([up()])
    storage.close(1.0)
    assert path.read_text() == f"{HEADER}task_up 1\n\n"


def test_an_empty_batch_appends_nothing(appending, path):
    appending.start()
    appending.store([])
    assert path.read_text() == ""


def test_a_renamed_file_is_followed_by_a_new_one(appending, path):
    appending.store([Metric("a", 1)])
    rotated = path.rename(path.with_suffix(".1"))
    appending.store([Metric("b", 1)])
    assert rotated.read_text().startswith("a 1 ")
    assert path.read_text().startswith("b 1 ")


def test_a_new_file_that_the_rotation_made_is_used(appending, path):
    appending.store([Metric("a", 1)])
    path.rename(path.with_suffix(".1"))
    path.touch()
    appending.store([Metric("b", 1)])
    assert path.read_text().startswith("b 1 ")


def test_a_removed_file_is_made_again(appending, path):
    appending.store([Metric("a", 1)])
    path.unlink()
    appending.store([Metric("b", 1)])
    assert path.read_text().startswith("b 1 ")


def test_a_truncated_file_goes_on_from_its_beginning(appending, path):
    appending.store([Metric("a", 1)])
    os.truncate(path, 0)
    appending.store([Metric("b", 1)])
    assert path.read_bytes().startswith(b"b 1 ")


def test_rotation_leaks_no_descriptor(appending, path):
    appending.store([up()])
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        path.rename(path.with_suffix(f".{number}"))
        appending.store([up()])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_disk_is_a_failed_delivery():
    storage = LogStorage("/dev/full")
    with pytest.raises(FailedDeliveryException, match="/dev/full: No space left on device"):
        storage.store([up()])
    storage.close(1.0)


def test_a_batch_after_one_that_was_cut_begins_on_a_line_of_its_own(path):
    code = f"""
        import resource
        from wca.errors import FailedDeliveryException
        from wca.metrics import Metric
        from wca.storage import LogStorage
        storage = LogStorage({str(path)!r}, include_timestamp=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, resource.RLIM_INFINITY))
        try:
            storage.store([Metric("name", 123)])
        except FailedDeliveryException as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        storage.store([Metric("next", 1)])
    """
    done = run_python(code, stdout=subprocess.PIPE)
    assert done.stdout == f"cannot write to {path}: File too large\n", done.stderr
    assert path.read_text() == "name \nnext 1\n\n"


def test_a_file_that_cannot_be_opened_is_said_at_start(tmp_path):
    storage = LogStorage(str(tmp_path / "missing" / "file"))
    with pytest.raises(StartError, match="missing/file: No such file or directory"):
        storage.start()
    with pytest.raises(FailedDeliveryException, match="No such file or directory"):
        storage.store([up()])


def test_a_named_pipe_without_a_reader_does_not_hang_the_start(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StartError, match="pipe: No such device or address"):
        LogStorage(str(tmp_path / "pipe")).start()


def test_close_does_not_wait_for_a_reader_that_sleeps(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    storage = LogStorage(str(pipe), include_timestamp=False)
    storage.start()
    os.set_blocking(reader, True)
    batch = [Metric("a", i, {"i": str(i)}) for i in range(20_000)]
    writer = threading.Thread(target=storage.store, args=(batch,), daemon=True)
    writer.start()
    text = os.read(reader, 1)  # the writer is at work; the pipe holds less than the batch
    storage.close(0.01)
    assert writer.is_alive()
    while not text.endswith(b"\n\n"):  # the descriptor was left to the writer: nothing is lost
        text += os.read(reader, 65536)
    writer.join(5.0)
    storage.close(1.0)
    assert text.count(b"\n") == 20_001
    assert os.read(reader, 1) == b""
    os.close(reader)


# A file that is replaced


def test_overwrite_keeps_the_last_batch_without_timestamps(overwriting, path):
    overwriting.start()
    for value in (1, 2):
        overwriting.store([up(value)])
    assert path.read_text() == f"{HEADER}task_up 2\n"


def test_an_empty_batch_empties_the_file(overwriting, path):
    overwriting.store([up()])
    overwriting.store([])
    assert path.read_text() == ""


def test_overwrite_can_have_timestamps(path):
    LogStorage(str(path), overwrite=True, include_timestamp=True).store([up()])
    assert path.read_text().endswith(f"task_up 1 {STAMP}\n")


def test_the_file_can_be_read_by_others_whatever_the_umask(overwriting, path):
    old = os.umask(0o077)
    try:
        overwriting.store([up()])
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_nothing_is_left_beside_the_file(overwriting, path):
    for _ in range(3):
        overwriting.store([up()])
    assert os.listdir(path.parent) == [path.name]


def test_two_files_of_one_folder_do_not_meet(tmp_path):
    # Both would have had the temporary file metrics.tmp.
    storages = [
        LogStorage(str(tmp_path / name), overwrite=True) for name in ("metrics.prom", "metrics.log")
    ]

    def store_often(storage, name):
        for _ in range(50):
            storage.store([Metric(name, 1)])

    threads = [
        threading.Thread(target=store_often, args=(storage, f"name{i}"))
        for i, storage in enumerate(storages)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "metrics.prom").read_text() == "name0 1\n"
    assert (tmp_path / "metrics.log").read_text() == "name1 1\n"


def test_a_reader_never_sees_half_a_batch_nor_a_foreign_prom_file(overwriting, path):
    sizes = [1, 500, 20, 300]
    overwriting.store([up(task_id="0")])
    done = threading.Event()

    def write():
        for number in range(80):
            size = sizes[number % len(sizes)]
            overwriting.store([up(i, task_id=str(i)) for i in range(size)])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        text = path.read_text()
        assert check_exposition(text) == []
        seen.add(text.count("\ntask_up{"))
        assert [name for name in os.listdir(path.parent) if name.endswith(".prom")] == [path.name]
    writer.join()
    assert seen <= set(sizes)


def test_a_failed_write_keeps_the_last_batch_and_leaves_nothing(path):
    code = f"""
        import resource
        from wca.errors import FailedDeliveryException
        from wca.metrics import Metric
        from wca.storage import LogStorage
        storage = LogStorage({str(path)!r}, overwrite=True)
        storage.store([Metric("name", 123)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, resource.RLIM_INFINITY))
        try:
            storage.store([Metric("longer_name", 123)])
        except FailedDeliveryException as error:
            print(error)
    """
    done = run_python(code, stdout=subprocess.PIPE)
    assert done.stdout == f"cannot write to {path}: File too large\n", done.stderr
    assert path.read_text() == "name 123\n"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_only_a_regular_file_is_ever_replaced(tmp_path, kind):
    path = tmp_path / kind  # /dev/null as a regular file would break the machine
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/dev/null")
    else:
        path.mkdir()
    before = os.lstat(path)
    storage = LogStorage(str(path), overwrite=True)
    assert "no regular file" in storage.check()[0]
    with pytest.raises(StartError, match="no regular file"):
        storage.start()
    with pytest.raises(FailedDeliveryException, match="no regular file"):
        storage.store([up()])
    assert os.path.samestat(before, os.lstat(path))


def test_a_missing_folder_is_said_at_start(tmp_path):
    storage = LogStorage(str(tmp_path / "missing" / "file"), overwrite=True)
    with pytest.raises(StartError, match="missing: make it, or write another path"):
        storage.start()
    with pytest.raises(FailedDeliveryException, match="No such file or directory"):
        storage.store([up()])


def test_overwrite_needs_a_file():
    with pytest.raises(ValidationError, match="overwrite needs a file: write its path"):
        LogStorage(overwrite=True)


def test_promtool_parses_the_file(overwriting, path):
    promtool = program("promtool", package="prometheus")
    overwriting.store([up(task_id="a\n\\"), Metric("nan", float("nan")), Metric("b", 1, help="B.")])
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr.decode()  # 3: style only


# What is left out


def test_a_rejected_series_is_logged_once_and_always_counted(appending, caplog):
    for _ in range(3):
        appending.store([Metric("bad-name", 1), Metric("good", 1)])
    assert appending.rejected == 3
    (record,) = caplog.records
    assert record.getMessage() == (
        f"LogStorage on {appending.output_filename}: metric bad-name is not stored: 'bad-name' is "
        "not a metric name: write letters, digits, '_' and ':', no digit first"
    )


def test_another_reason_is_logged_too(appending, caplog):
    appending.store([Metric("a", "text"), Metric("a", 1, {"b": 2})])
    assert len(caplog.records) == 2


def test_names_without_end_do_not_fill_the_log(appending, caplog):
    for start in range(0, 3000, 1000):
        appending.store([Metric(f"bad-{i}", 1) for i in range(start, start + 1000)])
    assert appending.rejected == 3000
    assert len(caplog.records) == 1001
    assert caplog.records[-1].getMessage().endswith("further rejected metrics are only counted")


def test_series_that_filtered_labels_told_apart_are_reported(path, caplog):
    storage = LogStorage(str(path), overwrite=True, filter_labels=["task_id"])
    storage.store([up(1, task_id="t", cpu="0"), up(2, task_id="t", cpu="1")])
    assert path.read_text() == f'{HEADER}task_up{{task_id="t"}} 1\n'
    assert storage.rejected == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert "same name and labels already" in caplog.text


# This machine


@pytest.mark.parametrize("overwrite", [False, True])
def test_check_names_a_missing_folder(tmp_path, overwrite):
    storage = LogStorage(str(tmp_path / "missing" / "file"), overwrite=overwrite)
    assert storage.check() == [
        f"there is no folder {tmp_path}/missing: make it, or write another path"
    ]


def test_check_names_a_folder_in_the_place_of_the_file(tmp_path):
    assert "is a folder" in LogStorage(str(tmp_path)).check()[0]


@pytest.mark.parametrize("overwrite", [False, True])
def test_check_finds_nothing_where_the_file_can_be_written(path, overwrite):
    storage = LogStorage(str(path), overwrite=overwrite)
    assert list(storage.check()) == []
    storage.start()
    storage.store([up()])
    storage.close(1.0)
    assert list(storage.check()) == []


def test_check_of_standard_output_finds_nothing():
    assert list(LogStorage().check()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("overwrite", [False, True])
def test_check_names_a_folder_without_the_right_to_write(overwrite):
    with tempfile.TemporaryDirectory() as folder:  # unlike tmp_path, in a place all may enter
        os.chmod(folder, 0o755)
        os.setresuid(65534, -1, -1)  # os.access asks for the real user
        try:
            problems = LogStorage(f"{folder}/file", overwrite=overwrite).check()
        finally:
            os.setresuid(0, -1, -1)
    assert problems == [f"no right to write in the folder {folder}"]


# Names


TASK = {"task_id": "t", "task_name": "web", "pod_template_hash": "58f9", "host": "h", "cpus": "4"}


def usage():
    return Metric("task_cpu_usage_seconds", 1.5, TASK, "counter", granularity="task")


def written(**options):
    stream = io.BytesIO()
    LogStorage(stream=stream, include_timestamp=False, **options).store([usage()])
    return stream.getvalue().decode().splitlines()[1]


def test_by_default_names_and_labels_are_ours():
    assert written() == (
        'task_cpu_usage_seconds{cpus="4",host="h",pod_template_hash="58f9",task_id="t",'
        'task_name="web"} 1.5'
    )


def test_names_of_prometheus():
    assert written(names="prometheus") == (
        'task_cpu_usage_seconds_total{host="h",task_id="t",task_name="web"} 1.5'
    )


def test_names_of_cadvisor():
    assert written(names="cadvisor") == (
        'container_cpu_usage_seconds_total{cpu="total",host="h",id="/t",name="web"} 1.5'
    )


def test_labels_of_tasks_to_keep():
    assert written(names="prometheus", task_labels=["pod_template_hash"]) == (
        'task_cpu_usage_seconds_total{host="h",pod_template_hash="58f9",task_id="t"} 1.5'
    )


def test_labels_to_write_are_those_of_the_chosen_names():
    assert written(names="cadvisor", filter_labels=["name", "task_name"]) == (
        'container_cpu_usage_seconds_total{name="web"} 1.5'
    )


def test_labels_of_tasks_to_keep_need_names_that_leave_some_out():
    with pytest.raises(ValidationError, match="with names: wca every label stays"):
        LogStorage(task_labels=["app"])


def configured(options):
    text = f"""
runner: !MeasurementRunner
  node: !StaticNode {{tasks: []}}
  metrics_storage: !LogStorage {{{options}}}
"""
    return load_text(text, load_registry([], ())).runner.metrics_storage


@pytest.mark.parametrize(
    ("option", "reason"),
    [("names: nagios", "nagios"), ("names: prometheus, task_labels: [a-b]", "a label name")],
)
def test_a_wrong_choice_is_a_problem_of_the_file(option, reason):
    with pytest.raises(ConfigLoadError, match=reason):
        configured(option)


def test_a_file_chooses_the_names():
    storage = configured("names: cadvisor, task_labels: [app]")
    assert (storage.names, storage.task_labels) == (Names.CADVISOR, ["app"])
