"""Leases: one owner at a time, whatever happens."""

import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wca.errors import StartError
from wca.testing import FakeClock, LeaseContract
from wca.workers.leases.redis import RedisLease
from wca.workers.leases.sqlite import SqliteLease


class TestSqliteLeaseContract(LeaseContract):
    ttl = 30.0

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "folder" / "leases.sqlite")
        self.clock = FakeClock()

    def lease(self):
        return SqliteLease(self.path, self.ttl, clock=self.clock)

    def pass_time(self, seconds):
        self.clock.advance(seconds)


class TestSqliteLeaseContractInRealTime(LeaseContract):
    ttl = 0.4

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "leases.sqlite")

    def lease(self):
        return SqliteLease(self.path, self.ttl)


class TestRedisLeaseContract(LeaseContract):
    ttl = 0.4

    @pytest.fixture(autouse=True)
    def place(self, redis_server):
        self.url = redis_server.url

    def lease(self):
        return RedisLease(self.url, self.ttl)


TTL = 10.0
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(0, 1), st.sampled_from("ab")),
        st.tuples(st.just("release"), st.integers(0, 1), st.sampled_from("ab")),
        st.tuples(st.just("pass"), st.sampled_from([0.5, 3.0, 7.4, 7.5, 30.0])),
        st.tuples(st.just("restart"), st.integers(0, 1)),
        st.tuples(st.just("adjust"), st.sampled_from([-1e6, 1e6])),
    ),
    max_size=40,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_no_shard_is_ever_held_twice_and_none_is_lost(tmp_path_factory, steps):
    path = str(tmp_path_factory.mktemp("lease") / "file")
    clock = AdjustableClock()
    leases = [SqliteLease(path, TTL, clock=clock) for _ in range(2)]
    held = {}  # by key, the owner and until when
    for kind, *what in steps:
        now = clock.monotonic()
        if kind == "pass":
            clock.advance(what[0])
        elif kind == "adjust":
            clock.adjust(what[0])
        elif kind == "restart":
            leases[what[0]].close()
        elif kind == "hold":
            owner, key = what
            free = key not in held or held[key][0] == owner or held[key][1] <= now
            assert leases[owner].hold(key, f"owner {owner}") == free
            if free:
                held[key] = owner, now + leases[owner].lasts
        else:
            owner, key = what
            leases[owner].release(key, f"owner {owner}")
            if held.get(key, (None, 0))[0] == owner:
                del held[key]
    for lease in leases:
        lease.close()


class AdjustableClock(FakeClock):
    """Its time of day can be set."""

    adjusted = 0.0

    def now(self):
        return super().now() + self.adjusted

    def adjust(self, seconds):
        self.adjusted += seconds


def test_what_was_held_before_the_machine_started_anew_is_free(tmp_path):
    path = str(tmp_path / "file")
    before = SqliteLease(path, clock=FakeClock(monotonic=1e6), boot="one")
    assert before.hold("key", "one")
    before.close()
    after = SqliteLease(path, clock=FakeClock(monotonic=5.0), boot="two")
    assert after.hold("key", "other")
    after.close()


def test_the_file_is_for_the_agents_user_alone(tmp_path):
    lease = SqliteLease(str(tmp_path / "folder" / "file"))
    lease.hold("key", "one")
    assert stat.S_IMODE(os.stat(tmp_path / "folder").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(tmp_path / "folder" / "file").st_mode) == 0o600
    lease.close()


def test_nobody_holds_what_nobody_can_tell(tmp_path):
    (tmp_path / "file").write_text("no database" * 100)
    lease = SqliteLease(str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"SqliteLease cannot use .*file: file is not a database"):
        lease.hold("key", "one")
    (tmp_path / "file").unlink()
    assert lease.hold("key", "one")
    lease.close()


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"SqliteLease cannot use .*/file/leases: File exists"):
        SqliteLease(str(tmp_path / "file" / "leases")).hold("key", "one")


def test_a_redis_that_is_away_is_no_lease_and_no_password_is_told(redis_server, caplog):
    lease = RedisLease(redis_server.url, timeout=1.0)
    assert lease.hold("key", "one")
    redis_server.server.kill()
    try:
        with pytest.raises(OSError, match=r"RedisLease cannot use redis://127.0.0.1:\d+/0: ") as e:
            lease.hold("key", "one")
        lease.start()  # it may be there in time
    finally:
        redis_server.server.start()
    for text in (str(e.value), caplog.text):
        assert "horse" not in text
    assert "tried again" in caplog.text
    assert lease.hold("key", "other"), "its data was in memory"
    lease.close()


def test_a_wrong_password_is_told_without_it(redis_server):
    url = redis_server.url.replace("horse", "h0rse")
    lease = RedisLease(url)
    with pytest.raises(OSError, match=r"WRONGPASS|invalid") as refused:
        lease.hold("key", "one")
    assert "h0rse" not in str(refused.value)
    lease.close()


def test_an_address_that_makes_no_sense_stops_the_start():
    with pytest.raises(StartError, match="RedisLease cannot use an address"):
        RedisLease("no address").start()
