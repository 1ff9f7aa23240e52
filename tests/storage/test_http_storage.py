"""HTTPStorage and a real web service on loopback."""

import json
import math
import socket
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.http_receiver import Reply
from tests.storage.delivery_parts import balanced
from wca.components import load_registry
from wca.config import load_config
from wca.errors import ConfigLoadError, FailedDeliveryException, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage import HTTPStorage
from wca.testing import StorageContract

ROOT = Path(__file__).parents[2]
QUICK = {"first_retry": 0.02, "longest_retry": 0.05}


def up(value=1, **labels):
    return Metric("task_up", value, labels, "gauge", "1 for every task.", timestamp=1560541957.165)


@pytest.fixture
def storages():
    """Makes storages, and closes them."""
    made = []

    def make(receiver, **options):
        options = {"queue": QUICK, **options}
        made.append(HTTPStorage(getattr(receiver, "url", receiver), **options))
        made[-1].start()
        return made[-1]

    yield make
    for storage in made:
        storage.close(5.0)


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def absent():
    """The URL of a receiver that is not there."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}"


# What is posted


def test_by_default_values_by_name_are_posted_as_in_the_documentation(receiver, storages):
    storage = storages(receiver)
    storage.store([Metric("wca_up", 1560541957.1652732), Metric("wca_tasks", 0)])
    storage.close(5.0)
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"wca_up": 1560541957.1652732, "wca_tasks": 0}


def test_the_endpoint_of_the_documentation_is_the_default():
    storage = HTTPStorage()
    assert storage.http_endpoint == "http://127.0.0.1:8000"
    storage.close(1.0)


def test_series_are_posted_whole(receiver, storages):
    storage = storages(receiver, format="series")
    storage.store([up(task_id="a"), up(math.nan, task_id="b")])
    storage.close(5.0)
    (document,) = map(json.loads, receiver.bodies)
    assert [one["labels"] for one in document] == [{"task_id": "a"}, {"task_id": "b"}]
    assert [one["value"] for one in document] == [1, "NaN"]
    assert {one["timestamp"] for one in document} == {1560541957.165}


def test_messages_are_compressed_on_demand(receiver, storages):
    storage = storages(receiver, format="series", compression="gzip")
    storage.store([up(task_id=str(number)) for number in range(1000)])
    storage.close(5.0)
    (request,) = receiver.requests
    assert request.headers["content-encoding"] == "gzip"
    assert len(request.body) < len(request.content) / 5
    assert len(json.loads(request.content)) == 1000


def test_no_message_is_longer_than_the_bound(receiver, storages):
    storage = storages(receiver, format="series", max_body=2048)
    storage.store([up(number, task_id=str(number)) for number in range(500)])
    storage.close(5.0)
    assert max(map(len, receiver.bodies)) <= 2048
    samples = [one["value"] for body in receiver.bodies for one in json.loads(body)]
    assert samples == list(range(500))


def test_an_empty_batch_is_no_message(receiver, storages):
    storage = storages(receiver)
    storage.store([])
    storage.close(5.0)
    assert receiver.requests == []


def test_names_of_another_vocabulary(receiver, storages):
    storage = storages(receiver, names="prometheus")
    storage.store([Metric("task_cpu_seconds", 1.5, {"task_id": "t"}, "counter")])
    storage.close(5.0)
    (name,) = json.loads(receiver.bodies[0])
    assert name.endswith("_total")


def test_what_has_no_place_in_a_document_is_counted(receiver, storages):
    storage = storages(receiver)
    storage.store([up(1, cpu="0"), up(2, cpu="1"), Metric("x", math.nan)])
    storage.close(5.0)
    assert storage.rejected == 2
    account = balanced(storage.ledger)
    assert (account.collected, account.delivered, account.dropped) == (3, 1, {"rejected": 2})


def test_a_batch_of_the_loop_needs_no_metric_of_each_sample(receiver, storages):
    storage = storages(receiver, format="series")
    series = tuple(Series("a", {"i": str(number)}) for number in range(3))
    for time_ in (1.0, 2.0):
        batch = Batch(time_)
        batch.add(series, [1.0, 2.0, 3.0])
        storage.store(batch)
    storage.close(5.0)
    posted = [[one["timestamp"] for one in json.loads(body)] for body in receiver.bodies]
    assert posted == [[1.0] * 3, [2.0] * 3]


# Queued


def test_store_returns_at_once_though_the_service_never_answers(receiver, storages):
    receiver.reply(Reply(delay=30.0))
    storage = storages(receiver, timeout=10.0)
    begin = time.monotonic()
    for _ in range(20):
        storage.store([up()])
    assert time.monotonic() - begin < 5.0
    wait_for(lambda: receiver.requests)
    begin = time.monotonic()
    storage.close(0.5)
    assert time.monotonic() - begin < 5.0
    balanced(storage.ledger)


def test_all_series_arrive_when_the_service_has_been_away(receiver, storages):
    receiver.reply(Reply(503, {"Retry-After": "0"}))
    storage = storages(receiver, format="series")
    for value in range(10):
        storage.store([up(value)])
    wait_for(lambda: len(receiver.requests) > 3)
    assert "503 Service Unavailable" in storage.failing
    receiver.reply(Reply())
    wait_for(lambda: storage.waiting.parcels == 0)
    assert storage.failing is None
    arrived = [json.loads(body)[0]["value"] for body in receiver.bodies]
    assert list(dict.fromkeys(arrived)) == list(range(10))
    account = balanced(storage.ledger)
    assert (account.delivered, account.dropped) == (10, {})


def test_of_values_only_the_newest_arrive_when_the_service_has_been_away(receiver, storages):
    receiver.reply(Reply(503))
    storage = storages(receiver)
    storage.store([up(0)])
    wait_for(lambda: storage.failing)
    for value in range(1, 10):
        storage.store([up(value)])
    receiver.reply(Reply())
    wait_for(lambda: storage.waiting.parcels == 0)
    account = balanced(storage.ledger)
    assert set(account.dropped) == {"merged"}
    assert account.delivered <= 3
    assert json.loads(receiver.bodies[-1]) == {"task_up": 9}


def test_what_the_service_refuses_is_given_up_with_its_reason(receiver, storages, caplog):
    receiver.reply(Reply(413), Reply(400, body=b"no such thing"), Reply())
    storage = storages(receiver, format="series")
    for value in range(3):
        storage.store([up(value)])
        wait_for(lambda: storage.waiting.parcels == 0)
    account = balanced(storage.ledger)
    assert account.dropped == {"too_large": 1, "refused": 1}
    assert account.delivered == 1
    assert "answers 400 Bad Request: no such thing" in caplog.text


def test_what_waits_on_disk_outlives_the_storage(receiver, storages, absent, tmp_path):
    spool = {"path": str(tmp_path / "http.spool")}
    first = storages(absent, format="series", spool=spool)
    first.store([up(7)])
    first.close(0.2)
    second = storages(receiver, format="series", spool=spool)
    wait_for(lambda: receiver.requests)
    second.close(5.0)
    assert json.loads(receiver.bodies[0])[0]["value"] == 7
    account = balanced(second.ledger)
    assert (account.recovered, account.delivered) == (1, 1)


# Blocking


def test_blocking_returns_when_it_is_delivered(receiver, storages):
    storage = storages(receiver, delivery="blocking", queue=None)
    storage.store([up(5)])
    assert json.loads(receiver.bodies[0]) == {"task_up": 5}
    assert balanced(storage.ledger).delivered == 1


@pytest.mark.parametrize("status", [400, 503])
def test_blocking_raises_what_went_wrong(receiver, storages, status):
    storage = storages(receiver, delivery="blocking", queue=None)
    receiver.reply(Reply(status, body=b"because"), Reply())
    with pytest.raises(FailedDeliveryException, match=f"{receiver.url} answers {status} .*: becau"):
        storage.store([up()])
    storage.store([up()])
    account = balanced(storage.ledger)
    assert account.delivered == sum(account.dropped.values()) == 1


def test_blocking_says_that_nobody_is_there(storages, absent):
    storage = storages(absent, delivery="blocking", queue=None)
    with pytest.raises(FailedDeliveryException, match=f"^{absent}: connection refused$"):
        storage.store([up()])


# In a configuration


def load(tmp_path, fields, specs=()):
    path = tmp_path / "config.yaml"
    path.write_text(
        "runner: !MeasurementRunner\n  node: !StaticNode\n    tasks: []\n"
        "  metrics_storage: !HTTPStorage\n" + textwrap.indent(textwrap.dedent(fields), "    ")
    )
    path.chmod(0o600)
    return load_config(str(path), registry=load_registry(specs))


def test_the_example_of_the_documentation_wins_over_the_built_in(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    for name in ("http_store", "http_storage"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = load_registry(["http_store:HTTPStorage"]).find("HTTPStorage")
    assert found.place == "http_storage:HTTPStorage"
    assert load_registry().find("HTTPStorage").place == "wca.storage.http:HTTPStorage"


def test_the_fields_of_a_file_and_nothing_secret_in_what_is_printed(tmp_path):
    loaded = load(
        tmp_path,
        """
        http_endpoint: http://127.0.0.1:8000/in
        format: series
        compression: gzip
        max_body: 1MiB
        timeout: 500ms
        headers: {X-Key: secret-key}
        auth: {username: me, password: secret-password}
        proxy: http://me:secret-proxy@127.0.0.1:3128
        ssl: !SSL
        queue: {max_age: 1h, order: newest}
        names: prometheus
        """,
    )
    assert isinstance(loaded.runner.metrics_storage, HTTPStorage)
    assert "secret" not in loaded.tree


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("format: xml", "did you mean|expected"),
        ("auth: {password: secret}", "auth: write username and password, or token, or token_file"),
        ("auth: {token: 'secret secret'}", "auth: the token is no token"),
        ("http_endpoint: http://me:secret@h/", "write them as username and password of auth"),
        ("headers: {Host: secret-host}", "headers: Host is set by the agent itself"),
        ("headers: {Content-encoding: br}", "headers: Content-encoding is set by the agent"),
        ("max_body: 10", "max_body: expected a size"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_without_secrets(tmp_path, fields, message):
    with pytest.raises(ConfigLoadError, match=message) as caught:
        load(tmp_path, fields)
    if "me:" not in fields:  # an address is no secret: what is refused is quoted
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_endpoint": "http://me:secret@host/"}, "write them as username and password"),
        ({"http_endpoint": "host:8000"}, "expected an address"),
        ({"auth": {"token": "secret", "username": "me"}}, "write username and password, or token"),
        ({"format": "xml"}, "xml"),
        ({"compression": "zip"}, "zip"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(options, message):
    with pytest.raises((ValidationError, ValueError), match=message) as caught:
        HTTPStorage(**options)
    assert "secret" not in str(caught.value)


class TestHTTPStorageWithValues(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, distant_receiver, absent):
        self.url, self.absent = distant_receiver, absent

    def storage(self):
        return HTTPStorage(self.url, queue=QUICK)

    def failing_storage(self):
        return HTTPStorage(self.absent, queue=QUICK)


class TestHTTPStorageWithSeries(TestHTTPStorageWithValues):
    def storage(self):
        return HTTPStorage(self.url, format="series", compression="gzip", queue=QUICK)


class TestHTTPStorageWithASpool(TestHTTPStorageWithValues):
    @pytest.fixture(autouse=True)
    def disk(self, spool_options):
        self.spool = spool_options

    def storage(self):
        return HTTPStorage(self.url, format="series", queue=QUICK, spool=self.spool())

    def failing_storage(self):
        return HTTPStorage(self.absent, queue=QUICK, spool=self.spool(survives="power_cut"))


class TestHTTPStorageThatBlocks(TestHTTPStorageWithValues):
    def storage(self):
        return HTTPStorage(self.url, delivery="blocking")

    def failing_storage(self):
        return HTTPStorage(self.absent, delivery="blocking")
