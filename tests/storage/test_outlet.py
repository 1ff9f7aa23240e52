"""An outlet never makes the loop wait, and knows what became of every sample."""

import threading

import pytest

from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.storage import Storage
from wca.storage.outlet import Outlet
from wca.telemetry import Telemetry
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


def test_batches_arrive_in_order_on_a_thread_named_after_the_storage():
    storage, telemetry = Collecting(), Telemetry()
    outlet = Outlet(storage, "metrics_storage", telemetry)
    batches = [[Metric("a", number)] for number in range(5)]
    for batch in batches:
        outlet.put(batch)
    outlet.close(10)
    assert storage.batches == batches
    assert storage.threads == {"metrics_storage"}
    assert (outlet.stored, outlet.dropped) == (5, {})
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
    assert outlet.dropped == {"queue_full": 6}
    assert telemetry.healthy("s") is None
    clock.advance(5.1)
    outlet.put(BATCH)
    assert telemetry.healthy("s") is False
    outlet.close(0.01)
    assert outlet.dropped == {"queue_full": 8, "closed": 6}
    assert outlet.stored == 0
    storage.gate.set()


def test_a_batch_given_up_at_the_end_is_counted_once_even_if_it_arrives_after_all():
    storage = Gated()
    outlet = Outlet(storage, "s", Telemetry())
    outlet.put(BATCH)
    assert storage.entered.acquire(timeout=10)
    outlet.close(0.01)
    storage.gate.set()
    outlet.close(10)
    assert (outlet.stored, outlet.dropped) == (0, {"closed": 2})


def test_close_lets_waiting_batches_go_out():
    storage = Gated()
    outlet = Outlet(storage, "s", Telemetry())
    for _ in range(3):
        outlet.put(BATCH)
    storage.gate.set()
    outlet.close(10)
    assert outlet.stored == 6


@pytest.mark.parametrize("rejected", [None, "many"])
def test_an_attribute_that_happens_to_be_called_rejected_counts_nothing(rejected):
    storage = Collecting()
    storage.rejected = rejected
    outlet = Outlet(storage, "s", Telemetry())
    outlet.put(BATCH)
    outlet.put(BATCH)
    outlet.close(10)
    assert (outlet.stored, outlet.dropped) == (4, {})


def test_samples_that_a_storage_left_out_are_counted_apart():
    class Picky(Collecting):
        rejected = 0

        def store(self, metrics):
            self.rejected += 1

    outlet = Outlet(Picky(), "s", Telemetry())
    outlet.put(BATCH)
    outlet.close(10)
    assert (outlet.stored, outlet.dropped) == (1, {"rejected": 1})


def test_after_close_nothing_is_taken():
    outlet = Outlet(Collecting(), "s", Telemetry())
    outlet.close(1)
    outlet.put(BATCH)
    outlet.close(1)
    assert outlet.dropped == {"closed": 2}


@pytest.mark.parametrize("error", [FailedDeliveryException("broker away"), KeyError("oops")])
def test_a_failed_store_is_counted_and_reported_once(error, caplog):
    telemetry = Telemetry()
    outlet = Outlet(Refusing(error), "s", telemetry)
    outlet.put(BATCH)
    outlet.put(BATCH)
    outlet.close(10)
    assert outlet.dropped == {"failed": 4}
    assert telemetry.failures("s") == 2
    assert len([record for record in caplog.records if "s fails" in record.message]) == 1
