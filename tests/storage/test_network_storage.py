"""What every storage that talks to a network does, whatever its target and its format."""

import contextlib
import os
import threading

import pytest

from tests.storage.delivery_parts import ScriptedTarget, balanced
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.delivery.options import DeliveryMode, WhenFull
from wca.storage.encoding import Rejected
from wca.storage.network import Encoding, NetworkStorage
from wca.testing.clock import FakeClock

BATCH = [Metric("a", 1.0), Metric("b", 2.0)]
#: Why samples may be lost that wait, wherever that is.
QUEUED = ("merged", "undeliverable", "closed")


def one_each(metrics, now):
    """A message for each metric; those without a value have no place in the format."""
    return Encoding(
        [Parcel(metric.name.encode(), 1, now) for metric in metrics if metric.value is not None],
        [Rejected(metric, "it has no value") for metric in metrics if metric.value is None],
    )


def storage(target=None, **options):
    if options.get("delivery", "queued") == "queued":
        options.setdefault("queue", {"first_retry": 0.01})
    return NetworkStorage(
        target or ScriptedTarget(), one_each, name="TestStorage", timeout=1.0, **options
    )


def names(target):
    return list(target.accepted)


class TestQueued:
    def test_store_returns_before_anything_is_sent(self):
        target, gate = ScriptedTarget(), threading.Event()
        send = target.send
        target.send = lambda parcels, timeout: gate.wait(30) and send(parcels, timeout)
        made = storage(target)
        made.store(BATCH)
        assert balanced(made.ledger).waiting == 2
        gate.set()
        made.close(10.0)
        assert names(target) == ["a", "b"]
        assert balanced(made.ledger).delivered == 2

    def test_store_never_raises_over_a_target_that_is_away(self):
        target = ScriptedTarget()
        target.absent = "away"
        made = storage(target)
        for _ in range(5):
            made.store(BATCH)
        made.close(0.2)
        assert balanced(made.ledger).dropped == {"closed": 10}

    def test_the_bounds_of_the_queue_are_those_of_the_configuration(self):
        target = ScriptedTarget()
        target.absent = "away"
        made = storage(target, queue={"max_messages": 3, "when_full": WhenFull.DROP_OLDEST})
        for _ in range(3):
            made.store(BATCH)
        assert made.waiting.parcels == 3
        assert balanced(made.ledger).dropped == {"queue_full": 3}
        made.close(0.0)

    def test_start_waits_for_no_target_and_an_empty_batch_is_no_message(self):
        target = ScriptedTarget()
        target.absent = "away"
        made = storage(target)
        made.start()
        made.store([])
        made.close(1.0)
        assert [call for call, _ in target.calls] == ["close"]

    def test_the_names_are_those_of_the_vocabulary(self):
        target = ScriptedTarget()
        made = storage(target, names=Names.PROMETHEUS)
        made.store([Metric("own_things", 1.0, type="counter")])
        made.close(10.0)
        assert names(target) == ["own_things_total"]

    def test_what_the_format_has_no_place_for_is_rejected_and_counted(self):
        made = storage()
        made.store([Metric("a", 1.0), Metric("odd", None)])
        made.close(10.0)
        assert made.rejected == 1
        assert balanced(made.ledger).dropped == {"rejected": 1}
        assert balanced(made.ledger).delivered == 1

    def test_an_encoding_that_breaks_costs_its_batch_only(self):
        def broken(metrics, now):
            raise ZeroDivisionError

        made = NetworkStorage(ScriptedTarget(), broken, name="TestStorage", timeout=1.0)
        with pytest.raises(FailedDeliveryException, match="cannot be encoded: ZeroDivisionError"):
            made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        made.close(1.0)

    def test_a_format_that_makes_samples_up_costs_its_batch_only(self):
        made = NetworkStorage(
            ScriptedTarget(),
            lambda metrics, now: Encoding([Parcel(b"", 3, now)]),
            name="TestStorage",
            timeout=1.0,
        )
        with pytest.raises(FailedDeliveryException, match="3 samples in the messages of 2 metrics"):
            made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        made.close(1.0)

    def test_where_there_is_no_room_for_a_thread_the_batch_is_said_to_be_lost(self, monkeypatch):
        def full(thread):
            raise RuntimeError("can't start new thread")

        made = storage()
        with monkeypatch.context() as machine:
            machine.setattr(threading.Thread, "start", full)
            with pytest.raises(FailedDeliveryException, match="can't start new thread"):
                made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        made.close(1.0)

    def test_batches_of_several_threads_are_encoded_one_at_a_time(self):
        inside, together = [], []

        def encode(metrics, now):
            inside.append(1)
            together.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()
            return Encoding([])

        made = NetworkStorage(ScriptedTarget(), encode, name="TestStorage", timeout=1.0)
        threads = [threading.Thread(target=made.store, args=(BATCH,)) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert together == [1, 1, 1, 1]
        made.close(1.0)

    def test_after_close_a_batch_is_written_off(self):
        made = storage()
        made.close(1.0)
        made.close(1.0)
        made.store(BATCH)
        assert balanced(made.ledger).dropped == {"closed": 2}


class TestBlocking:
    def test_store_sends_on_the_thread_that_calls_it(self):
        target = ScriptedTarget()
        made = storage(target, delivery=DeliveryMode.BLOCKING)
        made.start()
        made.store(BATCH)
        assert names(target) == ["a", "b"]
        assert balanced(made.ledger).delivered == 2
        made.close(1.0)
        assert target.calls[-1][0] == "close"

    def test_a_target_that_is_away_is_a_failed_delivery(self):
        target = ScriptedTarget()
        target.absent = "no broker"
        made = storage(target, delivery="blocking")
        with pytest.raises(FailedDeliveryException, match="no broker"):
            made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        target.absent = None
        made.store(BATCH)
        assert balanced(made.ledger).delivered == 2
        made.close(1.0)

    @pytest.mark.parametrize("outcome", [Unavailable("half way"), Refused("half way")])
    def test_a_batch_of_which_a_part_arrived_is_a_failed_delivery(self, outcome):
        target = ScriptedTarget()
        target.answers = [[None, outcome]]
        made = storage(target, delivery="blocking")
        with pytest.raises(FailedDeliveryException, match="half way"):
            made.store(BATCH)
        account = balanced(made.ledger)
        assert (account.delivered, account.waiting) == (1, 0)
        made.close(1.0)

    @pytest.mark.parametrize("said", [[], [None], ["sent", "sent"]])
    def test_a_target_that_miscounts_does_not_upset_the_books(self, said):
        target = ScriptedTarget()
        target.send = lambda parcels, timeout: said
        made = storage(target, delivery="blocking")
        with pytest.raises(ValueError, match="outcome"):
            made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        made.close(1.0)

    def test_a_connection_is_kept_over_a_refusal_and_made_anew_over_anything_else(self):
        target = ScriptedTarget()
        target.answers = [[Refused("no")], ValueError("odd")]
        made = storage(target, delivery="blocking")
        for _ in range(3):
            with contextlib.suppress(FailedDeliveryException, ValueError):
                made.store(BATCH)
        assert [call for call, _ in target.calls] == ["open", "send", "send", "open", "send"]
        made.close(1.0)

    def test_a_message_without_samples_costs_none_when_it_is_refused(self):
        target = ScriptedTarget()
        target.answers = [[None, Refused("metadata is switched off")]]
        made = NetworkStorage(
            target,
            lambda metrics, now: Encoding([Parcel(b"a", 2, now), Parcel(b"", 0, now)]),
            name="TestStorage",
            timeout=1.0,
            delivery="blocking",
        )
        made.store(BATCH)
        assert balanced(made.ledger).delivered == 2
        made.close(1.0)

    def test_all_parts_of_a_batch_have_one_time_together(self):
        clock, times = FakeClock(), []

        class Slow(ScriptedTarget):
            def send(self, parcels, timeout):
                times.append(timeout)
                clock.advance(0.75)
                return [None] * len(parcels)

        made = storage(Slow(window=1), delivery="blocking", clock=clock)
        made.store([*BATCH, Metric("c", 3.0)])
        assert times == [1.0, 0.25, 0.0]
        made.close(1.0)

    def test_no_thread_is_started(self):
        before = threading.active_count()
        made = storage(delivery="blocking")
        made.start()
        assert threading.active_count() == before
        made.close(1.0)

    def test_more_than_a_window_is_sent_in_parts(self):
        target = ScriptedTarget(window=1)
        made = storage(target, delivery="blocking")
        made.store(BATCH)
        assert names(target) == ["a", "b"]
        made.close(1.0)


class TestSpool:
    def test_what_could_not_be_sent_is_there_after_a_restart(self, tmp_path):
        path = str(tmp_path / "spool" / "metrics.db")
        away = ScriptedTarget()
        away.absent = "away"
        first = storage(away, spool={"path": path})
        first.start()
        first.store(BATCH)
        first.close(0.1)
        assert balanced(first.ledger).waiting == 2

        target = ScriptedTarget()
        second = storage(target, spool={"path": path})
        second.start()
        second.store([Metric("c", 3.0)])
        second.close(10.0)
        assert names(target) == ["a", "b", "c"]
        account = balanced(second.ledger)
        assert (account.recovered, account.collected, account.delivered) == (2, 1, 3)

    def test_a_spool_that_cannot_be_used_refuses_to_start(self, tmp_path):
        (tmp_path / "file").write_text("")
        made = storage(spool={"path": str(tmp_path / "file" / "metrics.db")})
        with pytest.raises(StartError):
            made.start()
        assert made.check()
        with pytest.raises(FailedDeliveryException):
            made.store(BATCH)
        assert balanced(made.ledger).dropped == {"failed": 2}
        made.close(1.0)

    def test_the_spool_takes_the_bounds_of_its_own(self, tmp_path):
        target = ScriptedTarget()
        target.absent = "away"
        made = storage(target, spool={"path": str(tmp_path / "s" / "m.db"), "max_bytes": 3})
        for _ in range(3):
            made.store(BATCH)
        assert made.waiting.bytes == 3
        made.close(0.0)
        assert balanced(made.ledger).waiting == 3


def test_the_books_balance_when_many_threads_store_while_it_is_closed(tmp_path):
    for spool in (None, {"path": str(tmp_path / "spool" / "metrics.db")}):
        made, ended = storage(ScriptedTarget(window=1), spool=spool), threading.Event()

        def work(made=made, ended=ended):
            while not ended.is_set():
                made.store(BATCH)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads:
            one.start()
        while balanced(made.ledger).delivered < 50:
            ended.wait(0.001)
        made.close(0.2)
        balanced(made.ledger)
        ended.set()
        for one in threads:
            one.join()
        account = balanced(made.ledger)
        assert account.dropped.keys() <= {"closed"}
        assert account.waiting == (made.waiting.samples if spool else 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delivery": "blocking", "queue": {"max_messages": 3}}, "queue: nothing waits"),
        ({"delivery": "blocking", "spool": {"path": "/nowhere/x"}}, "spool: nothing waits"),
        ({"queue": {"max_age": 9.0}, "spool": {"path": "/nowhere/x"}}, "queue: max_age is for"),
        ({"queue": {"first_retry": 3.0, "longest_retry": 2.0}}, "first_retry is longer"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        storage(**options)


def test_damaged_spools_are_counted_from_the_start_also_one_that_is_found_there(tmp_path):
    path = tmp_path / "folder" / "spool"
    path.parent.mkdir(0o700)
    assert storage().damaged_spools is None
    made = storage(spool={"path": str(path)})
    assert made.damaged_spools == 0
    path.write_bytes(b"no database" * 100)
    made.start()
    assert made.damaged_spools == 1
    with open(path, "r+b") as file:
        file.write(b"x" * 4096)
    os.unlink(path)
    made.store(BATCH)
    assert made.damaged_spools == 2
    made.close(5)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"delivery": "blocking"}, set()),
        ({}, {*QUEUED, "queue_full"}),
        ({"queue": {"max_age": 5.0}}, {*QUEUED, "queue_full", "expired"}),
        (
            {"spool": {"path": "/nowhere/spool"}},
            {*QUEUED, "spool_full", "expired", "disk_error", "spool_corrupt", "other_kind"},
        ),
    ],
)
def test_for_which_reasons_samples_may_be_lost_is_known_from_the_start(options, more):
    known = {"failed", "rejected", "refused", "too_large", *more}
    assert storage(**options).ledger.dropped == dict.fromkeys(known, 0)
