"""``/status.json``: everything that the page shows, as one document. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from wca.audit.sentences import plain
from wca.metrics import Measurements
from wca.status.table import TaskLine

__all__ = ["VERSION", "Snapshot", "document"]

#: Of the document; it changes when something that was there means something else, or is gone.
VERSION = 1
#: Letters of an error that are told.
_WIDE = 500


class Health(Protocol):
    """Knows how the parts of the agent are, at any moment."""

    def healthy(self, component: str) -> bool | None:
        """Whether the last attempt succeeded; None before the first."""

    def failures(self, component: str) -> int:
        """Failed attempts since start."""

    def reason(self, component: str) -> str | None:
        """Why the last attempt that failed has; None: none has."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known after an interval; never changed, so that other threads may read it.

    Args:
        at: Unix time of the measurement, in seconds; None: nothing was measured yet.
        tasks: those that are shown.
        tasks_left_out: how many are not.
        node: what is known of the machine, by name.
        internal: what the agent has measured about itself, by metric.
    """

    at: float | None = None
    tasks: Sequence[TaskLine] = ()
    tasks_left_out: int = 0
    node: Mapping[str, Any] = field(default_factory=dict)
    internal: Measurements = field(default_factory=dict)


def document(
    snapshot: Snapshot,
    facts: Mapping[str, Any],
    now: float,
    health: Health,
    *,
    history: bool,
) -> dict[str, Any]:
    """What is known, for people and for programs; what is not measured is left out.

    Args:
        snapshot: of the last interval.
        facts: of the agent, which no interval changes.
        now: Unix time in seconds.
        health: knows how parts are.
        history: whether tasks have all their points.
    """
    internal = snapshot.internal
    states = _collector_states(internal)
    storages = list(internal.get("wca_collected_samples", {}))
    others = ["loop", *internal.get("wca_healthy", {})]
    others = [name for name in dict.fromkeys(others) if name not in {*states, *storages}]
    told: dict[str, Any] = {
        "version": VERSION,
        "now": now,
        "at": snapshot.at,
        "agent": {**facts, **_agent(internal)},
        "node": dict(snapshot.node),
        "tasks": [line.row(history=history) for line in snapshot.tasks],
        "tasks_left_out": snapshot.tasks_left_out,
        "collectors": [
            {**_part(name, health, state), **_of_collector(name, internal)}
            for name, state in states.items()
        ],
        "storages": [{**_part(name, health), **_books(name, internal)} for name in storages],
        "parts": [_part(name, health) for name in others],
    }
    return {name: one for name, one in told.items() if one is not None}


def _agent(internal: Measurements) -> dict[str, Any]:
    """Numbers of the agent that each interval changes."""
    return _known(
        last_iteration_seconds=internal.get("wca_iteration_duration_seconds"),
        overruns=internal.get("wca_overruns"),
        memory_bytes=internal.get("wca_memory_usage_bytes"),
        cpu_seconds=internal.get("wca_cpu_seconds"),
        budget_level=internal.get("wca_budget_level"),
    )


def _collector_states(internal: Measurements) -> dict[str, str]:
    states = internal.get("wca_collector_state", {})
    return {name: state for name, one in states.items() for state in one}


def _part(name: str, health: Health, state: str | None = None) -> dict[str, Any]:
    """How a part is; the state of a collector is known already."""
    healthy, reason = health.healthy(name), health.reason(name)
    return _known(
        name=name,
        state=state or {None: "idle", False: "failing"}.get(healthy, "working"),
        failures=health.failures(name),
        error=None if reason is None else plain(reason, _WIDE),
    )


def _of_collector(name: str, internal: Measurements) -> dict[str, Any]:
    return _known(
        cpu_seconds=_of(internal, "wca_collector_cpu_seconds", name),
        age_seconds=_of(internal, "wca_collector_age_seconds", name),
        tasks_unmeasured=_of(internal, "wca_tasks_unmeasured", name),
    )


def _books(name: str, internal: Measurements) -> dict[str, Any]:
    """The ledger of a storage: collected + recovered = delivered + dropped + waiting."""
    dropped = _of(internal, "wca_dropped_samples", name) or {}
    return _known(
        collected=_of(internal, "wca_collected_samples", name),
        recovered=_of(internal, "wca_recovered_samples", name),
        delivered=_of(internal, "wca_delivered_samples", name),
        dropped=dict(dropped),
        waiting=_of(internal, "wca_waiting_samples", name),
        waiting_bytes=_of(internal, "wca_waiting_bytes", name),
        waiting_since=_of(internal, "wca_waiting_since", name),
        damaged_spools=_of(internal, "wca_damaged_spools", name),
    )


def _of(internal: Measurements, metric: str, name: str) -> Any:
    return internal.get(metric, {}).get(name)


def _known(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
