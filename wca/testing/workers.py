"""For tests of leases and job stores of worker monitoring, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wca.abilities import ability, ability_problems
from wca.testing.leaks import given_back, open_things
from wca.workers.api import Lease
from wca.workers.schedule.api import Job, JobStore

__all__ = ["JobStoreContract", "LeaseContract"]

_ODD = ["/eu-west-1", "a/eu-west-1", "", "a b", "é", "'; --", '"', "%", "x" * 200]


class LeaseContract:
    """What every lease must do.

    Make a subclass named ``Test...`` and override ``lease``, and ``pass_time`` where the clock of
    the lease is the test's::

        class TestMyLease(LeaseContract):
            def lease(self):
                return MyLease(self.address, ttl=self.ttl)
    """

    #: Seconds of all leases of these tests.
    ttl: float = 1.0

    def lease(self) -> Lease:
        """Make a lease that works here; several in one test are those of several agents."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Lease]:
        """A lease that is closed afterwards."""
        lease = self.lease()
        try:
            yield lease
        finally:
            _call(lease, "close", 5.0)

    @contextlib.contextmanager
    def two(self) -> Iterator[tuple[Lease, Lease]]:
        """Those of two agents."""
        with self.opened() as one, self.opened() as other:
            yield one, other

    def test_it_is_a_lease_as_the_agent_calls_it(self) -> None:
        """With a time after which it is free."""
        lease = self.lease()
        assert isinstance(lease, Lease)
        assert ability_problems(lease) == []
        assert lease.ttl == self.ttl

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine."""
        before = open_things()
        lease = self.lease()
        assert given_back(before), f"{type(lease).__name__}() opened something"

    def test_what_is_free_is_taken_and_renewed_by_its_owner_alone(self) -> None:
        """Again and again."""
        with self.two() as (one, other):
            for _ in range(3):
                assert one.hold("key", "one") is True
                assert other.hold("key", "other") is False

    def test_keys_are_told_apart(self) -> None:
        """Whatever an account is called."""
        with self.two() as (one, other):
            for key in _ODD:
                assert one.hold(key, "one")
            assert not any(other.hold(key, "other") for key in _ODD)
            one.release("a b", "one")
            assert [key for key in _ODD if other.hold(key, "other")] == ["a b"]

    def test_what_is_given_back_is_free_at_once(self) -> None:
        """Twice is once."""
        with self.two() as (one, other):
            assert one.hold("key", "one")
            one.release("key", "one")
            one.release("key", "one")
            assert other.hold("key", "other")
            assert not one.hold("key", "one")

    def test_only_its_owner_gives_it_back(self) -> None:
        """A late release takes nothing from the one who has it now."""
        with self.two() as (one, other):
            assert one.hold("key", "one")
            other.release("key", "other")
            other.release("never held", "other")
            assert not other.hold("key", "other")

    def test_it_tells_who_holds_what(self) -> None:
        """Without what was given back, and what is over."""
        with self.two() as (one, other):
            for key in _ODD:
                assert one.hold(key, f"owner of {key}")
            assert other.holders() == {key: f"owner of {key}" for key in _ODD}
            one.release("a b", "owner of a b")
            assert "a b" not in other.holders()
            self.pass_time(self.ttl)
            assert other.hold("key", "other")
            assert one.holders() == {"key": "other"}

    def test_what_is_not_renewed_is_taken_over_within_its_time(self) -> None:
        """And the one who slept is told so."""
        with self.two() as (one, other):
            assert one.hold("key", "one")
            self.pass_time(self.ttl)
            assert other.hold("key", "other")
            assert not one.hold("key", "one")

    def test_what_is_renewed_is_not_taken_over(self) -> None:
        """However long it is held."""
        with self.two() as (one, other):
            for _ in range(4):
                assert one.hold("key", "one")
                self.pass_time(self.ttl * 0.4)
                assert not other.hold("key", "other")

    def test_of_many_who_ask_at_once_one_gets_it(self) -> None:
        """Each with a connection of its own."""
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(6) as pool:
            leases = [stack.enter_context(self.opened()) for _ in range(6)]
            for key in ("a", "b", "c"):
                asked = [
                    pool.submit(lease.hold, key, f"owner {number}")
                    for number, lease in enumerate(leases)
                ]
                assert sum(one.result() for one in asked) == 1

    def test_it_works_again_after_close_which_gives_everything_back(self) -> None:
        """No descriptor and no thread outlives it."""
        before = open_things()
        lease = self.lease()
        _call(lease, "close", 5.0)
        _call(lease, "start")
        for _ in range(2):
            assert lease.hold("key", "one")
            _call(lease, "close", 5.0)
        _call(lease, "close", 5.0)
        assert given_back(before)


class JobStoreContract:
    """What every job store must do.

    Make a subclass named ``Test...`` and override ``store``.
    """

    #: Whether jobs outlive the one that kept them.
    lasting = True

    def store(self) -> JobStore:
        """Make a store that works here; several in one test are those of several runs."""
        raise NotImplementedError

    @contextlib.contextmanager
    def opened(self) -> Iterator[JobStore]:
        """A store that is closed afterwards."""
        store = self.store()
        try:
            yield store
        finally:
            _call(store, "close", 5.0)

    def test_it_is_a_job_store_as_the_agent_calls_it(self) -> None:
        """And its constructor opens nothing."""
        before = open_things()
        store = self.store()
        assert isinstance(store, JobStore)
        assert ability_problems(store) == []
        assert given_back(before)

    def test_a_new_store_is_empty(self) -> None:
        """And nothing is removed from it without an error."""
        with self.opened() as store:
            store.remove(["never kept"])
            store.remove([])
            store.save([])
            assert list(store.load()) == []

    def test_jobs_are_given_back_as_they_were(self) -> None:
        """Whatever their key is called."""
        jobs = [Job(key, 60.0, 6.5, 1_700_000_000.25, data=100 * key) for key in _ODD]
        with self.opened() as store:
            store.save(jobs)
            assert _ordered(store) == sorted(jobs, key=lambda job: job.key)

    def test_the_last_one_of_a_key_is_kept(self) -> None:
        """In one call and in several."""
        with self.opened() as store:
            store.save([Job("a", 60.0, 0.0, 1.0), Job("b", 60.0, 0.0, 1.0)])
            store.save([Job("a", 30.0, 5.0, 2.0)])
            assert _ordered(store) == [Job("a", 30.0, 5.0, 2.0), Job("b", 60.0, 0.0, 1.0)]

    def test_what_is_removed_is_gone(self) -> None:
        """And nothing else."""
        with self.opened() as store:
            store.save([Job(key, 60.0, 0.0, 1.0) for key in "abc"])
            store.remove(["a", "c", "never kept"])
            assert [job.key for job in store.load()] == ["b"]

    def test_jobs_outlive_the_one_that_kept_them(self) -> None:
        """As after a restart."""
        if not self.lasting:
            return
        with self.opened() as store:
            store.save([Job("a", 60.0, 0.0, 1.0)])
        with self.opened() as store:
            assert list(store.load()) == [Job("a", 60.0, 0.0, 1.0)]

    def test_it_works_again_after_close_which_gives_everything_back(self) -> None:
        """No descriptor and no thread outlives it."""
        before = open_things()
        store = self.store()
        _call(store, "close", 5.0)
        _call(store, "start")
        for _ in range(2):
            store.save([Job("a", 60.0, 0.0, 1.0)])
            _call(store, "close", 5.0)
        assert given_back(before)


def _ordered(store: JobStore) -> list[Job]:
    return sorted(store.load(), key=lambda job: job.key)


def _call(component: object, name: str, *arguments: Any) -> None:
    method = ability(component, name)
    if method is not None:
        method(*arguments)
