"""Work of many tasks from one page, by a label of its series."""

import contextlib
import os
import re
from types import SimpleNamespace

import pytest

from tests.http_receiver import Reply
from wca.collectors import NotAvailable, WorkSource
from wca.collectors.task_work import TaskWorkCollector
from wca.collectors.work.shared_page import WorkSharedPage
from wca.errors import ValidationError, WcaError
from wca.metrics import CATALOGUE
from wca.nodes.api import Task
from wca.testing.clock import FakeClock


def attach(collector, name, **labels):
    return collector.attach(SimpleNamespace(task=Task(name, f"id-{name}", f"/{name}", labels)))


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def file(tmp_path):
    return tmp_path / "work.prom"


@pytest.fixture
def collector_of(file):
    with contextlib.ExitStack() as stack:

        def make(**fields):
            place = {} if "url" in fields else {"path": str(file)}
            one = TaskWorkCollector([WorkSharedPage("app", **{**place, "work": "jobs", **fields})])
            stack.callback(one.close, 1.0)
            return one

        yield make


PAGE = """# TYPE jobs counter
jobs{app="shop",part="a"} 5
jobs{app="shop",part="b"} 2
jobs{app="batch"} 40
jobs 1000
sli_normalized{app="shop"} 1.25
"""


def test_each_task_has_the_series_with_its_label(collector_of, file):
    file.write_text(PAGE)
    collector = collector_of(sli="sli_normalized")
    assert read(attach(collector, "x", app="shop")) == {"task_work": 7, "task_sli_normalized": 1.25}
    assert read(attach(collector, "y", app="batch")) == {"task_work": 40}
    assert read(attach(collector, "z", app="other")) == {}


def test_it_gives_what_it_says_and_the_catalogue_knows(collector_of, file):
    file.write_text(PAGE)
    collector = collector_of(sli="sli_normalized")
    assert read(attach(collector, "x", app="shop")).keys() == set(collector.emits)
    assert set(collector.emits) <= CATALOGUE.keys()
    assert TaskWorkCollector(collector.sources, interval=5.0).interval == 5.0


def test_a_source_of_a_plugin_is_one_like_ours():
    class Fixed(WorkSource):
        blocking = False

        def attach(self, task):
            return SimpleNamespace(read=lambda out: out.update(task_work=len(task.name)))

    collector = TaskWorkCollector([Fixed({"app": "s.*"})])
    assert not collector.blocking
    assert read(attach(collector, "shop", app="s")) == {"task_work": 4}
    with pytest.raises(NotAvailable):
        attach(collector, "shop", app="batch")


def test_the_label_of_the_task_may_have_another_name(collector_of, file):
    file.write_text(PAGE)
    collector = collector_of(task_label="task_name")
    assert read(attach(collector, "batch")) == {"task_work": 40}


def test_a_task_without_the_label_has_no_work(collector_of, file):
    file.write_text(PAGE)
    collector = collector_of()
    assert read(attach(collector, "x")) == {}
    assert collector.unmeasured == {"id-x": "unavailable"}


def test_a_page_is_fetched_once_for_all_tasks_of_a_reading(collector_of, receiver):
    receiver.reply(Reply(body=PAGE.encode()))
    collector = collector_of(url=receiver.url, timeout=20.0, clock=FakeClock())
    probes = [attach(collector, name, app=name) for name in ("shop", "batch", "other")]
    for _ in range(3):
        assert [read(probe).get("task_work") for probe in probes] == [7, 40, None]
    assert len(receiver.requests) == 3


def test_a_page_that_was_read_for_another_reading_is_read_anew(collector_of, file):
    clock = FakeClock()
    file.write_text(PAGE)
    os.utime(file, (clock.now(), clock.now()))
    collector = collector_of(clock=clock)
    shop, batch = (attach(collector, name, app=name) for name in ("shop", "batch"))
    read(shop)
    file.write_text(PAGE.replace("40", "41"))
    os.utime(file, (clock.now(), clock.now()))
    clock.advance(0.9)
    assert read(batch) == {"task_work": 41}


def test_a_page_that_fails_fails_for_all_tasks_and_is_asked_once(collector_of, receiver):
    receiver.reply(Reply(500))
    collector = collector_of(url=receiver.url, timeout=20.0, clock=FakeClock())
    probes = [attach(collector, name, app=name) for name in ("shop", "batch")]
    for probe in probes:
        with pytest.raises(WcaError, match="500"):
            read(probe)
    assert len(receiver.requests) == 1
    receiver.reply(Reply(body=PAGE.encode()))
    assert [read(probe)["task_work"] for probe in probes] == [7, 40]


def test_a_file_that_nobody_writes_any_more_says_nothing(collector_of, file):
    clock = FakeClock()
    file.write_text(PAGE)
    os.utime(file, (clock.now(), clock.now()))
    probe = attach(collector_of(max_age=30.0, clock=clock), "x", app="shop")
    clock.advance(29)
    assert read(probe) == {"task_work": 7}
    clock.advance(2)
    assert read(probe) == {}
    os.utime(file, (clock.now(), clock.now()))
    assert read(probe) == {"task_work": 7}


def test_a_file_that_is_not_there_yet_is_no_failure(collector_of, file):
    collector = collector_of()
    probe = attach(collector, "x", app="shop")
    assert read(probe) == {}
    assert collector.unmeasured == {"id-x": "silent"}
    file.write_text(PAGE)
    assert read(probe) == {"task_work": 7}


@pytest.mark.parametrize(
    ("content", "says"),
    [("<html>", "no text of Prometheus"), ("jobs{\n", "broken"), ("# " * 2000, "more than 1024")],
)
def test_garbage_is_a_failure_that_names_the_file(collector_of, file, content, says):
    file.write_text(content)
    probe = attach(collector_of(most_bytes=1024), "x", app="shop")
    with pytest.raises(WcaError, match=says) as failed:
        read(probe)
    assert str(file) in str(failed.value)
    file.write_text(PAGE)
    assert read(probe) == {"task_work": 7}


def test_a_symbolic_link_in_the_place_of_the_file_is_not_followed(collector_of, file, tmp_path):
    (tmp_path / "other").write_text(PAGE)
    file.symlink_to(tmp_path / "other")
    with pytest.raises(WcaError, match="symbolic link"):
        read(attach(collector_of(), "x", app="shop"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "neither path nor url"),
        ({"path": "/a", "url": "http://h/"}, "both path and url"),
        ({"path": "/a", "work": None}, "neither work nor sli"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields, says):
    with pytest.raises(ValidationError, match=re.escape(says)):
        WorkSharedPage("app", **{"work": "jobs", **fields})
