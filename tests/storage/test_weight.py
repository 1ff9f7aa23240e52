"""What a storage weighs is what it writes or sends."""

import io

import pytest

from tests.http_receiver import Receiver
from wca.http.api import Request
from wca.metrics import Metric
from wca.storage import LogStorage, PrometheusStorage
from wca.storage.emf import EmfStorage
from wca.storage.http import HTTPStorage
from wca.storage.kafka import KafkaStorage
from wca.storage.otlp import OTLPStorage
from wca.storage.remote_write import RemoteWriteStorage
from wca.testing.clock import FakeClock

NOW = 1_700_000_000.0


def batch(tasks=3, at=NOW):
    return [
        Metric(
            name, number * 1.5, {"task_id": f"task-{number}", "host": "h"}, "gauge", timestamp=at
        )
        for number in range(tasks)
        for name in ("task_up", "task_mem_usage_bytes")
    ]


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_text_in_a_file(tmp_path, overwrite):
    path = tmp_path / "metrics"
    storage = LogStorage(str(path), overwrite=overwrite)
    weight = storage.weigh(batch())
    assert not path.exists()
    storage.store(batch())
    assert (weight.samples, weight.size) == (6, path.stat().st_size)
    storage.close()


def test_an_empty_batch_has_no_weight(tmp_path):
    weight = LogStorage(str(tmp_path / "metrics")).weigh([])
    assert (weight.samples, weight.size) == (0, 0)


def test_of_a_page():
    storage = PrometheusStorage()
    weight = storage.weigh(batch())
    (route,) = storage.routes()
    assert route.respond(Request("GET", "/metrics", {}, {})).status == 503  # nothing is shown
    storage.store(batch())
    page = route.respond(Request("GET", "/metrics", {}, {}))
    assert (weight.samples, weight.size) == (6, len(page.body))
    assert weight.fetched


def test_of_lines_of_embedded_metrics():
    stream = io.BytesIO()
    storage = EmfStorage("Tests", stream=stream, clock=FakeClock(NOW))
    weight = storage.weigh(batch())
    assert stream.getvalue() == b""
    storage.store(batch())
    assert (weight.samples, weight.size) == (6, len(stream.getvalue()))


@pytest.mark.parametrize(
    "make",
    [
        lambda url: HTTPStorage(url, "series", delivery="blocking"),
        lambda url: HTTPStorage(url, "series", compression="gzip", delivery="blocking"),
        lambda url: RemoteWriteStorage(url, delivery="blocking"),
        lambda url: OTLPStorage(url + "/v1/metrics", delivery="blocking"),
    ],
)
def test_of_what_is_posted(make):
    with Receiver() as receiver:
        storage = make(receiver.url)
        before = storage.weigh(batch(at=NOW))
        assert receiver.requests == []
        storage.store(batch(at=NOW + 1))
        again = storage.weigh(batch(at=NOW + 2))
        storage.close()
        sent = sum(len(one.body) for one in receiver.requests)
    assert before.samples == again.samples == 6
    # Once the target knows the series, a request may be shorter, or longer by what it has learned.
    assert sent == pytest.approx(before.size, rel=0.05) or sent == pytest.approx(
        again.size, rel=0.05
    )


def test_of_records_as_their_client_compresses_them():
    plain = KafkaStorage("topic", compression="none").weigh(batch(200))
    packed = KafkaStorage("topic").weigh(batch(200))
    other = KafkaStorage("topic", compression="zstd").weigh(batch(200))
    assert plain.samples == packed.samples == 400
    assert packed.size < plain.size / 5
    assert (other.size, other.form) == (plain.size, f"{plain.form}, before compression")


def test_nothing_that_is_weighed_is_in_the_books():
    storage = HTTPStorage("http://127.0.0.1:1", "series")
    storage.weigh(batch())
    assert storage.ledger.account.collected == 0
    assert storage.waiting.parcels == 0
