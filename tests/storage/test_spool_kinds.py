"""A spool says what is in it: after a change of the configuration nothing goes out as something else."""

import sqlite3
import time
from zlib import crc32

import pytest

from tests.http_receiver import Receiver
from tests.storage.delivery_parts import ScriptedTarget, balanced
from tests.storage.push_parts import decode_otlp, decode_v1, decode_v2, settled, until
from tests.storage.spool_parts import NOW, parcel, spools, taken
from wca.metrics import Metric
from wca.storage import HTTPStorage, OTLPStorage, RemoteWriteStorage
from wca.storage.delivery import Parcel
from wca.storage.delivery.backlog import Dropped
from wca.storage.network import Encoding, NetworkStorage
from wca.storage.spool.schema import APPLICATION, MIGRATIONS

QUICK = {"first_retry": 0.02, "longest_retry": 0.05}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "folder" / "spool")


@pytest.fixture
def make(path):
    with spools(path) as make:
        yield make


def kinds(spool):
    return [one.parcel.kind for one in spool.take(10, NOW)[0]]


class TestSpool:
    def test_what_has_its_own_kind_needs_no_word(self, make):
        spool = make(kind="a b")
        spool.put([parcel("x")], NOW)
        assert kinds(spool) == [""]

    def test_what_another_storage_has_left_says_what_it_is(self, make):
        first = make(kind="a b")
        first.put([parcel("x")], NOW)
        first.close()
        second = make(kind="c")
        second.put([parcel("y")], NOW)
        assert kinds(second) == ["a b", ""]

    def test_it_stays_what_it_is_however_often_it_is_left(self, make):
        for kind in ("a", "b", "c"):
            spool = make(kind=kind)
            spool.put([parcel(kind)], NOW)
            spool.close()
        assert kinds(make(kind="b")) == ["a", "", "c"]

    def test_it_goes_into_a_new_file_as_what_it_is(self, make, path):
        first = make(kind="a")
        first.put([parcel("x")], NOW)
        first.close()
        second = make(kind="b")
        (one,) = second.take(5, NOW)[0]
        with open(path, "r+b") as file:
            file.truncate(4096)
        second.put([parcel("y")], NOW)
        second.release([one.number])
        assert kinds(second) == ["a", ""]

    def test_a_kind_that_was_changed_on_the_disk_is_damage(self, make, path):
        spool = make(kind="a")
        spool.put([parcel("x", 3), parcel("y", 2)], NOW)
        spool.close()
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE parcels SET kind = 'b' WHERE number = 1")
        connection.close()
        found, dropped = make(kind="a").take(5, NOW)
        assert [one.parcel.body for one in found] == [b"y"]
        assert dropped == [Dropped("spool_corrupt", 3)]


class TestAFileOfVersion1:
    @pytest.fixture
    def old(self, path, tmp_path):
        (tmp_path / "folder").mkdir(0o700)
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        for number, name in enumerate(["n", "n", "", "n"], 1):
            body = b"body %d" % number
            checksum = crc32(f"{number} {NOW!r} 2 {name}".encode(), crc32(body))
            row = (number, NOW, 2, len(body), name, checksum, body)
            connection.execute("INSERT INTO parcels VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("PRAGMA user_version=1")
        connection.commit()
        connection.close()

    @pytest.mark.usefixtures("old")
    def test_is_read_as_what_the_storage_makes(self, make):
        spool = make(kind="a")
        assert spool.size.samples == 8
        assert taken(spool) == [f"body {number}" for number in range(1, 5)]
        spool.close()
        assert kinds(make(kind="a")) == [""] * 4

    @pytest.mark.usefixtures("old")
    def test_holds_names_that_replace_one_another_no_more(self, make):
        """A counter may have begun anew between them."""
        spool = make(max_bytes=30)
        new = [parcel("12345", name="n"), parcel("12345", name="n")]
        assert spool.put(new, NOW) == [Dropped("merged", 1)]
        assert taken(spool)[:4] == [f"body {number}" for number in range(1, 5)]


def storage(target, path, kind):
    def encode(metrics, now):
        return Encoding([Parcel(one.name.encode(), 1, now) for one in metrics])

    return NetworkStorage(
        target, encode, name="s", timeout=1.0, queue=QUICK, spool={"path": path}, kind=kind
    )


class Understanding(ScriptedTarget):
    def __init__(self, *kinds):
        super().__init__()
        self.kinds, self.sent = kinds, []

    def understands(self, kind):
        return kind in self.kinds

    def send(self, parcels, timeout):
        self.sent += [(one.kind, one.body.decode()) for one in parcels]
        return super().send(parcels, timeout)


class TestDelivery:
    def left_by(self, path, *kinds):
        """A spool with two messages of each kind."""
        for kind in kinds:
            with spools(path) as make:
                now = time.time()
                make(kind=kind).put([parcel(f"{kind}{n}", 1, now) for n in (1, 2)], now)

    def test_what_the_target_does_not_understand_is_dropped_and_counted(self, path, caplog):
        self.left_by(path, "a", "b")
        target = ScriptedTarget()
        made = storage(target, path, "b")
        made.start()
        until(lambda: made.waiting.parcels == 0)
        account = balanced(made.ledger)
        assert (account.recovered, account.delivered) == (4, 2)
        assert account.dropped == {"other_kind": 2}
        assert target.accepted == ["b1", "b2"]
        assert caplog.text.count("samples of an earlier configuration are given up: a") == 1
        made.close(5)

    def test_what_it_understands_is_sent_as_what_it_is(self, path):
        self.left_by(path, "a", "b", "c")
        target = Understanding("a")
        made = storage(target, path, "b")
        made.start()
        until(lambda: made.waiting.parcels == 0)
        made.close(5)
        assert target.sent == [("a", "a1"), ("a", "a2"), ("", "b1"), ("", "b2")]
        assert balanced(made.ledger).dropped == {"other_kind": 2}

    def test_a_plugin_has_the_name_of_its_class_for_a_kind(self, path):
        self.left_by(path, "NetworkStorage", "OtherStorage")
        target = ScriptedTarget()
        made = storage(target, path, None)
        made.start()
        until(lambda: made.waiting.parcels == 0)
        made.close(5)
        assert target.accepted == ["NetworkStorage1", "NetworkStorage2"]


BATCH = [Metric("a", 1.0, {"host": "h"}, "gauge")]


class TestStorages:
    """Each with what another configuration, or another storage, has left in its file."""

    @pytest.fixture
    def restart(self, receiver, tmp_path):
        made = []

        def restart(before, after):
            """What the receiver gets of what the first has left, and the account."""
            spool = {"path": str(tmp_path / "push.spool")}
            with Receiver() as gone:
                pass
            first = before(gone.url, spool)
            first.store(BATCH)
            first.close(0.2)
            made.append(after(receiver.url, spool))
            made[-1].start()
            account = settled(made[-1])
            return receiver.requests, account

        yield restart
        for storage in made:
            storage.close(0.1)

    @staticmethod
    def write(version):
        return lambda url, spool: RemoteWriteStorage(
            f"{url}/write", version=version, queue=QUICK, spool=spool
        )

    @staticmethod
    def otlp(url, spool):
        return OTLPStorage(f"{url}/v1/metrics", queue=QUICK, spool=spool)

    @staticmethod
    def http(format_, compression="none"):
        return lambda url, spool: HTTPStorage(
            url, format=format_, compression=compression, queue=QUICK, spool=spool
        )

    def test_remote_write_sends_requests_of_both_versions_as_what_they_are(self, restart):
        requests, account = restart(self.write(1.0), self.write(2.0))
        assert account.delivered == 1
        assert {one.headers["content-type"] for one in requests} == {"application/x-protobuf"}
        assert {one.headers["x-prometheus-remote-write-version"] for one in requests} == {"0.1.0"}
        assert decode_v1(requests[0].body)[0]

    def test_and_the_other_way_round(self, restart, receiver):
        requests, account = restart(self.write(2.0), self.write(1.0))
        assert "proto=io.prometheus.write.v2.Request" in requests[0].headers["content-type"]
        assert decode_v2(requests[0].body)[0]
        # A receiver that does not say how many it has written is one of version 1.0.
        assert account.dropped == {"refused": 1}

    def test_what_is_compressed_is_sent_as_such(self, restart):
        requests, account = restart(self.http("series", "gzip"), self.http("series"))
        assert account.delivered == 1
        assert requests[0].headers["content-encoding"] == "gzip"

    @pytest.mark.parametrize("other", ["http", "write"])
    def test_what_was_made_for_something_else_is_dropped(self, restart, other):
        before = self.http("values") if other == "http" else self.write(1.0)
        requests, account = restart(before, self.http("series"))
        assert account.dropped == {"other_kind": 1}
        assert requests == []

    def test_otlp_takes_its_own_alone(self, restart):
        requests, account = restart(self.write(2.0), self.otlp)
        assert account.dropped == {"other_kind": 1}
        assert requests == []

    def test_what_is_the_same_goes_to_the_address_of_now(self, restart):
        requests, account = restart(self.otlp, self.otlp)
        assert account.delivered == 1
        assert decode_otlp(requests[0].content)[1]
