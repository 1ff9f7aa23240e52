"""The worker of the seed: its states, its times, what happens to it, and where it is kept."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.seed_parts import a_worker, repository_of
from wca.errors import ValidationError
from wca.workers import (
    CMLWorker,
    CMLWorkerCreatedDomainEvent,
    CMLWorkerImportedDomainEvent,
    CMLWorkerStatus,
    CMLWorkerStatusUpdatedDomainEvent,
    CMLWorkerTelemetryUpdatedDomainEvent,
    CMLWorkerTerminatedDomainEvent,
    EventBus,
    integration_event_handler,
    map_ec2_state_to_cml_status,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("ec2_state", "status"),
    [
        ("pending", "PENDING"),
        ("running", "RUNNING"),
        ("stopping", "STOPPING"),
        ("stopped", "STOPPED"),
        ("shutting-down", "STOPPING"),
        ("terminated", "TERMINATED"),
        ("unknown", "UNKNOWN"),
        ("anything else", "UNKNOWN"),
    ],
)
def test_each_state_of_ec2_is_one_status(ec2_state, status):
    assert map_ec2_state_to_cml_status(ec2_state) is CMLWorkerStatus[status]


def test_a_new_worker_is_pending_and_an_imported_one_unknown_until_ec2_is_asked():
    created = a_worker(at=T0)
    imported = CMLWorker.import_instance("name", "eu-west-1", "i-1", worker_id="w2", at=T0)
    assert created.state.status is CMLWorkerStatus.PENDING
    assert imported.state.status is CMLWorkerStatus.UNKNOWN
    assert created.take_events() == [
        CMLWorkerCreatedDomainEvent(
            aggregate_id="w1", at=T0, name="name of w1", aws_region="eu-west-1"
        )
    ]
    assert imported.take_events() == [
        CMLWorkerImportedDomainEvent(
            aggregate_id="w2", at=T0, name="name", aws_region="eu-west-1", aws_instance_id="i-1"
        )
    ]


def test_the_last_transition_is_when_the_status_became_another():
    worker = a_worker(at=T0)
    assert worker.update_status(CMLWorkerStatus.RUNNING, T0 + MINUTE)
    assert not worker.update_status(CMLWorkerStatus.RUNNING, T0 + 2 * MINUTE)
    assert worker.state.last_transition_at == T0 + MINUTE


def test_being_measured_is_no_activity():
    worker = a_worker(at=T0)
    worker.update_telemetry(20.0, 30.0, last_activity_at=T0 + MINUTE, at=T0 + MINUTE)
    worker.update_telemetry(0.1, 30.0, at=T0 + 2 * MINUTE)
    assert worker.state.last_activity_at == T0 + MINUTE


def test_no_number_is_not_zero():
    worker = a_worker()
    worker.update_telemetry(0.0, 0.0)
    assert (worker.state.cpu_utilization, worker.state.memory_utilization) == (0.0, 0.0)
    assert worker.update_telemetry(0.0, None)
    assert (worker.state.cpu_utilization, worker.state.memory_utilization) == (0.0, None)


def test_labs_stay_as_they_are_where_nobody_counts_them():
    worker = a_worker()
    worker.update_telemetry(1.0, 1.0, active_labs_count=3)
    worker.update_telemetry(1.0, 1.0)
    assert worker.state.active_labs_count == 3


def test_the_end_of_a_worker_is_told_once():
    worker = a_worker(at=T0)
    worker.take_events()
    assert worker.terminate(T0 + MINUTE)
    assert not worker.terminate(T0 + 2 * MINUTE)
    assert worker.take_events() == [
        CMLWorkerStatusUpdatedDomainEvent(
            aggregate_id="w1",
            at=T0 + MINUTE,
            old_status=CMLWorkerStatus.PENDING,
            new_status=CMLWorkerStatus.TERMINATED,
        ),
        CMLWorkerTerminatedDomainEvent(aggregate_id="w1", at=T0 + MINUTE),
    ]


@given(st.lists(st.tuples(st.sampled_from(CMLWorkerStatus), st.integers(1, 60)), max_size=30))
def test_statuses_and_their_events_agree(steps):
    worker, now = a_worker(at=T0), T0
    worker.take_events()
    seen = [CMLWorkerStatus.PENDING]
    for status, minutes in steps:
        now += minutes * MINUTE
        assert worker.update_status(status, now) == (status is not seen[-1])
        if status is not seen[-1]:
            seen.append(status)
            assert worker.state.last_transition_at == now
    told = [e for e in worker.take_events() if isinstance(e, CMLWorkerStatusUpdatedDomainEvent)]
    assert [e.old_status for e in told] == seen[:-1]
    assert [e.new_status for e in told] == seen[1:]


_percent = st.none() | st.sampled_from([0.0, 3.0, 95.0])


@given(st.lists(st.tuples(_percent, _percent, st.none() | st.integers(0, 2)), max_size=20))
def test_telemetry_is_told_when_a_number_is_another_and_only_then(polls):
    worker = a_worker()
    worker.take_events()
    before = (None, None, 0)
    for cpu, memory, labs in polls:
        now = (cpu, memory, before[2] if labs is None else labs)
        assert worker.update_telemetry(cpu, memory, active_labs_count=labs) == (now != before)
        told = worker.take_events()
        assert [(e.cpu_utilization, e.memory_utilization, e.active_labs_count) for e in told] == (
            [now] if now != before else []
        )
        assert all(isinstance(e, CMLWorkerTelemetryUpdatedDomainEvent) for e in told)
        before = now


# The repository


def test_a_change_that_is_not_saved_is_none():
    async def changes():
        repository = await repository_of(a_worker())
        worker = await repository.get_by_id_async("w1")
        worker.update_status(CMLWorkerStatus.RUNNING)
        before = (await repository.get_by_id_async("w1")).state.status
        await repository.update_async(worker)
        return before, (await repository.get_by_id_async("w1")).state.status

    assert asyncio.run(changes()) == (CMLWorkerStatus.PENDING, CMLWorkerStatus.RUNNING)


def test_active_workers_are_those_that_have_not_ended():
    async def active():
        stopped, ended = a_worker("stopped"), a_worker("ended")
        stopped.update_status(CMLWorkerStatus.STOPPED)
        ended.terminate()
        repository = await repository_of(a_worker("new"), stopped, ended)
        return [worker.id for worker in await repository.get_active_workers_async()]

    assert asyncio.run(active()) == ["new", "stopped"]


def test_an_id_is_added_once_and_a_forgotten_one_is_gone():
    async def twice():
        repository = await repository_of(a_worker())
        with pytest.raises(ValidationError, match="worker w1 is there already"):
            await repository.add_async(a_worker())
        await repository.remove_async("w1")
        assert await repository.get_by_id_async("w1") is None

    asyncio.run(twice())


def test_events_are_published_after_the_save_and_once():
    async def published():
        repository = await repository_of()
        seen = []

        @integration_event_handler(CMLWorkerCreatedDomainEvent)
        async def on_worker_created(event):
            kept = await repository.get_by_id_async(event.aggregate_id)
            seen.append((event.type, kept.state.name))

        repository.events.register(on_worker_created)
        worker = await repository.add_async(a_worker())
        await repository.update_async(worker)
        return seen

    assert asyncio.run(published()) == [("cml_worker.created.v1", "name of w1")]


# The bus of events


def test_a_handler_that_fails_keeps_no_other_from_being_told(caplog):
    bus, told = EventBus(), []

    @integration_event_handler(CMLWorkerTerminatedDomainEvent)
    async def fails(event):
        raise RuntimeError("no")

    @integration_event_handler(CMLWorkerTerminatedDomainEvent)
    async def works(event):
        told.append(event.aggregate_id)

    for handler in (fails, works, works):
        bus.register(handler)
    event = CMLWorkerTerminatedDomainEvent(aggregate_id="w1", at=T0)
    asyncio.run(bus.publish_async(event))
    bus.unregister(works)
    asyncio.run(bus.publish_async(event))
    assert told == ["w1"]
    assert "A handler of cml_worker.terminated.v1 failed for w1: no" in caplog.text


def test_what_handles_no_event_is_refused():
    async def handler(event):
        pass

    with pytest.raises(ValidationError, match="decorate it with @integration_event_handler"):
        EventBus().register(handler)
    with pytest.raises(ValidationError, match="'created' is no domain event"):
        integration_event_handler("created")
