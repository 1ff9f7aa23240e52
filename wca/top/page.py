"""The page of an agent's PrometheusStorage as a reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.collectors.work.text import Series, is_text, parse_sample
from wca.errors import WcaError
from wca.metrics import Measurements, MetricGranularity
from wca.top.figures import precise
from wca.top.names import READ_BY, Known, known_metric
from wca.top.reading import Facts, Reading, Watched

__all__ = ["PageReader"]

_G = MetricGranularity
_NUMBERS = (_G.TASK, _G.PLATFORM, _G.INTERNAL)
#: Labels of a task that its series keep under every name.
_ID, _NAME, _CONTAINER = "task_id", "task_name", "container"
#: Labels that tell where something is granted.
_PLACES = ("group_name", "domain_id", "device", "limit")
#: Not what a task is granted, but what is known of it.
_NOT_GRANTED = ("allocation_effect", "allocation_contention", "allocation_suppress")


@dataclass(slots=True)
class _Growing:
    """A reading that is being put together."""

    tasks: dict[str, Watched] = field(default_factory=dict)
    machine: Measurements = field(default_factory=dict)
    agent: Measurements = field(default_factory=dict)
    anomalies: dict[str, dict[str, tuple[str, list[str]]]] = field(default_factory=dict)
    allocations: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    host: str = ""


class PageReader:
    """Reads page after page of one agent. What the lines say before their values is kept."""

    def __init__(self) -> None:
        self._lines: dict[bytes, tuple[Series, Known | None] | None] = {}

    def read(self, page: bytes) -> Reading:
        """What a page says.

        Args:
            page: in Prometheus' text format.

        Raises:
            WcaError: it is no page of an agent, or has names that are not understood.
        """
        growing, lines = _Growing(), {}
        for line in page.split(b"\n"):
            head, _, text = line.rstrip().rpartition(b" ")
            if not head or head.startswith(b"#"):
                continue
            if head not in self._lines:
                self._lines[head] = _parsed(line)
            known = lines[head] = self._lines[head]
            value = _number(text)
            if known is not None and value is not None:
                _add(growing, *known, value)
        self._lines = lines  # series of tasks that are gone are forgotten
        return _reading(growing, page)


def _parsed(line: bytes) -> tuple[Series, Known | None] | None:
    series = parse_sample(line)
    return None if series is None else (series, known_metric(series.name))


def _number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _add(growing: _Growing, series: Series, known: Known | None, value: float) -> None:
    labels = series.labels
    growing.host = growing.host or labels.get("host", "")
    if known is None:
        if _ID in labels:  # of a plugin
            _put(_task(growing, labels, part=_CONTAINER in labels).values, series.name, (), value)
        return
    entry = known.entry
    growing.names.add(entry.name)
    value *= known.factor
    if entry.granularity in _NUMBERS:
        _add_number(growing, labels, known, value)
    elif entry.name == "anomaly":
        _add_anomaly(growing, labels)
    elif entry.granularity is _G.ALLOCATION and _ID in labels:
        _add_allocation(growing, entry.name, labels, value)


def _add_number(growing: _Growing, labels: Mapping[str, str], known: Known, value: float) -> None:
    entry = known.entry
    keys = tuple(labels[level] for level in entry.levels if level in labels)
    if len(keys) < len(entry.levels):
        return  # nobody knows which of them it is
    if entry.granularity is _G.TASK:
        if _ID in labels or _NAME in labels:
            _put(_task(growing, labels, part=known.part).values, entry.name, keys, value)
    elif entry.granularity is _G.PLATFORM:
        _put(growing.machine, entry.name, keys, value)
    else:
        _put(growing.agent, entry.name, keys, value)
        if known.moment:
            growing.names.add(f"{entry.name} as a time")


def _task(growing: _Growing, labels: Mapping[str, str], *, part: bool) -> Watched:
    task_id = labels.get(_ID) or labels.get(_NAME, "")
    name = labels.get(_NAME, task_id)
    container = labels.get(_CONTAINER, "")
    key = f"{task_id}\0{container}" if part else task_id
    found = growing.tasks.get(key)
    if found is None:
        shown = f"{name} {container}" if part else name
        own = {label: text for label, text in labels.items() if label != "host"}
        found = growing.tasks[key] = Watched(key, task_id, shown, own, {}, part)
    return found


def _put(values: Measurements, name: str, keys: tuple[str, ...], value: float) -> None:
    """A number at its place; of series that differ in nothing that is known there is the sum."""
    for key in keys:
        values = values.setdefault(name, {})
        name = key
    before: Any = values.get(name, 0)
    values[name] = before + value if isinstance(before, (int, float)) else value


def _add_anomaly(growing: _Growing, labels: Mapping[str, str]) -> None:
    """One series for each task that takes; those of one anomaly have its uuid."""
    what = labels.get("verdict") or labels.get("type", "?")
    resource = labels.get("resource", "")
    words = f"{what} ({resource})" if resource not in ("", what) else what
    taker = labels.get("contending_task_name") or labels.get("contending_task_id")
    key = labels.get("uuid") or words
    victims = growing.anomalies.setdefault(labels.get("contended_task_id", ""), {})
    takers = victims.setdefault(key, (words, []))[1]
    takers += [taker] if taker else []


def _add_allocation(growing: _Growing, name: str, labels: Mapping[str, str], value: float) -> None:
    """One series, or several, for each kind of allocation of a task."""
    if name.startswith(_NOT_GRANTED):
        return
    what = name.removeprefix("allocation_")
    places = [labels[label] for label in _PLACES if label in labels]
    kind = labels.get("allocation_type", what)
    kinds = growing.allocations.setdefault(labels[_ID], {})
    kinds.setdefault(kind, []).append(" ".join((what, *places, precise(value))))


def _reading(growing: _Growing, page: bytes) -> Reading:
    agent = growing.agent
    moment = agent.get("wca_up")
    anomalies = {
        victim: {
            key: f"{words} by {', '.join(takers)}" if takers else words
            for key, (words, takers) in found.items()
        }
        for victim, found in growing.anomalies.items()
    }
    allocations = {
        task_id: {kind: ", ".join(words) for kind, words in kinds.items()}
        for task_id, kinds in growing.allocations.items()
    }
    if not isinstance(moment, (int, float)):
        raise WcaError(_not_understood(page))
    if not growing.tasks and b"container_cpu_usage_seconds_total{" in page:
        raise WcaError(
            "its page has cAdvisor's names, which do not say enough: give the agent another "
            "PrometheusStorage with names: prometheus, at a path of its own, and name that page"
        )
    return Reading(
        moment,
        moment,
        growing.host,
        tuple(growing.tasks.values()),
        growing.machine,
        _facts(anomalies, "anomaly_count" in growing.names),
        _facts(allocations, "allocations_in_force" in growing.names),
        _read_at(growing, moment),
        _notes(agent),
    )


def _not_understood(page: bytes) -> str:
    if not is_text(page):
        return "it answers with something else than a page of metrics"
    return "its page of metrics is not that of a WCA agent: wca_up is missing"


def _facts(found: Mapping[str, Facts], looked: bool) -> Mapping[str, Facts] | None:
    return found if looked or found else None


def _read_at(growing: _Growing, moment: float) -> dict[str, float]:
    """When metrics were read whose collectors have intervals of their own."""
    ages = growing.agent.get("wca_collector_age_seconds", {})
    times = "wca_collector_age_seconds as a time" in growing.names
    return {
        metric: age if times else moment - age
        for collector, age in ages.items()
        for metric in READ_BY.get(collector, ())
    }


def _notes(agent: Measurements) -> tuple[str, ...]:
    health: Mapping[str, float] = agent.get("wca_healthy", {})
    left_out = agent.get("wca_tasks_left_out", 0)
    failing = [f"{name} fails" for name, healthy in sorted(health.items()) if healthy == 0]
    return (*failing, *([f"{left_out:g} tasks are not exported"] if left_out else []))
