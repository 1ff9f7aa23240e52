"""Work of a task that its application writes into a file."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services import program
from wca.collectors import NotAvailable
from wca.collectors.task_work import TaskWorkCollector
from wca.collectors.work.counter_file import WorkCounterFile, parse_count
from wca.collectors.work.templates import fill_path
from wca.errors import ValidationError, WcaError
from wca.nodes.api import Task
from wca.testing.leaks import open_things


def task(name="web", task_id="id-1", **labels):
    return Task(name, task_id, "/web", labels)


def attach(collector, one):
    return collector.attach(SimpleNamespace(task=one))


def collector_of(folder, path="{task_name}/work", labels=None):
    return TaskWorkCollector([WorkCounterFile(f"{folder}/{path}", labels)])


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def work(tmp_path):
    """The file of the task ``web``."""
    (tmp_path / "web").mkdir()
    return tmp_path / "web" / "work"


@pytest.fixture
def probe(tmp_path, work):
    probe = attach(collector_of(tmp_path), task())
    yield probe
    probe.close()


# What is read


@pytest.mark.parametrize("text", ["41", "41\n", " 41 \n", "41.0", "4.1e1"])
def test_the_number_in_the_file_is_the_work(work, probe, text):
    work.write_text(text)
    assert read(probe) == {"task_work": 41}


def test_a_number_that_is_rewritten_in_place_is_read_anew(work, probe):
    seen = []
    for count in (1, 20, 300, 300):
        work.write_text(f"{count}\n")
        seen.append(read(probe)["task_work"])
    assert seen == [1, 20, 300, 300]


def test_a_file_that_is_renamed_over_it_is_read_at_once(work, probe):
    for count in (1, 2, 3):
        new = work.with_name("new")
        new.write_text(str(count))
        new.rename(work)
        assert read(probe) == {"task_work": count}


def test_a_file_that_is_moved_away_is_not_the_task_s_any_more(work, probe):
    work.write_text("5")
    assert read(probe) == {"task_work": 5}
    work.rename(work.with_name("old"))
    assert read(probe) == {}
    work.write_text("6")
    assert read(probe) == {"task_work": 6}


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_says_nothing_and_the_next_reading_does(work, probe, text):
    work.write_text("5")
    read(probe)
    work.write_text(text)
    assert read(probe) == {}
    work.write_text("6")
    assert read(probe) == {"task_work": 6}


def test_a_file_that_is_not_there_yet_is_no_failure(tmp_path, work):
    collector = collector_of(tmp_path)
    probe = attach(collector, task())
    assert read(probe) == {}
    assert collector.unmeasured == {"id-1": "silent"}
    work.write_text("7")
    assert read(probe) == {"task_work": 7}
    assert collector.unmeasured == {}
    work.unlink()
    assert read(probe) == {}
    probe.close()
    assert collector.unmeasured == {}


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e999", "1 2", "requests 12", "0x1f", "1_0"])
def test_what_is_no_number_is_a_failure_and_no_work(work, probe, text):
    work.write_text(text)
    with pytest.raises(WcaError, match="does not hold one number"):
        read(probe)


def test_what_a_file_holds_instead_of_a_number_is_not_repeated(work, probe):
    work.write_text("password")
    with pytest.raises(WcaError) as refused:
        read(probe)
    assert "password" not in str(refused.value)


def test_more_than_a_number_is_not_read_as_the_begin_of_it(work, probe):
    work.write_text("1" * 100)
    with pytest.raises(WcaError, match="no more"):
        read(probe)


# Beginning anew


def test_a_number_that_was_read_half_written_is_no_reset(work, probe):
    seen = []
    for text in ("1200", "12", "1210"):
        work.write_text(text)
        seen.append(read(probe).get("task_work"))
    assert seen == [1200, None, 1210]


def test_after_a_reset_the_work_goes_on_from_where_it_was(work, probe):
    seen = []
    for text in ("1200", "3", "5", "9"):
        work.write_text(text)
        seen.append(read(probe).get("task_work"))
    assert seen == [1200, None, 1205, 1209]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_the_work_never_goes_back(tmp_path_factory, counts):
    folder = tmp_path_factory.mktemp("work")
    probe = attach(collector_of(folder, "{task_id}"), task())
    last = 0
    for count in counts:
        (folder / "id-1").write_text(str(count))
        work = read(probe).get("task_work", last)
        assert work >= last
        last = work
    probe.close()


# Whose file it is


def test_a_task_without_the_label_has_no_work_and_the_log_says_why_once(tmp_path, caplog):
    caplog.set_level("INFO")
    collector = collector_of(tmp_path, "{app}")
    probes = [attach(collector, task(task_id=one)) for one in ("id-1", "id-2")]
    assert [read(probe) for probe in probes * 2] == [{}] * 4
    assert collector.unmeasured == {"id-1": "unavailable", "id-2": "unavailable"}
    (said,) = caplog.messages
    assert "no work of task id-1: the task has no label app, which" in said


def test_a_label_that_comes_later_is_used_from_then_on(tmp_path):
    (tmp_path / "shop").write_text("5")
    collector, target = collector_of(tmp_path, "{app}"), SimpleNamespace(task=task())
    probe = collector.attach(target)
    assert read(probe) == {}
    target.task = task(app="shop")
    assert read(probe) == {"task_work": 5}
    assert collector.unmeasured == {}
    probe.close()


@pytest.mark.parametrize("name", ["..", ".", "../other", "/etc", "a/b", "a\0b", ""])
def test_no_label_leads_out_of_its_folder(tmp_path, name):
    collector = collector_of(tmp_path)
    assert read(attach(collector, task(name=name))) == {}
    assert collector.unmeasured == {"id-1": "unavailable"}


def test_two_labels_together_do_not_lead_out_either():
    with pytest.raises(NotAvailable, match="no name of a file"):
        fill_path("/run/{a}{b}/work", {"a": ".", "b": "."})


@given(st.dictionaries(st.sampled_from(["a", "b", "task_name"]), st.text(max_size=5)))
def test_a_path_stays_below_the_folder_that_the_file_names(labels):
    try:
        folder, names = fill_path("/run/wca/{a}-{b}/{task_name}", labels)
    except NotAvailable:
        return
    path = os.path.normpath(os.path.join(folder, *names))
    assert path.startswith("/run/wca/")
    assert path.count("/") == 4


def test_a_label_does_not_give_a_task_the_name_of_another(tmp_path, work):
    work.write_text("5")
    (tmp_path / "mine").mkdir()
    assert read(attach(collector_of(tmp_path), task("mine", task_name="web"))) == {}


def test_a_symbolic_link_of_the_task_is_not_followed(tmp_path, work, probe):
    secret = tmp_path / "secret"
    secret.write_text("42")
    work.symlink_to(secret)
    with pytest.raises(WcaError, match="symbolic link"):
        read(probe)


def test_nor_is_one_in_the_place_of_its_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "work").write_text("42")
    (tmp_path / "web").symlink_to(tmp_path / "real")
    probe = attach(collector_of(tmp_path), task())
    with pytest.raises(WcaError, match="symbolic link"):
        read(probe)


def test_a_link_in_the_folder_that_the_configuration_names_is_followed(tmp_path, work):
    work.write_text("5")
    (tmp_path / "link").symlink_to(tmp_path)
    assert read(attach(collector_of(tmp_path / "link"), task())) == {"task_work": 5}


def test_a_named_pipe_is_refused_and_not_waited_for(work, probe):
    os.mkfifo(work)
    with pytest.raises(WcaError, match="not a regular file"):
        read(probe)


def test_labels_choose_the_tasks_of_a_source(tmp_path):
    (tmp_path / "web").write_text("1")
    (tmp_path / "web.db").write_text("2")
    collector = TaskWorkCollector(
        [
            WorkCounterFile(f"{tmp_path}/{{task_name}}.db", {"tier": "d.*"}),
            WorkCounterFile(f"{tmp_path}/{{task_name}}", {"tier": "w.*"}),
        ]
    )
    assert read(attach(collector, task(tier="data"))) == {"task_work": 2}
    assert read(attach(collector, task(tier="web"))) == {"task_work": 1}
    with pytest.raises(NotAvailable, match="no source of work"):
        attach(collector, task(tier="batch"))


# What a file of the configuration may say


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("run/work", "absolute"),
        ("/run/{task name}", "write a label as"),
        ("/run/{", "write a label as"),
        ("/run/{app}/", "folder"),
        ("/run/../{app}", "not allowed"),
    ],
)
def test_a_path_that_is_no_template_is_refused(path, says):
    with pytest.raises(ValidationError, match=re.escape(says)):
        WorkCounterFile(path)


def test_a_collector_without_sources_is_refused():
    with pytest.raises(ValidationError, match="at least one source"):
        TaskWorkCollector([])


def test_counter_files_alone_are_read_in_the_moment_of_the_other_counters(tmp_path):
    assert not collector_of(tmp_path).blocking


# What it costs

STEADY = """
import os, sys
from types import SimpleNamespace
from wca.collectors.task_work import TaskWorkCollector
from wca.collectors.work.counter_file import WorkCounterFile
from wca.nodes.api import Task
folder = sys.argv[1]
writers = [open(f"{folder}/t{n}", "w") for n in range(5)]
collector = TaskWorkCollector([WorkCounterFile(folder + "/{task_name}")])
tasks = [Task(f"t{n}", str(n), "/") for n in range(5)]
probes = [collector.attach(SimpleNamespace(task=task)) for task in tasks]
for round in range(12):
    for writer in writers:
        writer.seek(0); writer.write(str(round + 1)); writer.flush()
    if round == 2:
        os.access("/begin", 0)
    for probe in probes:
        out = {}
        probe.read(out)
        assert out == {"task_work": round + 1}, out
"""


def test_a_reading_of_a_task_at_work_is_one_system_call(tmp_path):
    trace = tmp_path / "trace"
    files = tmp_path / "files"
    files.mkdir()
    strace = program("strace", package="strace")
    command = [strace, "-f", "-o", str(trace), sys.executable, "-c", STEADY, str(files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    calls = [line.split(None, 1)[1].partition("(")[0::2] for line in trace.read_text().splitlines()]
    begin = max(n for n, (_, what) in enumerate(calls) if what.startswith('"/begin"'))
    end = max(n for n, (name, _) in enumerate(calls) if name == "pread64")
    steady = [name for name, _ in calls[begin + 1 : end + 1]]
    assert [name for name in steady if name not in ("lseek", "write")] == ["pread64"] * 10 * 5


def test_descriptors_are_given_back(tmp_path, work):
    before = open_things()
    probe = attach(collector_of(tmp_path), task())
    for count in range(3):
        work.write_text(str(count))
        read(probe)
    probe.close()
    probe.close()
    work.unlink()
    os.mkfifo(work)
    with pytest.raises(WcaError):
        read(attach(collector_of(tmp_path), task()))
    assert open_things() == before


@given(st.binary(max_size=80))
def test_no_text_is_read_as_what_is_no_count(text):
    count = parse_count(text)
    assert count is None or 0 <= count < 2**1023
