"""Work of a task from its own page for Prometheus, on loopback."""

import contextlib
import itertools
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from tests.http_receiver import Receiver, Reply
from wca.collectors import NotAvailable
from wca.collectors.task_work import TaskWorkCollector
from wca.collectors.work.endpoint import WorkEndpoint
from wca.collectors.work.rounds import Rounds
from wca.collectors.work.templates import fill_url
from wca.collectors.work.text import Series
from wca.collectors.work.wanted import Reckoning, Wanted
from wca.config.types import Url
from wca.errors import ValidationError, WcaError
from wca.nodes.api import Task
from wca.testing.leaks import open_things

PATIENT = {"timeout": 20.0}


def task(number=0, **labels):
    return Task("web", f"id-{number}", "/web", labels)


def attach(collector, one):
    return collector.attach(SimpleNamespace(task=one))


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def probe_of():
    """Makes a probe of a page; closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(url, *args, one=None, **fields):
            collector = TaskWorkCollector([WorkEndpoint(url, *args, **{**PATIENT, **fields})])
            stack.callback(collector.close, 1.0)
            probe = attach(collector, one or task())
            stack.callback(probe.close)
            return probe

        yield make


def page(text):
    return Reply(body=text.encode())


# A real application


@pytest.fixture
def shop():
    """An application with Prometheus' client library."""
    registry = CollectorRegistry()
    requests = Counter("http_requests", "Answered.", ["code"], registry=registry)
    latency = Gauge("latency_seconds", "Of late.", ["quantile"], registry=registry)
    times = Histogram("http_request_duration_seconds", "All.", registry=registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield SimpleNamespace(
        requests=requests, latency=latency, times=times, port=server.server_address[1]
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_counter_is_added_up_over_the_series_that_are_chosen(probe_of, shop):
    probe = probe_of(
        f"http://{{pod_ip}}:{shop.port}/metrics",
        "http_requests_total",
        {"code": "2.."},
        one=task(pod_ip="127.0.0.1"),
    )
    assert read(probe) == {}  # no request yet, and so no series: not 0
    shop.requests.labels("200").inc(5)
    shop.requests.labels("204").inc(2)
    shop.requests.labels("500").inc(100)
    assert read(probe) == {"task_work": 7}
    shop.requests.labels("200").inc(3)
    assert read(probe) == {"task_work": 10}


def test_the_count_of_a_histogram_is_work_and_a_gauge_over_its_objective_is_the_level(
    probe_of, shop
):
    probe = probe_of(
        f"http://127.0.0.1:{shop.port}/metrics",
        "http_request_duration_seconds_count",
        sli="latency_seconds",
        sli_labels={"quantile": "0.99"},
        slo=0.1,
    )
    shop.times.observe(0.3)
    shop.latency.labels("0.5").set(5.0)
    shop.latency.labels("0.99").set(0.25)
    assert read(probe) == {"task_work": 1, "task_sli_normalized": 2.5}


# Levels


@pytest.mark.parametrize(
    ("text", "slo", "level"),
    [
        ("sli 3", None, 3),
        ("sli 3\nslo 2", "slo", 1.5),
        ('sli{a="1"} 3\nsli{a="2"} 4', 2, 2),
        ("sli 0", 2, 0),
        ("sli NaN", 2, None),
        ("sli +Inf", 2, None),
        ("sli -1", 2, None),
        ("sli 3\nsli 3", 2, None),
        ("sli 3\nslo 0", "slo", None),
        ("sli 3\nslo NaN", "slo", None),
        ("sli 3", "slo", None),
        ("other 3", 2, None),
        ("sli 1e308", 1e-10, None),
    ],
)
def test_a_level_that_cannot_be_told_is_absent(probe_of, receiver, text, slo, level):
    receiver.reply(page(text))
    probe = probe_of(receiver.url, sli="sli", slo=slo)
    assert read(probe) == ({} if level is None else {"task_sli_normalized": level})


# Counters


@pytest.mark.parametrize(
    "text",
    ["", "work NaN", "work +Inf", "work -1", "work 1\nwork 1", 'work{a="1"} 5\nwork{a="2"} NaN'],
)
def test_work_that_cannot_be_told_is_absent(probe_of, receiver, text):
    receiver.reply(page(text))
    assert read(probe_of(receiver.url, "work")) == {}


def sums(*pages):
    """The work after each page of numbers by process."""
    reckoning = Reckoning(Wanted("work", None, None, None, None))
    seen = []
    for numbers in pages:
        out = {}
        series = [Series("work", {"pid": pid}, value) for pid, value in numbers.items()]
        reckoning.take(series, out)
        seen.append(out.get("task_work"))
    return seen


def test_one_of_two_processes_that_begins_anew_takes_nothing_away():
    assert sums({"1": 100, "2": 10}, {"1": 1, "2": 12}, {"1": 2, "2": 13}) == [110, None, 115]


def test_a_process_that_is_gone_takes_nothing_away():
    assert sums({"1": 100, "2": 10}, {"2": 12}) == [110, 112]


def test_a_process_that_is_new_brings_what_it_has_done():
    assert sums({"1": 100}, {"1": 101, "2": 7}) == [100, 108]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 50), min_size=1)))
def test_work_never_goes_back_and_is_never_more_than_was_counted(pages):
    known = [one for one in sums(*pages) if one is not None]
    assert known == sorted(known)
    assert max(known, default=0) <= sum(sum(numbers.values()) for numbers in pages)


# What is no page


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (page("<html>"), "no text of Prometheus"),
        (Reply(body=b"\xff\xfe\x00" * 100), "no text of Prometheus"),
        (page("work {\n"), "a line of work is broken"),
        (Reply(404), "answers 404 Not Found"),
        (Reply(302, {"Location": "http://other/"}), "not followed"),
        (Reply(status=0), "without an answer"),
        (Reply(body=b"work 5\n", cut=3), "no valid answer"),
        (Reply(body=b"work 5\n" * 1000), "more than 2048 bytes"),
    ],
)
def test_what_is_no_page_is_a_failure_in_a_sentence(probe_of, receiver, reply, says):
    receiver.reply(reply)
    with pytest.raises(WcaError, match=says) as failed:
        read(probe_of(receiver.url + "/m?token=s3cret", "work", most_bytes=2048))
    assert "s3cret" not in str(failed.value)


def test_a_page_that_does_not_end_is_not_waited_for(probe_of, receiver):
    receiver.reply(Reply(body=b"work 5\n" * 1000, body_pace=0.1))
    with pytest.raises(WcaError, match=r"no answer within 0\.2 s"):
        read(probe_of(receiver.url, "work", timeout=0.2))


def test_one_connection_is_kept(probe_of, receiver):
    receiver.reply(page("work 5"))
    probe = probe_of(receiver.url, "work")
    for _ in range(5):
        assert read(probe) == {"task_work": 5}
    assert len({request.connection for request in receiver.requests}) == 1


# Many tasks


@pytest.fixture
def receivers():
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Receiver()) for _ in range(6)]


def test_pages_of_many_tasks_are_fetched_at_the_same_time_within_a_bound():
    busy, most, lock, meet = 0, 0, threading.Lock(), threading.Barrier(3, timeout=20)

    def get():
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        meet.wait()
        with lock:
            busy -= 1
        return b"x"

    rounds = Rounds(3, time.monotonic)
    fetches = [rounds.add(get) for _ in range(9)]
    for one in fetches:
        one.is_new = False
    assert [rounds.page(one) for one in fetches] == [b"x"] * 9
    assert most == 3
    rounds.close()


def test_each_reading_of_all_tasks_asks_each_once(receivers):
    for number, one in enumerate(receivers):
        one.reply(page(f"work {number}"))
    collector = TaskWorkCollector([WorkEndpoint("http://127.0.0.1:{port}/", "work", **PATIENT)])
    probes = [attach(collector, task(n, port=str(one.port))) for n, one in enumerate(receivers)]
    for _ in range(3):
        assert [read(probe)["task_work"] for probe in probes] == list(range(6))
    assert [len(one.requests) for one in receivers] == [3] * 6
    for probe in probes:
        probe.close()
    collector.close(1.0)


def test_a_page_that_was_fetched_for_another_reading_is_fetched_anew():
    now, count = [0.0], itertools.count()
    rounds = Rounds(2, lambda: now[0])
    first, second = rounds.add(lambda: b"first"), rounds.add(lambda: b"%d" % next(count))
    assert [rounds.page(one) for one in (first, second)] == [b"first", b"0"]
    rounds.page(first)  # as when this task is about to end
    second.coming.result(20)
    now[0] += 0.9
    assert rounds.page(second) == b"2"
    rounds.close()


def test_each_page_is_fetched_once_in_a_round_however_long_each_takes_to_read():
    now, asked = [0.0], []
    rounds = Rounds(4, lambda: now[0])
    fetches = [rounds.add(lambda n=n: asked.append(n) or b"%d" % n) for n in range(100)]
    for _ in range(3):
        for number, fetch in enumerate(fetches):
            assert rounds.page(fetch) == b"%d" % number
            now[0] += 0.3
            rounds.used()
        now[0] += 1.0
    rounds.close()
    assert sorted(asked) == sorted(3 * list(range(100)))


def test_a_target_that_fails_is_left_alone_for_longer_each_time_and_the_reason_stays():
    now, asked = 0, []

    def get():
        asked.append(now)
        if now < 14:
            raise WcaError("it is away")
        return b"back"

    rounds = Rounds(1, time.monotonic)
    fetch = rounds.add(get)
    while now < 14:
        with pytest.raises(WcaError, match="it is away"):
            rounds.page(fetch)
        now += 1
    assert asked == [0, 2, 6]
    assert [rounds.page(fetch) for _ in range(2)] == [b"back"] * 2
    rounds.close()


def test_a_task_whose_page_fails_costs_the_others_nothing(receivers):
    for one in receivers:
        one.reply(page("work 5"))
    receivers[0].reply(Reply(500))
    collector = TaskWorkCollector([WorkEndpoint("http://127.0.0.1:{port}/", "work", **PATIENT)])
    probes = [attach(collector, task(n, port=str(one.port))) for n, one in enumerate(receivers)]
    with pytest.raises(WcaError, match="500"):
        read(probes[0])
    assert [read(probe) for probe in probes[1:]] == [{"task_work": 5}] * 5
    assert collector.unmeasured == {"id-0": "failing"}
    for probe in probes:
        probe.close()
    collector.close(1.0)
    assert collector.unmeasured == {}


def until_threads_end():
    """Those of a pool end by themselves after what they waited for."""
    for one in threading.enumerate():
        if one.name.startswith("work"):
            one.join(20)


def test_nothing_is_left_open(receiver):
    receiver.reply(page("work 5"))
    until_threads_end()
    before = open_things()
    collector = TaskWorkCollector([WorkEndpoint(receiver.url, "work", **PATIENT)])
    probe = attach(collector, task())
    assert read(probe) == {"task_work": 5}
    for _ in range(2):
        probe.close()
        collector.close(1.0)
    receiver.reset()
    until_threads_end()
    assert open_things() == before


# Addresses


@pytest.mark.parametrize(
    ("template", "labels", "url"),
    [
        ("http://{ip}:9100/metrics", {"ip": "10.0.0.1"}, "http://10.0.0.1:9100/metrics"),
        ("http://{ip}:9100/metrics", {"ip": "fd00::1"}, "http://[fd00::1]:9100/metrics"),
        ("http://[{ip}]:9100/", {"ip": "fd00::1"}, "http://[fd00::1]:9100/"),
        ("http://h:{port}/{app}", {"port": "80", "app": "a/../b?c"}, "http://h:80/a%2F..%2Fb%3Fc"),
        ("http://{app}.svc/x?a={app}", {"app": "web"}, "http://web.svc/x?a=web"),
    ],
)
def test_labels_are_put_into_the_address(template, labels, url):
    assert fill_url(template, labels) == url


@pytest.mark.parametrize("ip", ["a@b", "a/b", "a:80", "a?b", "a#b", "a b", "", "::g", "a\nb", "é"])
def test_a_label_that_is_no_host_changes_no_address(ip):
    with pytest.raises(NotAvailable):
        fill_url("http://{ip}:9100/metrics", {"ip": ip})


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_the_labels_are_the_port_and_the_begin_of_the_path_stay(ip, app):
    with contextlib.suppress(NotAvailable):
        url = fill_url("http://{ip}:9100/a/{app}", {"ip": ip, "app": app})
        Url(2000).check(url)
        assert url.split("/", 3)[2].endswith(":9100")
        assert url.split("/", 3)[3].startswith("a/")
        assert url.count("/") == 4
        assert not set("?#@") & set(url)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "ftp://h/", "work": "w"}, "http://"),
        ({"url": "http://", "work": "w"}, "http://"),
        ({"url": "http://{ip", "work": "w"}, "write a label as"),
        ({"url": "http://u:{p}@h/", "work": "w"}, "user and password"),
        ({"url": "http://h/"}, "neither work nor sli"),
        ({"url": "http://h/", "work": 'w{code="200"}'}, "without labels"),
        ({"url": "http://h/", "work": "w", "slo": 3}, "belong to sli"),
        ({"url": "http://h/", "sli": "s", "work_labels": {"a": "b"}}, "belong to work"),
        ({"url": "http://h/", "sli": "s", "slo": 0}, "above 0"),
        ({"url": "http://h/", "sli": "s", "slo": "200ms"}, "name of a metric"),
        ({"url": "http://h/", "work": "w", "work_labels": {"a": "("}}, "regular expression"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields, says):
    with pytest.raises(ValidationError, match=says):
        WorkEndpoint(**fields)


def test_pages_are_read_on_a_thread_of_their_own():
    assert TaskWorkCollector([WorkEndpoint("http://h/", "work")]).blocking
