"""What is known of a worker after a poll. Pure."""

from dataclasses import replace

from wca.workers.model import Gone, InstanceState, Sample, Status, Verdict, WorkerState

__all__ = ["CPU", "MEMORY", "has_ended", "next_state"]

#: The readings that WCA itself gives a meaning: in percent.
CPU, MEMORY = "cpu", "memory"


def has_ended(status: Status | Gone | None) -> bool:
    """Whether an instance is over for good."""
    if isinstance(status, Gone):
        return True
    return status is not None and status.state is InstanceState.TERMINATED


def next_state(before: WorkerState | None, sample: Sample, active_above: float) -> WorkerState:
    """What is known of a worker after a sample.

    Args:
        before: what was known; None: nothing.
        sample: what was found. What could not be asked this time stays as it was known.
        active_above: percentage of CPU above which a worker is active, and not idle.
    """
    known = WorkerState(sample.worker) if before is None else before
    status = sample.status
    if status is None:
        return replace(known, worker=sample.worker)
    state = InstanceState.TERMINATED if isinstance(status, Gone) else status.state
    # Of the state that the first poll finds nobody knows since when it is so.
    first = known.polled_at is None
    changed = not first and state is not known.state
    return replace(
        known,
        worker=sample.worker,
        state=state,
        checks=known.checks if isinstance(status, Gone) else status.checks,
        changed_at=sample.at if changed else known.changed_at,
        polled_at=sample.at,
        active_at=sample.at if _is_active(sample, active_above) else known.active_at,
        readings=sample.readings,
    )


def _is_active(sample: Sample, above: float) -> bool:
    cpu = sample.readings.get(CPU)
    return (
        cpu is not None
        and cpu.verdict is Verdict.VALUE
        and cpu.value is not None
        and cpu.value > above
    )
