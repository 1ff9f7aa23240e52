"""OTLPStorage in front of a receiver that keeps what it is sent."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from tests.http_receiver import Reply
from tests.storage.push_parts import decode_otlp, points_of, settled, until
from wca.components import load_registry
from wca.config import load_config
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.storage import OTLPStorage
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.delivery.options import DeliveryMode
from wca.storage.http_client import Answer
from wca.storage.otlp import judge_export
from wca.testing import StorageContract
from wca.version import __version__

QUICK = {"first_retry": 0.02, "longest_retry": 0.05}


@pytest.fixture
def storages():
    made = []

    def make(receiver, **options):
        options = {"queue": QUICK, "host": "node-1", **options}
        made.append(OTLPStorage(f"{receiver.url}/v1/metrics", **options))
        return made[-1]

    yield make
    for storage in made:
        storage.close(0.1)


def batch(value=1, tasks="ab", time=1.7e9):
    return [
        Metric("task_ticks", value, {"task_id": task}, "counter", "Help.", "ticks", timestamp=time)
        for task in tasks
    ]


def partial(rejected, message=""):
    success = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    return ExportMetricsServiceResponse(partial_success=success).SerializeToString()


def points(request):
    return [point for one in decode_otlp(request.content)[1] for point in points_of(one)]


class TestRequests:
    def test_requests_are_protobuf_over_http_with_gzip(self, receiver, storages):
        storage = storages(receiver)
        storage.store(batch())
        settled(storage)
        (request,) = receiver.requests
        assert (request.method, request.path) == ("POST", "/v1/metrics")
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["content-encoding"] == "gzip"
        assert len(points(request)) == 2

    def test_they_are_plain_on_demand(self, receiver, storages):
        storage = storages(receiver, compression="none")
        storage.store(batch())
        settled(storage)
        assert "content-encoding" not in receiver.requests[0].headers
        assert len(points(receiver.requests[0])) == 2

    def test_the_resource_says_who_and_where_the_agent_is(self, receiver, storages):
        storage = storages(receiver, resource_attributes={"deployment.environment": "test"})
        storage.store(batch())
        settled(storage)
        resource, _ = decode_otlp(receiver.bodies[0])
        assert resource == {
            "service.name": "wca",
            "service.version": __version__,
            "service.instance.id": "node-1",
            "host.name": "node-1",
            "deployment.environment": "test",
        }

    def test_names_are_those_of_prometheus_by_default(self, receiver, storages):
        storage = storages(receiver)
        storage.store(batch(100))
        settled(storage)
        (metric,) = decode_otlp(receiver.bodies[0])[1]
        assert (metric.name, metric.unit) == ("task_seconds_total", "s")
        assert metric.sum.data_points[0].as_double == 1.0

    def test_samples_of_a_batch_are_spread_over_requests(self, receiver, storages):
        storage = storages(receiver, max_samples=10)
        storage.store(batch(tasks=[str(i) for i in range(25)]))
        settled(storage)
        assert [len(points(one)) for one in receiver.requests] == [10, 10, 5]

    def test_all_series_end_when_the_storage_is_closed(self, receiver, storages):
        storage = storages(receiver)
        storage.store(batch())
        storage.close(10.0)
        assert [point.flags for point in points(receiver.requests[-1])] == [1, 1]


class TestAnswers:
    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_it_is_sent_again_until_the_receiver_takes_it(self, receiver, storages, status):
        receiver.reply(Reply(status), Reply(status), Reply())
        storage = storages(receiver)
        storage.store(batch())
        assert settled(storage).delivered == 2
        assert len(receiver.requests) == 3

    @pytest.mark.parametrize("status", [400, 401, 404, 500, 501])
    def test_what_is_refused_is_not_sent_again(self, receiver, storages, status, caplog):
        receiver.reply(Reply(status, body=b"bad words"))
        storage = storages(receiver)
        storage.store(batch())
        assert settled(storage).dropped == {"refused": 2}
        assert len(receiver.requests) == 1
        assert "bad words" in caplog.text

    def test_of_a_partial_success_the_rest_is_delivered(self, receiver, storages, caplog):
        receiver.reply(Reply(body=partial(1, "one is odd")))
        storage = storages(receiver)
        storage.store(batch(tasks="abc"))
        account = settled(storage)
        assert (account.delivered, account.dropped) == (2, {"refused": 1})
        assert "one is odd" in caplog.text

    def test_everything_arrives_when_the_receiver_has_been_away(self, receiver, storages):
        receiver.reply(Reply(503))
        storage = storages(receiver)
        for step in range(10):
            storage.store(batch(step, time=1.7e9 + step))
        until(lambda: storage.failing)
        receiver.reply(Reply())
        assert settled(storage).delivered == 20

    def test_a_storage_that_blocks_waits_for_the_answer(self, receiver, storages):
        storage = storages(receiver, delivery=DeliveryMode.BLOCKING, queue=None)
        storage.store(batch())
        assert len(receiver.requests) == 1


class TestJudge:
    PARCEL = Parcel(b"", 10, 0.0)

    def judge(self, status, body=b""):
        return judge_export(self.PARCEL, Answer("http://there", status, {}, body, 5.0))

    @pytest.mark.parametrize("status", [429, 502, 503, 504, 302])
    def test_what_may_pass_is_retried(self, status):
        outcome = self.judge(status)
        assert isinstance(outcome, Unavailable)
        assert outcome.retry_after == 5.0

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 415, 500, 501])
    def test_everything_else_is_refused(self, status):
        assert self.judge(status).lost(self.PARCEL) == 10

    @pytest.mark.parametrize("body", [b"", partial(0), partial(0, "a warning"), partial(-3)])
    def test_success_without_rejected_points_is_success(self, body):
        assert self.judge(200, body) is None

    @pytest.mark.parametrize("body", [b"{}", b"\xff", b"\x0a\x02\xff\xff", b"<html>", b"\x08\x05"])
    def test_an_answer_that_is_no_message_is_success_too(self, body):
        assert self.judge(200, body) is None

    def test_more_rejected_points_than_were_sent_are_all_of_them(self):
        outcome = self.judge(200, partial(99, "a\nb\x00" + "c" * 1000))
        assert isinstance(outcome, Refused)
        assert outcome.lost(self.PARCEL) == 10
        assert "99 data points: a b" in outcome.reason
        assert len(outcome.reason) < 400


class TestConfiguration:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"auth": {"token": "with space"}}, "token"),
            ({"url": "http://user:pw@host/v1/metrics"}, "user name or a password"),
            ({"headers": {"Host": "x"}}, "set by the agent itself"),
        ],
    )
    def test_what_cannot_work_is_refused(self, options, words):
        with pytest.raises(ValidationError, match=words):
            OTLPStorage(**options)

    def test_it_is_built_from_yaml(self, tmp_path):
        file = tmp_path / "config.yaml"
        file.write_text(
            "runner: !MeasurementRunner\n"
            "  node: !StaticNode\n"
            "    tasks: []\n"
            "  metrics_storage: !OTLPStorage\n"
            "    resource_attributes: {deployment.environment: test}\n"
            "    compression: none\n"
        )
        file.chmod(0o600)
        assert callable(load_config(str(file), load_registry()).runner.run)


class TestContract(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, distant_receiver):
        self.url = f"{distant_receiver}/v1/metrics"

    def storage(self):
        return OTLPStorage(self.url, queue=QUICK)

    def failing_storage(self):
        return OTLPStorage("http://127.0.0.1:1/v1/metrics", queue=QUICK)


class TestContractOfAStorageThatBlocks(TestContract):
    def storage(self):
        return OTLPStorage(self.url, delivery="blocking")

    def failing_storage(self):
        return OTLPStorage("http://127.0.0.1:1/v1/metrics", delivery="blocking")


class TestContractOfAStorageWithASpool(TestContract):
    @pytest.fixture(autouse=True)
    def disk(self, spool_options):
        self.spool = spool_options

    def storage(self):
        return OTLPStorage(self.url, queue=QUICK, spool=self.spool())

    def failing_storage(self):
        return OTLPStorage("http://127.0.0.1:1/v1/metrics", queue=QUICK, spool=self.spool())


@pytest.mark.parametrize("name", ["content-encoding", "Content-Type"])
def test_a_header_that_would_contradict_the_body_is_refused(name):
    with pytest.raises(ValidationError, match=f"headers: {name} is set by the agent itself"):
        OTLPStorage(headers={name: "br"})
