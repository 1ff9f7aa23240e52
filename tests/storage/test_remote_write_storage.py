"""RemoteWriteStorage in front of a receiver that keeps what it is sent."""

import time

import pytest

from tests.http_receiver import Receiver, Reply
from tests.storage.push_parts import STALE, decode_v1, decode_v2, settled, until
from wca.components import load_registry
from wca.config import load_config
from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Metric
from wca.storage import RemoteWriteStorage
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.delivery.options import DeliveryMode, Order
from wca.storage.http_client import Answer
from wca.storage.remote_write import judge_v1, judge_v2
from wca.testing import StorageContract
from wca.version import __version__

WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"
QUICK = {"first_retry": 0.02, "longest_retry": 0.05}


@pytest.fixture
def storages():
    made = []

    def make(receiver, **options):
        options = {"queue": QUICK, **options}
        made.append(RemoteWriteStorage(f"{receiver.url}/api/v1/write", **options))
        return made[-1]

    yield make
    for storage in made:
        storage.close(0.1)


def batch(value=1, tasks="ab", time=1.7e9):
    return [
        Metric("task_up", value, {"task_id": task}, "gauge", "Help.", timestamp=time)
        for task in tasks
    ]


def values_of(request, decode=decode_v1):
    return [value for _, value, _ in decode(request.body)[0]]


class TestRequests:
    def test_headers_of_version_1(self, receiver, storages):
        storage = storages(receiver)
        storage.store(batch())
        settled(storage)
        for request in receiver.requests:
            assert (request.method, request.path) == ("POST", "/api/v1/write")
            assert request.headers["content-encoding"] == "snappy"
            assert request.headers["content-type"] == "application/x-protobuf"
            assert request.headers["x-prometheus-remote-write-version"] == "0.1.0"
            assert request.headers["user-agent"] == f"wca/{__version__}"

    def test_headers_of_version_2(self, receiver, storages):
        receiver.reply(Reply(204, {WRITTEN: "2"}))
        storage = storages(receiver, version=2.0)
        storage.store(batch())
        assert settled(storage).delivered == 2
        (request,) = receiver.requests
        assert request.headers["content-type"] == (
            "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        )
        assert request.headers["x-prometheus-remote-write-version"] == "2.0.0"

    def test_headers_of_the_user_and_authentication_are_sent(self, receiver, storages):
        storage = storages(receiver, headers={"X-Scope-OrgID": "tenant"}, auth={"token": "abcd"})
        storage.store(batch())
        settled(storage)
        assert receiver.requests[0].headers["x-scope-orgid"] == "tenant"
        assert receiver.requests[0].headers["authorization"] == "Bearer abcd"

    def test_samples_of_a_batch_are_spread_over_requests(self, receiver, storages):
        storage = storages(receiver, max_samples=10)
        storage.store(batch(tasks=[str(i) for i in range(25)]))
        settled(storage)
        assert [len(values_of(one)) for one in receiver.requests] == [10, 10, 5, 0]

    def test_an_empty_batch_is_no_request(self, receiver, storages):
        storage = storages(receiver)
        storage.store([])
        storage.close(5.0)
        assert receiver.requests == []

    def test_what_cannot_be_written_is_counted(self, receiver, storages):
        storage = storages(receiver)
        storage.store([*batch(), Metric("bad", 1, {"a-b": "x"}), Metric("bad", None)])
        account = settled(storage)
        assert (storage.rejected, account.delivered, account.dropped) == (2, 2, {"rejected": 2})


class TestEnds:
    @pytest.mark.parametrize(("version", "decode"), [(1.0, decode_v1), (2.0, decode_v2)])
    def test_a_series_that_is_missing_is_marked(self, receiver, storages, version, decode):
        receiver.reply(Reply(204, {WRITTEN: "2"}))
        storage = storages(receiver, version=version)
        storage.store(batch(tasks="abc"))
        storage.store(batch(tasks="ab", time=1.7e9 + 1))
        settled(storage)
        found = [decode(request.body)[0] for request in receiver.requests]
        ended = [one for series in found for one in series if one[1] == STALE]
        assert ended == [((("__name__", "task_up"), ("task_id", "c")), STALE, 1_700_000_001_000)]

    def test_all_series_are_marked_when_the_storage_is_closed(self, receiver, storages):
        storage = storages(receiver)
        storage.store(batch())
        storage.close(10.0)
        assert values_of(receiver.requests[-1]) == [STALE, STALE]
        count = len(receiver.requests)
        storage.close(10.0)
        assert len(receiver.requests) == count

    def test_closing_keeps_its_deadline_without_a_receiver(self, storages):
        with Receiver() as gone:
            pass
        storage = storages(gone)
        storage.store(batch())
        begin = time.monotonic()
        storage.close(0.3)
        assert time.monotonic() - begin < 5.0
        assert storage.ledger.account.dropped == {"closed": 2}

    def test_a_storage_that_blocks_marks_none_when_it_is_closed(self, receiver, storages):
        storage = storages(receiver, delivery=DeliveryMode.BLOCKING, queue=None)
        storage.store(batch())
        count = len(receiver.requests)
        storage.close(5.0)
        assert len(receiver.requests) == count


class TestAnswers:
    @pytest.mark.parametrize("status", [429, 500, 501, 503])
    def test_it_is_sent_again_until_the_receiver_takes_it(self, receiver, storages, status):
        receiver.reply(Reply(status), Reply(status), Reply(204))
        storage = storages(receiver)
        storage.store(batch())
        assert settled(storage).delivered == 2
        assert receiver.requests[0].body == receiver.requests[1].body == receiver.requests[2].body

    def test_it_waits_as_long_as_the_receiver_asks_for(self, receiver, storages):
        receiver.reply(Reply(503, {"Retry-After": "0.7"}), Reply(204))
        storage = storages(receiver)
        begin = time.monotonic()
        storage.store(batch())
        settled(storage)
        assert time.monotonic() - begin >= 0.7

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 415, 422])
    def test_what_is_refused_is_not_sent_again(self, receiver, storages, status, caplog):
        receiver.reply(Reply(status, body=b"out of order sample"), Reply(204))
        storage = storages(receiver)
        storage.store(batch())
        account = settled(storage)
        assert account.dropped == {"refused": 2}
        assert len(receiver.requests) == 2  # the second one is that of the metadata
        assert "out of order sample" in caplog.text

    def test_what_is_too_large_has_a_reason_of_its_own(self, receiver, storages):
        receiver.reply(Reply(413), Reply(204))
        storage = storages(receiver)
        storage.store(batch())
        assert settled(storage).dropped == {"too_large": 2}

    def test_requests_of_a_series_keep_their_order_while_the_receiver_is_away(
        self, receiver, storages
    ):
        receiver.reply(Reply(503))
        storage = storages(receiver)
        for step in range(10):
            storage.store(batch(step, time=1.7e9 + step))
        until(lambda: storage.failing)
        receiver.reply(Reply(204))
        settled(storage)
        times = [t for request in receiver.requests for _, _, t in decode_v1(request.body)[0]]
        taken = list(dict.fromkeys(times))
        assert taken == sorted(taken)
        assert len(taken) == 10

    def test_what_waits_on_disk_is_sent_by_the_next_agent_in_its_order(
        self, receiver, storages, tmp_path
    ):
        spool = {"path": str(tmp_path / "write.spool")}
        with Receiver() as gone:
            pass
        first = storages(gone, spool=spool)
        first.store(batch(1, time=time.time() - 2))
        first.store(batch(2, time=time.time() - 1))
        first.close(0.2)
        second = storages(receiver, spool=spool)
        second.store(batch(3, time=time.time()))
        account = settled(second)
        assert (account.recovered, account.delivered, account.dropped) == (4, 6, {})
        series = [one for request in receiver.requests for one in decode_v1(request.body)[0]]
        ours = [(bits_, when) for labels, bits_, when in series if labels[1] == ("task_id", "a")]
        assert [when for _, when in ours] == sorted(when for _, when in ours)
        # The first agent's farewell stands between its samples and those of the second.
        assert [value == STALE for value, _ in ours] == [False, False, True, False]

    def test_a_storage_that_blocks_says_what_is_wrong(self, receiver, storages):
        storage = storages(receiver, delivery=DeliveryMode.BLOCKING, queue=None)
        receiver.reply(Reply(503))
        with pytest.raises(FailedDeliveryException, match="503"):
            storage.store(batch())
        receiver.reply(Reply(204))
        storage.store(batch())
        assert storage.ledger.account.delivered == 2


def answer(status, **headers):
    names = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer("http://there/write", status, names, b"words", 5.0)


def written(status, count):
    return answer(status, **{WRITTEN.lower().replace("-", "_"): count})


class TestJudge:
    PARCEL = Parcel(b"", 10, 0.0)

    @pytest.mark.parametrize("judge", [judge_v1, judge_v2])
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 505, 599, 302])
    def test_what_may_pass_is_retried(self, judge, status):
        outcome = judge(self.PARCEL, answer(status))
        assert isinstance(outcome, Unavailable)
        assert outcome.retry_after == 5.0

    @pytest.mark.parametrize("status", [400, 401, 404, 415, 499])
    def test_version_1_takes_a_refusal_for_all_samples(self, status):
        assert judge_v1(self.PARCEL, written(status, "4")).lost(self.PARCEL) == 10

    def test_version_1_takes_success_as_it_is(self):
        assert judge_v1(self.PARCEL, answer(200)) is None

    def test_version_2_counts_what_was_written_of_a_refused_request(self):
        outcome = judge_v2(self.PARCEL, written(400, "4"))
        assert isinstance(outcome, Refused)
        assert outcome.lost(self.PARCEL) == 6
        assert "words" in outcome.reason

    def test_version_2_without_a_count_has_written_nothing(self):
        assert judge_v2(self.PARCEL, answer(400)).lost(self.PARCEL) == 10

    @pytest.mark.parametrize("count", ["10", "12"])
    def test_version_2_with_the_right_count_is_delivered(self, count):
        assert judge_v2(self.PARCEL, written(204, count)) is None

    @pytest.mark.parametrize(("count", "lost"), [("0", 10), ("7", 3)])
    def test_version_2_success_with_another_count_is_a_partial_one(self, count, lost):
        outcome = judge_v2(self.PARCEL, written(204, count))
        assert outcome.lost(self.PARCEL) == lost

    @pytest.mark.parametrize("count", ["", "-1", "x", "1" * 40])
    def test_a_receiver_of_version_1_is_found_out(self, count):
        outcome = judge_v2(self.PARCEL, written(200, count))
        assert outcome.lost(self.PARCEL) == 10
        assert outcome.reason.endswith("write version: 1.0")

    def test_markers_need_no_count(self):
        assert judge_v2(Parcel(b"", 0, 0.0), answer(204)) is None
        assert judge_v2(Parcel(b"", 0, 0.0), written(400, "3")).samples <= 0


class TestConfiguration:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"version": 1.5}, "write 1.0 or 2.0"),
            ({"queue": {"order": Order.NEWEST}}, "leave order out"),
            ({"queue": {"order": "newest"}}, "leave order out"),
            ({"headers": {"Content-Type": "text/plain"}}, "set by the agent itself"),
            ({"headers": {"user-agent": "x"}}, "set by the agent itself"),
            ({"headers": {"x-prometheus-remote-write-version": "9"}}, "set by the agent itself"),
            ({"auth": {"username": "only"}}, "username and password"),
            ({"url": "http://user:pw@host/write"}, "user name or a password"),
        ],
    )
    def test_what_cannot_work_is_refused(self, options, words):
        with pytest.raises(ValidationError, match=words):
            RemoteWriteStorage(**options)

    @pytest.mark.parametrize("version", ["1.0", "2.0", "2"])
    def test_it_is_built_from_yaml(self, tmp_path, version):
        file = tmp_path / "config.yaml"
        file.write_text(
            "runner: !MeasurementRunner\n"
            "  node: !StaticNode\n"
            "    tasks: []\n"
            "  metrics_storage: !RemoteWriteStorage\n"
            "    url: http://127.0.0.1:9090/api/v1/write\n"
            f"    version: {version}\n"
            "    queue: {max_bytes: 1MiB, first_retry: 1s}\n"
            "    names: wca\n"
        )
        file.chmod(0o600)
        assert callable(load_config(str(file), load_registry()).runner.run)


class TestContract(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, distant_receiver):
        self.url = f"{distant_receiver}/api/v1/write"

    def storage(self):
        return RemoteWriteStorage(self.url, queue=QUICK)

    def failing_storage(self):
        return RemoteWriteStorage("http://127.0.0.1:1/write", queue=QUICK)


class TestContractOfAStorageThatBlocks(TestContract):
    def storage(self):
        return RemoteWriteStorage(self.url, delivery="blocking")

    def failing_storage(self):
        return RemoteWriteStorage("http://127.0.0.1:1/write", delivery="blocking")


class TestContractOfAStorageWithASpool(TestContract):
    @pytest.fixture(autouse=True)
    def disk(self, spool_options):
        self.spool = spool_options

    def storage(self):
        return RemoteWriteStorage(self.url, queue=QUICK, spool=self.spool())

    def failing_storage(self):
        return RemoteWriteStorage("http://127.0.0.1:1/write", queue=QUICK, spool=self.spool())


class TestContractOfVersion2(TestContract):
    def storage(self):
        return RemoteWriteStorage(self.url, version=2.0, queue=QUICK)
