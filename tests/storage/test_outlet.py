"""An outlet never makes the loop wait, and knows what became of every sample."""

import threading

import pytest

from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.metrics.batch import Batch
from wca.storage import AggregatingStorage, FilterStorage, LogStorage, Storage
from wca.storage.ledger import Ledger
from wca.storage.outlet import LEFT_OUT, Outlet
from wca.telemetry import Telemetry
from wca.testing import RecordingStorage
from wca.testing.clock import FakeClock

BATCH = [Metric("a", 1), Metric("b", 2)]


class Collecting(Storage):
    def __init__(self):
        self.batches = []
        self.threads = set()
        self.stored = threading.Semaphore(0)

    def store(self, metrics):
        self.batches.append(metrics)
        self.threads.add(threading.current_thread().name)
        self.stored.release()


class Gated(Storage):
    """Does not return from store() before the gate opens."""

    def __init__(self):
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)

    def store(self, metrics):
        self.entered.release()
        self.gate.wait(30)


class Refusing(Storage):
    def __init__(self, error):
        self.error = error

    def store(self, metrics):
        raise self.error


def books(outlet):
    """Samples delivered and dropped; nothing may be missing."""
    account = outlet.ledger.account
    assert account.collected == account.delivered + sum(account.dropped.values()) + account.waiting
    return account.delivered, account.dropped


def test_batches_arrive_in_order_on_a_thread_named_after_the_storage():
    storage, telemetry = Collecting(), Telemetry()
    outlet = Outlet(storage, "metrics_storage", telemetry)
    batches = [[Metric("a", number)] for number in range(5)]
    for batch in batches:
        outlet.put(batch)
    outlet.close(10)
    assert storage.batches == batches
    assert storage.threads == {"metrics_storage"}
    assert books(outlet) == (5, {})
    assert telemetry.healthy("metrics_storage")


def test_a_storage_that_does_not_block_is_called_by_the_loop_itself():
    class InMemory(Collecting):
        blocking = False

    storage = InMemory()
    Outlet(storage, "memory", Telemetry()).put(BATCH)
    assert storage.batches == [BATCH]
    assert storage.threads == {threading.current_thread().name}


def test_a_storage_that_never_returns_costs_batches_but_never_the_loop():
    storage, clock, telemetry = Gated(), FakeClock(), Telemetry()
    outlet = Outlet(storage, "s", telemetry, clock=clock, queue_length=2, deadline=5.0)
    outlet.put(BATCH)
    assert storage.entered.acquire(timeout=10)
    for _ in range(5):
        outlet.put(BATCH)
    assert books(outlet)[1] == {"queue_full": 6}
    assert telemetry.healthy("s") is None
    clock.advance(5.1)
    outlet.put(BATCH)
    outlet.put(BATCH)
    assert telemetry.healthy("s") is False
    assert telemetry.failures("s") == 1
    outlet.close(0.01)
    assert books(outlet)[1] == {"queue_full": 10, "closed": 6}
    assert books(outlet)[0] == 0
    storage.gate.set()


def test_a_batch_given_up_at_the_end_is_counted_once_even_if_it_arrives_after_all():
    storage = Gated()
    outlet = Outlet(storage, "s", Telemetry())
    outlet.put(BATCH)
    assert storage.entered.acquire(timeout=10)
    outlet.close(0.01)
    storage.gate.set()
    outlet.close(10)
    assert books(outlet) == (0, {"closed": 2})


def test_close_lets_waiting_batches_go_out():
    storage = Gated()
    outlet = Outlet(storage, "s", Telemetry())
    for _ in range(3):
        outlet.put(BATCH)
    storage.gate.set()
    outlet.close(10)
    assert books(outlet)[0] == 6


@pytest.mark.parametrize("rejected", [None, "many"])
def test_an_attribute_that_happens_to_be_called_rejected_counts_nothing(rejected):
    storage = Collecting()
    storage.rejected = rejected
    outlet = Outlet(storage, "s", Telemetry())
    outlet.put(BATCH)
    outlet.put(BATCH)
    outlet.close(10)
    assert books(outlet) == (4, {})


def test_samples_that_a_storage_left_out_are_counted_apart():
    class Picky(Collecting):
        rejected = 0

        def store(self, metrics):
            self.rejected += 1

    outlet = Outlet(Picky(), "s", Telemetry())
    outlet.put(BATCH)
    outlet.close(10)
    assert books(outlet) == (1, {"rejected": 1})


def test_after_close_nothing_is_taken():
    outlet = Outlet(Collecting(), "s", Telemetry())
    outlet.close(1)
    outlet.put(BATCH)
    outlet.close(1)
    assert books(outlet)[1] == {"closed": 2}


@pytest.mark.parametrize("error", [FailedDeliveryException("broker away"), KeyError("oops")])
def test_a_failed_store_is_counted_and_reported_once(error, caplog):
    telemetry = Telemetry()
    outlet = Outlet(Refusing(error), "s", telemetry)
    outlet.put(BATCH)
    outlet.put(BATCH)
    outlet.close(10)
    assert books(outlet)[1] == {"failed": 4}
    assert telemetry.failures("s") == 2
    assert len([record for record in caplog.records if "s fails" in record.message]) == 1


class Counting(Storage):
    """Does not pass everything on, and counts what it does not."""

    def __init__(self):
        self.filtered = self.merged = 0

    def store(self, metrics):
        self.filtered += 1
        self.merged += len(metrics)


def test_what_a_storage_does_not_pass_on_is_dropped_with_its_reason():
    outlet = Outlet(Counting(), "metrics_storage", Telemetry())
    outlet.put([Metric("a", 1), Metric("b", 1), Metric("c", 1)])
    outlet.close(10)
    assert books(outlet) == (0, {"filtered": 1, "merged": 2})


class KeepingBooks(Storage):
    """Takes batches over and delivers them later."""

    def __init__(self):
        self.ledger, self.failing = Ledger(), None
        self.gate = threading.Event()

    def store(self, metrics):
        self.ledger.collect(len(metrics))
        self.gate.wait(30)


def test_a_storage_with_a_ledger_keeps_the_books_itself():
    storage = KeepingBooks()
    storage.gate.set()
    outlet = Outlet(storage, "metrics_storage", Telemetry())
    outlet.put(BATCH)
    outlet.close(10)
    assert outlet.ledger is storage.ledger
    account = storage.ledger.account
    assert (account.collected, account.delivered, account.waiting) == (2, 0, 2)


def test_what_such_a_storage_was_never_given_is_in_its_books_too():
    storage = KeepingBooks()
    outlet = Outlet(storage, "metrics_storage", Telemetry(), queue_length=1)
    outlet.put(BATCH)
    while storage.ledger.account.collected == 0:
        threading.Event().wait(0.001)
    outlet.put(BATCH)
    outlet.put(BATCH)
    outlet.close(0.1)
    storage.gate.set()
    account = storage.ledger.account
    assert account.dropped == {"queue_full": 2, "closed": 2}
    assert (account.collected, account.waiting) == (6, 2)


def test_a_storage_that_cannot_deliver_what_it_has_taken_is_not_healthy():
    storage, telemetry = KeepingBooks(), Telemetry()
    storage.gate.set()
    storage.failing = "no broker"
    outlet = Outlet(storage, "metrics_storage", telemetry)
    outlet.put(BATCH)
    outlet.close(10)
    assert telemetry.healthy("metrics_storage") is False


def test_a_long_outage_is_one_failure_and_the_next_one_another():
    class Away(KeepingBooks):
        blocking = False
        failing = None

        def __init__(self):
            self.ledger = Ledger()

        def store(self, metrics):
            pass

    storage, telemetry = Away(), Telemetry()
    outlet = Outlet(storage, "s", telemetry)
    for failing in (None, "no broker", "no route", "no broker", None, "no broker", "no broker"):
        storage.failing = failing
        telemetry.begin_round()
        outlet.put(BATCH)
    assert telemetry.failures("s") == 2
    assert telemetry.healthy("s") is False


def test_an_attribute_that_raises_ends_no_thread():
    class Odd(Collecting):
        @property
        def failing(self):
            raise OSError("no status")

    storage, telemetry = Odd(), Telemetry()
    outlet = Outlet(storage, "s", telemetry)
    outlet.put(BATCH)
    assert storage.stored.acquire(timeout=10)
    outlet.put(BATCH)
    outlet.close(10)
    assert len(storage.batches) == 2
    assert telemetry.healthy("s") is False


def test_where_there_is_no_room_for_a_thread_batches_wait_for_it(monkeypatch):
    def full(thread):
        raise RuntimeError("can't start new thread")

    storage, telemetry = Collecting(), Telemetry()
    outlet = Outlet(storage, "s", telemetry)
    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "start", full)
        outlet.put(BATCH)
    assert telemetry.healthy("s") is False
    outlet.put(BATCH)
    outlet.close(10)
    assert books(outlet) == (4, {})


def test_on_the_thread_of_the_loop_an_interruption_reaches_the_loop():
    class InMemory(Refusing):
        blocking = False

    outlet = Outlet(InMemory(KeyboardInterrupt()), "s", Telemetry())
    with pytest.raises(KeyboardInterrupt):
        outlet.put(BATCH)


def test_a_storage_that_knows_no_batches_gets_a_list():
    class Knowing(Collecting):
        takes_batches = True

    batch = Batch(1.0)
    for storage, kind in ((Collecting(), list), (Knowing(), Batch)):
        outlet = Outlet(storage, "s", Telemetry())
        outlet.put(batch)
        outlet.close(10)
        assert [type(one) for one in storage.batches] == [kind]


@pytest.mark.parametrize(
    ("storage", "reasons"),
    [
        (Collecting(), {"queue_full", "closed", "failed"}),
        (RecordingStorage(), {"failed"}),
        (LogStorage(), {"queue_full", "closed", "failed", "rejected"}),
        (FilterStorage([RecordingStorage()]), {"queue_full", "closed", "failed", *LEFT_OUT}),
        (
            AggregatingStorage([RecordingStorage()]),
            {"queue_full", "closed", "failed", "merged", "rejected"},
        ),
    ],
)
def test_for_which_reasons_samples_may_be_lost_is_known_from_the_start(storage, reasons):
    dropped = Outlet(storage, "storage", Telemetry()).ledger.dropped
    assert dropped == dict.fromkeys(reasons, 0)


def test_a_property_of_a_plugin_that_raises_is_not_asked_before_a_batch_comes():
    class Odd(Collecting):
        rejected = property(lambda self: 1 / 0)

    outlet = Outlet(Odd(), "odd", Telemetry())
    assert "rejected" in outlet.ledger.dropped


@pytest.mark.parametrize("keeps_books", [True, False])
def test_what_waits_in_front_of_a_storage_is_bounded_in_samples_too(keeps_books):
    """A storage with books of its own does not know yet what waits here."""
    storage = Gated()
    if not keeps_books:
        storage.ledger = Ledger()
    outlet = Outlet(storage, "slow", Telemetry(), queue_samples=100)
    outlet.put(BATCH)
    assert storage.entered.acquire(timeout=10)
    for size in (40, 40, 20, 50):
        outlet.put([Metric("a", 1)] * size)
    assert books(outlet)[1] == {"queue_full": 80}
    outlet.put([Metric("a", 1)] * 1000)  # one is taken whatever its size
    assert books(outlet)[1] == {"queue_full": 150}
    outlet.put([Metric("a", 1)])
    assert books(outlet)[1] == {"queue_full": 1150}
    storage.gate.set()
    outlet.close(10)
