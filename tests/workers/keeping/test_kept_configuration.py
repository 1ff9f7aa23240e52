"""What keeps something, built from a file."""

import pytest

from wca.components import load_registry
from wca.config.loader import load_text
from wca.errors import ConfigLoadError
from wca.workers.api import History, Lease, WorkerStore
from wca.workers.schedule.api import Schedule

SQL = "postgresql://wca:h0rse@db:5432/wca"
REDIS = "redis://:h0rse@cache:6379/0"
MONGO = "mongodb://wca:h0rse@one:27017,two:27017/wca"


class Keeps:
    def __init__(
        self,
        schedule: Schedule | None = None,
        lease: Lease | None = None,
        store: WorkerStore | None = None,
        history: History | None = None,
    ):
        self.parts = [part for part in (schedule, lease, store, history) if part is not None]

    def run(self):
        return 0


def load(text):
    registry = load_registry()
    registry.add(Keeps)
    return load_text(f"runner: !Keeps {{{text}}}", registry, environ={})


def problem(text):
    with pytest.raises(ConfigLoadError) as caught:
        load(text)
    (sentence,) = caught.value.problems
    return sentence


@pytest.mark.parametrize(
    "text",
    [
        "schedule: !ApsSchedule {}",
        "schedule: !ApsSchedule {store: !MemoryJobStore {}}",
        "schedule: !ApsSchedule {store: !SqliteJobStore {path: /var/lib/wca/workers.sqlite}}",
        f'schedule: !ApsSchedule {{store: !RedisJobStore {{url: "{REDIS}"}}}}',
        f'schedule: !ApsSchedule {{store: !MongoJobStore {{url: "{MONGO}"}}}}',
        "lease: !SqliteLease {path: /run/wca/leases.sqlite, ttl: 30s}",
        f'lease: !RedisLease {{url: "{REDIS}", ttl: 10s}}',
        "store: !SqliteWorkerStore {path: /var/lib/wca/workers.sqlite}",
        f'store: !PostgresWorkerStore {{url: "{SQL}"}}',
        f'store: !RedisWorkerStore {{url: "{REDIS}", prefix: fleet}}',
        f'store: !MongoWorkerStore {{url: "{MONGO}"}}',
        "history: !SqliteHistory {path: /var/lib/wca/workers.sqlite, retention: 30d}",
        f'history: !PostgresHistory {{url: "{SQL}", retention: 365d}}',
        "history: !RemoteWriteHistory {url: 'http://127.0.0.1:9090/api/v1/write'}",
    ],
)
def test_each_is_one_line_and_its_password_is_not_shown(text):
    loaded = load(text)
    assert len(loaded.runner.parts) == 1
    assert "h0rse" not in loaded.tree


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('lease: !RedisLease {url: "http://:h0rse@cache"}', "runner.lease.url"),
        ('store: !PostgresWorkerStore {url: "h0rse"}', "runner.store.url"),
        ('store: !MongoWorkerStore {url: "redis://h0rse"}', "runner.store"),
        ("store: !SqliteWorkerStore {path: ../h0rse}", "runner.store.path"),
        ("lease: !SqliteLease {path: /a, ttl: 10ms}", "runner.lease.ttl"),
        ("history: !SqliteHistory {path: /a, retention: never}", "runner.history.retention"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(text, place):
    sentence = problem(text)
    assert place in sentence
    assert "h0rse" not in sentence or "../h0rse" in sentence
