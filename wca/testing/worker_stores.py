"""For tests of what keeps states and the history of workers, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

from wca.abilities import ability, ability_problems
from wca.testing.leaks import given_back, open_things
from wca.workers.api import History, WorkerStore
from wca.workers.model import (
    Action,
    ActionRecord,
    Alert,
    AlertState,
    Checks,
    Gone,
    InstanceState,
    Reading,
    Sample,
    Severity,
    Status,
    Verdict,
    Worker,
    WorkerState,
)

__all__ = ["HistoryContract", "WorkerStoreContract", "an_alert", "a_sample", "a_state", "a_worker"]

_ODD = ["i-0123456789abcdef0", "a b", "é\u2028", "'; --", '"', "%s", "x" * 200]
_NOW = 1_700_000_000.25


def a_worker(worker_id: str = "i-1") -> Worker:
    """A worker with everything that it may have."""
    return Worker(worker_id, "eu-west-1", "i-1", "prod", "web 1", {"team": "é", "": "x\ny"})


def a_state(worker_id: str = "i-1", **fields: Any) -> WorkerState:
    """A state with everything that it may have."""
    full = WorkerState(
        a_worker(worker_id),
        InstanceState.RUNNING,
        Checks("ok", "impaired", "ok"),
        changed_at=_NOW - 60,
        polled_at=_NOW,
        active_at=None,
        readings={
            "cpu": Reading(Verdict.VALUE, 12.5, _NOW - 300),
            "memory": Reading(Verdict.NO_DATA),
            "disk": Reading(Verdict.ZERO, 0.0, _NOW),
        },
        monitored=False,
    )
    return dataclasses.replace(full, **fields)


def an_alert(key: str = "k", worker_id: str = "i-1", **fields: Any) -> Alert:
    """An alert that fires."""
    full = Alert(
        key,
        "cpu high",
        a_worker(worker_id),
        Severity.WARNING,
        AlertState.FIRING,
        "CPU is at 97 %, above 90 %.",
        97.0,
        3,
        _NOW - 600,
        fired_at=_NOW,
    )
    return dataclasses.replace(full, **fields)


def a_sample(worker_id: str = "i-1", at: float = _NOW, **readings: Reading) -> Sample:
    """What a poll found of a worker that runs."""
    worker = a_worker(worker_id)
    return Sample(worker, at, Status(worker.instance_id, InstanceState.RUNNING), readings)


class _Kept:
    """What both contracts have in common."""

    def make(self) -> Any:
        raise NotImplementedError

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        made = self.make()
        try:
            yield made
        finally:
            _call(made, "close", 5.0)

    def test_the_agent_can_call_it_and_its_constructor_opens_nothing(self) -> None:
        """A configuration is checked on any machine."""
        before = open_things()
        made = self.make()
        assert ability_problems(made) == []
        assert given_back(before)


class WorkerStoreContract(_Kept):
    """What every worker store must do.

    Make a subclass named ``Test...`` and override ``store``.
    """

    #: Workers of a large fleet.
    many = 3000

    def store(self) -> WorkerStore:
        """Make a store that works here; several in one test are those of several runs."""
        raise NotImplementedError

    def make(self) -> WorkerStore:
        """The same, for tests that are common to all that keeps something."""
        return self.store()

    def opened(self) -> contextlib.AbstractContextManager[WorkerStore]:
        """A store that is closed afterwards."""
        return self._opened()

    def test_a_new_store_is_empty(self) -> None:
        """And takes nothing without an error."""
        with self.opened() as store:
            store.save([])
            store.save_alerts([])
            store.remove([])
            store.remove(["never kept"])
            assert dict(store.load()) == {}
            assert list(store.load_alerts()) == []
            assert list(store.actions(0.0)) == []

    def test_states_are_given_back_as_they_were(self) -> None:
        """With all their fields, and whatever a worker is called."""
        states = {worker_id: a_state(worker_id) for worker_id in _ODD}
        states["new"] = WorkerState(Worker("new", "eu-west-1", ""))
        with self.opened() as store:
            store.save(iter(states.values()))
        with self.opened() as store:
            assert dict(store.load()) == states

    def test_every_state_of_an_instance_can_be_kept(self) -> None:
        """And every verdict on a reading."""
        states = [
            a_state(str(state), state=state, readings={str(verdict): Reading(verdict, 1.0)})
            for state in InstanceState
            for verdict in Verdict
        ]
        with self.opened() as store:
            store.save(states)
            assert dict(store.load()) == {state.worker.id: state for state in states}

    def test_the_last_state_of_a_worker_is_kept(self) -> None:
        """And those of the others stay."""
        with self.opened() as store:
            store.save([a_state("a"), a_state("b")])
            store.save([a_state("a", monitored=True)])
            assert dict(store.load()) == {"a": a_state("a", monitored=True), "b": a_state("b")}

    def test_alerts_are_kept_by_their_keys_until_they_are_resolved(self) -> None:
        """Pending and firing ones are given back as they were."""
        pending = an_alert("a", state=AlertState.PENDING, fired_at=None, value=None)
        with self.opened() as store:
            store.save_alerts([pending, an_alert("b"), an_alert("c")])
        with self.opened() as store:
            assert _by_key(store) == {"a": pending, "b": an_alert("b"), "c": an_alert("c")}
            resolved = an_alert("b", state=AlertState.RESOLVED, resolved_at=_NOW)
            store.save_alerts([resolved, an_alert("a", polls=9)])
            assert _by_key(store) == {"a": an_alert("a", polls=9), "c": an_alert("c")}

    def test_of_the_same_key_in_one_call_the_last_counts(self) -> None:
        """Fired and resolved at once is resolved."""
        resolved = an_alert("a", state=AlertState.RESOLVED)
        with self.opened() as store:
            store.save_alerts([an_alert("a"), resolved, an_alert("b"), an_alert("b", polls=9)])
            assert _by_key(store) == {"b": an_alert("b", polls=9)}

    def test_a_worker_that_is_removed_takes_its_alerts_with_it(self) -> None:
        """Its actions stay: the budget counts them."""
        action = ActionRecord(a_worker("a"), Action.REBOOT, _NOW, "because", "done")
        with self.opened() as store:
            store.save([a_state("a"), a_state("b")])
            store.save_alerts([an_alert("1", "a"), an_alert("2", "b"), an_alert("3", "a")])
            store.record([action])
            store.remove(["a", "never kept"])
            assert dict(store.load()) == {"b": a_state("b")}
            assert _by_key(store) == {"2": an_alert("2", "b")}
            assert list(store.actions(0.0)) == [action]

    def test_actions_are_told_in_order_of_time(self) -> None:
        """Since a time, that one included; two alike are two."""
        actions = [
            ActionRecord(a_worker(), action, _NOW + number, "because", "dry run")
            for number, action in enumerate(Action)
        ]
        with self.opened() as store:
            store.record([])
            store.record(iter(actions[1:]))
            for action in (actions[0], actions[-1]):
                store.record([action])
        with self.opened() as store:
            assert list(store.actions(_NOW)) == [*actions, actions[-1]]
            assert list(store.actions(_NOW + 1)) == [*actions[1:], actions[-1]]
            assert list(store.actions(_NOW + 99)) == []

    def test_metrics_that_were_requested_are_counted_by_month(self) -> None:
        """By all that share the store, and over restarts."""
        with self.opened() as one, self.opened() as other:
            assert one.requested("2026-11", 0) == 0
            assert one.requested("2026-11", 3_000_000_000) == 3_000_000_000
            assert other.requested("2026-11", 500) == 3_000_000_500
            assert other.requested("2026-12", 7) == 7
        with self.opened() as store:
            assert store.requested("2026-11", 0) == 3_000_000_500

    def test_a_large_fleet_is_kept(self) -> None:
        """In one call, and forgotten in one."""
        states = {str(number): a_state(str(number)) for number in range(self.many)}
        with self.opened() as store:
            store.save(states.values())
            assert dict(store.load()) == states
            store.remove(states)
            assert dict(store.load()) == {}

    def test_it_works_again_after_close_which_gives_everything_back(self) -> None:
        """No descriptor and no thread outlives it."""
        before = open_things()
        store = self.store()
        _call(store, "close", 5.0)
        _call(store, "start")
        for _ in range(2):
            store.save([a_state()])
            _call(store, "close", 5.0)
        assert given_back(before)


class HistoryContract(_Kept):
    """What every history that can be asked must do.

    Make a subclass named ``Test...`` and override ``history``, whose clock is to stand at ``now``.
    """

    #: Unix time of all samples of these tests, or a little before it.
    now = _NOW

    def history(self) -> History:
        """Make a history that works here; several in one test are those of several runs."""
        raise NotImplementedError

    def make(self) -> History:
        """The same, for tests that are common to all that keeps something."""
        return self.history()

    def opened(self) -> contextlib.AbstractContextManager[History]:
        """A history that is closed afterwards."""
        return self._opened()

    def test_nothing_is_known_of_a_worker_that_was_never_polled(self) -> None:
        """And no samples are no error."""
        with self.opened() as history:
            history.append([])
            assert list(history.query("a", 0.0, self.now)) == []

    def test_a_worker_is_told_from_others_and_in_order_of_time(self) -> None:
        """Within a window whose ends belong to it."""
        with self.opened() as history:
            for back in (0, 3, 1, 2):
                history.append([a_sample(worker_id, self.now - back) for worker_id in _ODD])
        with self.opened() as history:
            for worker_id in _ODD:
                found = history.query(worker_id, self.now - 2, self.now - 1)
                assert [point.at for point in found] == [self.now - 2, self.now - 1]

    def test_readings_that_had_a_value_are_kept(self) -> None:
        """Zero is one; what is not known is none."""
        sample = a_sample(
            cpu=Reading(Verdict.VALUE, 12.5, 1.0),
            idle=Reading(Verdict.ZERO, 0.0, 1.0),
            old=Reading(Verdict.STALE, 3.0, 1.0),
            none=Reading(Verdict.NO_DATA),
            throttled=Reading(Verdict.THROTTLED),
        )
        with self.opened() as history:
            history.append([sample])
            (point,) = history.query("i-1", 0.0, self.now)
        assert dict(point.values) == {"cpu": 12.5, "idle": 0.0, "old": 3.0}
        assert point.state is InstanceState.RUNNING

    def test_a_terminated_worker_has_a_history(self) -> None:
        """So has one that could not be asked."""
        worker = a_worker()
        with self.opened() as history:
            history.append([a_sample(at=self.now - 2)])
            history.append([Sample(worker, self.now - 1, None)])
            history.append([Sample(worker, self.now, Gone("i-1"))])
            states = [point.state for point in history.query("i-1", 0.0, self.now)]
        assert states == [InstanceState.RUNNING, InstanceState.UNKNOWN, InstanceState.TERMINATED]

    def test_the_same_sample_is_kept_once(self) -> None:
        """What was tried again after an error is no second poll."""
        with self.opened() as history:
            history.append([a_sample(), a_sample()])
            history.append([a_sample()])
            assert len(history.query("i-1", 0.0, self.now)) == 1

    def test_it_works_again_after_close_which_gives_everything_back(self) -> None:
        """No descriptor and no thread outlives it."""
        before = open_things()
        history = self.history()
        _call(history, "close", 5.0)
        _call(history, "start")
        for number in range(2):
            history.append([a_sample(at=self.now - number)])
            _call(history, "close", 5.0)
        assert given_back(before)


def _by_key(store: WorkerStore) -> dict[str, Alert]:
    return {alert.key: alert for alert in store.load_alerts()}


def _call(component: object, name: str, *arguments: Any) -> None:
    method = ability(component, name)
    if method is not None:
        method(*arguments)
