"""The page of metrics: what it shows, to whom, and when it shows nothing."""

import threading

import pytest

from wca.errors import ValidationError
from wca.http import Request
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.metrics.vocabulary import Names
from wca.storage import PrometheusStorage
from wca.storage.outlet import Outlet
from wca.storage.prometheus import PagePath
from wca.telemetry import Telemetry
from wca.testing import FakeClock, StorageContract, check_exposition, check_openmetrics

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"


def ask(storage, accept="", **headers):
    (route,) = storage.routes()
    return route.respond(Request("GET", route.path, {}, {"accept": accept, **headers}))


def text_of(storage, accept=""):
    response = ask(storage, accept)
    assert response.status == 200
    text = response.body.decode()
    checked = check_openmetrics if "openmetrics" in response.content_type else check_exposition
    assert checked(text) == []
    return text


def batch(*series, values=None, timestamp=5.0):
    made = Batch(timestamp)
    made.add(series, values or [1] * len(series))
    return made


class TestPrometheusStorageKeepsTheContract(StorageContract):
    def storage(self):
        return PrometheusStorage()


def test_before_the_first_measurement_there_is_no_page():
    response = ask(PrometheusStorage())
    assert response.status == 503
    assert b"nothing has been measured yet" in response.body


def test_the_last_measurement_is_shown():
    storage = PrometheusStorage()
    storage.store([Metric("a", 1), Metric("b", 1)])
    storage.store([Metric("b", 2)])
    assert text_of(storage) == "b 2\n"


def test_an_empty_measurement_is_an_empty_page():
    storage = PrometheusStorage()
    storage.store([])
    assert text_of(storage) == ""
    assert text_of(storage, "application/openmetrics-text") == "# EOF\n"


def test_the_usual_page_is_metrics():
    assert [route.path for route in PrometheusStorage().routes()] == ["/metrics"]
    assert [route.path for route in PrometheusStorage(path="/a/b").routes()] == ["/a/b"]


@pytest.mark.parametrize("path", ["", "metrics", "/", "/a b", "/a?b", "/é", "/a%20", None, 5])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValidationError, match="a path such as /metrics"):
        PagePath().check(path)


def test_names_are_those_of_prometheus_unless_others_are_asked_for():
    metrics = [Metric("task_cpu_usage", 5, {"task_id": "t"}, "counter")]
    texts = {}
    for names in Names:
        storage = PrometheusStorage(names=names)
        storage.store(metrics)
        texts[names] = text_of(storage)
    assert 'task_cpu_usage_total{task_id="t"} 5\n' in texts[Names.PROMETHEUS]
    assert 'task_cpu_usage{task_id="t"} 5\n' in texts[Names.WCA]


def test_labels_of_tasks_can_be_chosen():
    labels = {"task_id": "t", "team": "x", "cpus": "2"}
    block = (Series("task_up", labels, "gauge", granularity="task"),)
    for task_labels, expected in [
        (None, 'task_up{task_id="t"} 1'),
        (["team"], 'task_up{task_id="t",team="x"} 1'),
    ]:
        storage = PrometheusStorage(task_labels=task_labels)
        storage.store(batch(*block))
        assert expected in text_of(storage)


def test_choosing_labels_where_all_are_kept_is_refused():
    with pytest.raises(ValidationError, match="task_labels"):
        PrometheusStorage(names=Names.WCA, task_labels=["a"])


def test_a_measurement_that_is_too_old_is_not_shown_as_new():
    clock = FakeClock()
    storage = PrometheusStorage(max_age=60.0, clock=clock)
    storage.store([Metric("a", 1)])
    clock.advance(60.0)
    assert ask(storage).status == 200
    clock.advance(1.0)
    assert ask(storage).status == 503
    assert b"61 s old" in ask(storage).body
    storage.store([Metric("a", 2)])
    assert ask(storage).status == 200


def test_a_closed_storage_shows_nothing():
    storage = PrometheusStorage()
    storage.store([Metric("a", 1)])
    storage.close()
    assert ask(storage).status == 503


def test_storing_writes_nothing_out():
    class Unread(dict):
        def items(self):
            raise AssertionError("the loop's thread wrote labels")

    PrometheusStorage().store([Metric("a", 1, Unread(x="y"))])


def test_a_measurement_is_written_once_in_each_format():
    class Counted(dict):
        reads = 0

        def items(self):
            type(self).reads += 1
            return super().items()

    storage = PrometheusStorage(names=Names.WCA)
    storage.store([Metric("a", 1, Counted(x="y"))])
    bodies = [ask(storage, accept).body for accept in ("", "", "application/openmetrics-text")]
    assert bodies[0] is bodies[1]
    assert Counted.reads == 2


def test_what_prometheus_would_refuse_is_left_out_counted_and_logged_once(caplog):
    storage = PrometheusStorage()
    for _ in range(3):
        storage.store([Metric("a", 1), Metric("bad-name", 1)])
        for accept in ("", "application/openmetrics-text"):
            assert "a 1\n" in text_of(storage, accept)
    storage.store([Metric("a", 1)])
    assert storage.rejected == 3  # once for each measurement, not for each format
    (warning,) = caplog.records
    assert "bad-name" in warning.getMessage()


def test_what_was_left_out_of_a_page_is_dropped_in_the_books():
    storage = PrometheusStorage()
    outlet = Outlet(storage, "metrics_storage", Telemetry())
    outlet.put([Metric("a", 1), Metric("bad-name", 1)])
    text_of(storage)
    outlet.put([Metric("a", 1), Metric("bad-name", 1)])
    account = outlet.ledger.account
    assert (account.delivered, account.dropped) == (3, {"rejected": 1})


def test_what_was_left_out_is_counted_in_full_when_the_next_measurements_are_small():
    storage = PrometheusStorage()
    outlet = Outlet(storage, "page", Telemetry())
    outlet.put([Metric(f"not a name {number}", 1) for number in range(10)])
    text_of(storage)
    for _ in range(4):
        outlet.put([Metric("a", 1)] * 4)
    account = outlet.ledger.account
    assert account.dropped == {"rejected": 10}
    assert account.delivered == account.collected - 10


def test_the_loop_does_not_wait_for_a_scrape():
    entered, leave = threading.Event(), threading.Event()

    class Slow(dict):
        def items(self):
            entered.set()
            leave.wait(10)
            return super().items()

    storage = PrometheusStorage(names=Names.WCA)
    storage.store([Metric("a", 1, Slow(x="y"))])
    scrape = threading.Thread(target=lambda: ask(storage))
    scrape.start()
    assert entered.wait(10)
    storage.store([Metric("b", 2)])  # would hang here
    leave.set()
    scrape.join()
    assert text_of(storage) == "b 2\n"


def test_a_scrape_sees_one_measurement_or_the_next_and_never_both():
    storage = PrometheusStorage(names=Names.WCA)
    series = tuple(Series("a", {"i": str(i)}) for i in range(500))
    storage.store(batch(*series, values=[0] * 500))
    mixed, stop = [], threading.Event()

    def scrape():
        while not stop.is_set():
            values = {line.rpartition(" ")[2] for line in ask(storage).body.decode().splitlines()}
            if len(values) != 1:
                mixed.append(values)

    threads = [threading.Thread(target=scrape) for _ in range(3)]
    for thread in threads:
        thread.start()
    for value in range(200):
        storage.store(batch(*series, values=[value] * 500))
    stop.set()
    for thread in threads:
        thread.join()
    assert mixed == []


#: What Prometheus itself says, version 2 and 3.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
    "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/*;q=0.5", TEXT),
        ("text/html, */*;q=0.1", TEXT),
        ("image/png", TEXT),
        ("nonsense", TEXT),
        (";;;,,q=", TEXT),
        ("text/plain;q=0, application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0", OPENMETRICS),
        ("application/*", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        (
            "application/openmetrics-text;version=2.0.0,application/openmetrics-text;q=0.1",
            OPENMETRICS,
        ),
        ("application/openmetrics-text;q=0.1, text/plain;q=0.9", TEXT),
        ("application/openmetrics-text;q=0.9, text/plain;q=0.1", OPENMETRICS),
        ("text/plain, application/openmetrics-text", TEXT),
        ("application/openmetrics-text, text/plain", OPENMETRICS),
        ("application/openmetrics-text;q=0, */*", TEXT),
        ("text/plain;q=0, */*", OPENMETRICS),
        ("application/vnd.google.protobuf, text/plain;q=0.3", TEXT),
        ("APPLICATION/OpenMetrics-Text; VERSION=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;q=7, text/plain;q=0.1", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS.replace("underscores", "allow-utf-8")),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            "text/plain;version=1.0.0",
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            "application/openmetrics-text;escaping=values",
            OPENMETRICS.replace("underscores", "values"),
        ),
        ("application/openmetrics-text;escaping=dots", OPENMETRICS),
        ("application/openmetrics-text;escaping=magic", OPENMETRICS),
        ("text/plain;version=0.0.4;escaping=allow-utf-8", TEXT),
        # A browser, curl, Telegraf, vmagent
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", TEXT),
        ("application/openmetrics-text, */*", OPENMETRICS),
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT),
    ],
)
def test_the_format_is_what_the_scraper_prefers(accept, expected):
    storage = PrometheusStorage()
    storage.store([Metric("a", 1)])
    response = ask(storage, accept)
    assert response.content_type == expected
    assert response.body.endswith(b"# EOF\n") == ("openmetrics" in expected)
