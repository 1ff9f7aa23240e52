"""What is counted outside of the CPUs: memory controllers, links between sockets, caches."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Annotated

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.file_probe import node_of
from wca.collectors.uncore.names import UncoreEventName
from wca.collectors.uncore.opening import UncoreOpener
from wca.collectors.uncore.plan import UncoreRequest, plan_uncore
from wca.collectors.uncore.probe import UncoreProbe
from wca.config.types import Injected
from wca.errors import ValidationError
from wca.linux.perf.counting import OpenGroup, PerfGroup
from wca.linux.perf.refusals import refusal_sentence
from wca.linux.perf.uncore_names import UncoreName, parse_uncore_group
from wca.metrics import CATALOGUE
from wca.metrics.metadata import MetricMetadata
from wca.metrics.uncore_metrics import UNCORE_METRICS, uncore_entry

__all__ = ["NodeUncoreCollector"]

log = logging.getLogger(__name__)

_OWN = {entry.name for entry in UNCORE_METRICS}


class NodeUncoreCollector(Collector):
    """Memory traffic, traffic between sockets and cache misses, by socket and PMU.

    Only PMUs that an event is named of are opened. Where a PMU has fewer counters than events, the
    kernel lets groups of them take turns, and the numbers are scaled;
    `platform_scaling_uncore_factor` says by how much.

    Source: perf_event_open on the PMUs of /sys/bus/event_source/devices, on the CPUs of their
    cpumask. Needs the capability CAP_PERFMON, or root, or /proc/sys/kernel/perf_event_paranoid of
    0 or lower.

    Args:
        event_names: what to count: names of docs/metrics.md that need uncore_event_names, such as
            platform_cas_count_reads; `name/uncore_imc/event=4,umask=3/` with hexadecimal values of
            a PMU's terms; or `uncore_imc/cas_count_read/`, an event that the kernel names. A list
            in the list is one group: its events of a PMU are counted at the same time.
        enable_derived_metrics: add bandwidths, hit ratio and read latency.
        interval: time between two readings; the runner's when left out.
        open_group: for tests: how events are opened.
        monotonic: for tests: time in seconds.
    """

    scope = "node"
    blocking = True  # each reading interrupts a CPU of the other socket
    emits = tuple(entry.name for entry in UNCORE_METRICS)

    def __init__(
        self,
        event_names: list[
            Annotated[str, UncoreEventName()] | list[Annotated[str, UncoreEventName()]]
        ],
        enable_derived_metrics: bool = False,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        open_group: Annotated[OpenGroup | None, Injected()] = None,
        monotonic: Annotated[Callable[[], float] | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self.requests = _requests(event_names)
        self.enable_derived_metrics = enable_derived_metrics
        self._open_group: OpenGroup = PerfGroup.open if open_group is None else open_group
        self._monotonic = time.monotonic if monotonic is None else monotonic

    @property
    def metrics(self) -> Sequence[MetricMetadata]:
        """Entries of the events that the configuration names itself."""
        names = [name for request in self.requests for name in request.names]
        return [_entry(name) for name in names if name.metric not in _OWN]

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the events on every PMU and start counting.

        Raises:
            NotAvailable: no right, no perf, or no PMU or event for any of the names.
            WcaError: descriptors do not suffice; tried again later.
        """
        node = node_of(target)
        refused: dict[str, str] = {}
        pieces = plan_uncore(self.requests, node, refused)
        opener = UncoreOpener(node, self._open_group, refused)
        groups = opener.open(pieces)
        if not groups:
            raise NotAvailable(refusal_sentence(refused))
        if refused:
            log.info("not counted: %s", refusal_sentence(refused))
        derive, incomplete = self.enable_derived_metrics, opener.incomplete
        return UncoreProbe(groups, self._monotonic, derive=derive, incomplete=incomplete)


def _requests(event_names: Sequence[str | Sequence[str]]) -> tuple[UncoreRequest, ...]:
    loose = [name for name in event_names if isinstance(name, str)]
    groups = [parse_uncore_group(names) for names in event_names if not isinstance(names, str)]
    requests = [UncoreRequest(parse_uncore_group(loose), exact=False)] if loose else []
    requests += [UncoreRequest(names, exact=True) for names in groups]
    if not requests:
        raise ValidationError("the list of uncore events is empty, name at least one")
    seen: set[str] = set()
    for request in requests:
        for name in request.names:
            if name.metric in seen:
                raise ValidationError(f"uncore metric {name.metric} is listed twice, write it once")
            if name.metric in CATALOGUE and (name.pmu or name.metric not in _OWN):
                raise ValidationError(f"{name.metric} is another metric, choose another name")
            seen.add(name.metric)
    return tuple(requests)


def _entry(name: UncoreName) -> MetricMetadata:
    if name.event:
        help_ = (
            f"Event {name.event} of {name.pmu}; in bytes where the kernel gives it in multiples "
            "of them, else in its unit."
        )
        return uncore_entry(name.metric, help_, f"perf: {name.pmu}/{name.event}/")
    terms = ",".join(f"{term}={value:#x}" for term, value in name.terms.items())
    return uncore_entry(name.metric, f"Event {terms} of {name.pmu}.", f"perf: {name.pmu}/{terms}/")
