"""Which collectors a runner has: the default set, and what its options ask for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from wca.collectors import Collector
from wca.collectors.node_cpu import NodeCpuCollector
from wca.collectors.node_memory import NodeMemoryCollector
from wca.collectors.node_psi import NodePsiCollector
from wca.collectors.node_topology import NodeTopologyCollector
from wca.collectors.node_vmstat import NodeVmstatCollector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.config.types import Constraint
from wca.errors import ValidationError
from wca.metrics.metadata import MetricMetadata

__all__ = [
    "WHERE_PRESENT",
    "Options",
    "UsableCollectors",
    "default_collectors",
    "keep_made",
    "select_collectors",
]

#: Classes that belong to the default set where the machine has what they measure.
WHERE_PRESENT = frozenset(("TaskResctrlCollector", "NodeMemoryHardwareCollector"))

_Wanted = tuple[str, partial[Any]]  # of a collector


@dataclass(frozen=True)
class UsableCollectors(Constraint):
    """A list of collectors that make sense, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = list[Collector]

    def check(self, value: Any) -> None:
        """Refuse what cannot measure, and what is there twice. Raises ValidationError."""
        _check(value)
        _check_once(value)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a runner that say what is measured; its documentation describes them."""

    collectors: list[Collector] | None = None
    extra_collectors: list[Collector] | None = None
    event_names: list[str] | None = None
    perf_aggregate_cpus: bool = True
    uncore_event_names: list[str | list[str]] | None = None
    enable_derived_metrics: bool = False
    rdt_enabled: bool | None = None
    gather_hw_mm_topology: bool | None = None
    zoneinfo: bool | str = False
    vmstat: bool | str = False
    sched: bool | str = False
    wss_reset_cycles: int | None = None
    wss_stable_cycles: int = 0
    wss_membw_threshold: float | None = None


def default_collectors() -> list[Collector]:
    """What is measured of files unless the configuration says otherwise."""
    return [
        TaskCpuCollector(),
        TaskMemoryCollector(),
        TaskMemoryEventsCollector(),
        TaskPsiCollector(),
        TaskIoCollector(),
        NodeCpuCollector(),
        NodeMemoryCollector(),
        NodeTopologyCollector(),
        NodePsiCollector(),
        NodeVmstatCollector(),
    ]


def select_collectors(options: Options) -> list[Collector]:
    """All that a runner measures with.

    A collector of the user's takes the place of one of its class in the default set. What
    ``rdt_enabled`` and ``gather_hw_mm_topology`` measure belongs to that set, where the machine has
    it; set to true they ask for it, in any set.

    Raises:
        ValidationError: a collector of no scope, or one that stands in ``collectors`` and is asked
            for by an option as well.
    """
    default = options.collectors is None
    usual = default_collectors() if options.collectors is None else []
    given = _listed(options)
    UsableCollectors().check(given)
    asked = list(_asked_for(options))
    for option, collector in asked:
        if any(type(one) is type(collector) for one in given):
            name = type(collector).__name__
            raise ValidationError(f"{option} and a {name} in collectors: write one of them")
    wanted = [*given, *(collector for _, collector in asked)]
    if default:
        usual += _tried(options)
    return [one for one in usual if type(one) not in set(map(type, wanted))] + wanted


def keep_made(
    collectors: Sequence[Collector], options: Options, known: Sequence[Collector], before: Options
) -> list[Collector]:
    """The same collectors, but those that were made before where they would be made alike.

    Args:
        collectors: that the options select.
        options: of which those were made that no list names.
        known: collectors that were selected earlier.
        before: the options of that time.
    """
    making, made = _makers(options), _makers(before)
    alike = {cls for cls, make in making.items() if make == made.get(cls)}
    given = [one for each in (options, before) for one in _listed(each)]

    def kept(one: Collector) -> Collector:
        cls = type(one)
        if cls not in alike or any(one is each for each in given):
            return one
        others = [each for each in known if type(each) is cls]
        return next((each for each in others if not any(each is one for one in given)), one)

    return [kept(one) for one in collectors]


def _makers(options: Options) -> dict[type, tuple[Any, ...]]:
    """With what each collector is made that no list names, by its class."""
    asked = (*_counters(options), *_files(options), *_required(options))
    plain: list[Collector] = [*default_collectors(), *_tried(options)]
    made: dict[Any, tuple[Any, ...]] = {type(one): () for one in plain}
    return made | {make.func: (make.args, make.keywords) for _, make in asked}


def _listed(options: Options) -> list[Collector]:
    return [*(options.collectors or ()), *(options.extra_collectors or ())]


def _asked_for(options: Options) -> Iterator[tuple[str, Collector]]:
    """The collectors of the options, each with the option's name."""
    for option, make in (*_counters(options), *_files(options), *_required(options)):
        try:
            yield option, make()
        except ValidationError as error:
            raise ValidationError(f"{option}: {error}") from None


# Imported where they are asked for: most configurations need none of them.


def _counters(options: Options) -> Iterator[_Wanted]:
    """What counts with perf."""
    events, uncore = options.event_names, options.uncore_event_names
    if not events and not options.perf_aggregate_cpus:
        raise ValidationError("perf_aggregate_cpus belongs to event_names: write it as well")
    if events:
        from wca.collectors.task_perf import TaskPerfCollector

        yield "event_names", partial(TaskPerfCollector, events, options.perf_aggregate_cpus)
    if uncore:
        from wca.collectors.node_uncore import NodeUncoreCollector

        derived = options.enable_derived_metrics
        yield "uncore_event_names", partial(NodeUncoreCollector, uncore, derived)


def _files(options: Options) -> Iterator[_Wanted]:
    """What reads files that are not read by default."""
    cycles = options.wss_reset_cycles
    if cycles is None and (options.wss_stable_cycles or options.wss_membw_threshold is not None):
        raise ValidationError(
            "wss_stable_cycles and wss_membw_threshold belong to wss_reset_cycles: write it as well"
        )
    if options.vmstat:
        yield "vmstat", partial(NodeVmstatCollector, keys=options.vmstat)
    if options.zoneinfo:
        from wca.collectors.node_zoneinfo import NodeZoneinfoCollector

        yield "zoneinfo", partial(NodeZoneinfoCollector, keys=_pattern(options.zoneinfo))
    if options.sched:
        from wca.collectors.task_sched import TaskSchedCollector
        from wca.collectors.task_schedstat import TaskSchedstatCollector

        yield "sched", partial(TaskSchedCollector, _pattern(options.sched))
        yield "sched", partial(TaskSchedstatCollector)
    if cycles is not None:
        from wca.collectors.task_wss import TaskWssCollector

        stable, threshold = options.wss_stable_cycles, options.wss_membw_threshold
        yield "wss_reset_cycles", partial(TaskWssCollector, cycles, stable, threshold)


def _required(options: Options) -> Iterator[_Wanted]:
    """What has to be there when it is asked for."""
    if options.rdt_enabled:
        from wca.collectors.task_resctrl import TaskResctrlCollector

        yield "rdt_enabled", partial(TaskResctrlCollector, required=True)
    if options.gather_hw_mm_topology:
        from wca.collectors.node_memory_hardware import NodeMemoryHardwareCollector

        yield "gather_hw_mm_topology", partial(NodeMemoryHardwareCollector, required=True)
        from wca.collectors.node_optane import NodeOptaneCollector

        # Most machines have no such modules.
        yield "gather_hw_mm_topology", partial(NodeOptaneCollector)


def _tried(options: Options) -> Iterator[Collector]:
    """What belongs to the default set where the machine has it."""
    if options.rdt_enabled is None:
        from wca.collectors.task_resctrl import TaskResctrlCollector

        yield TaskResctrlCollector()
    if options.gather_hw_mm_topology is None:
        from wca.collectors.node_memory_hardware import NodeMemoryHardwareCollector

        yield NodeMemoryHardwareCollector()


def _pattern(option: bool | str) -> str | None:
    return option if isinstance(option, str) else None


def _check_once(collectors: Sequence[Collector]) -> None:
    """Raise ValidationError for two collectors that give the same numbers."""
    for place, one in enumerate(collectors):
        for other in collectors[:place]:
            if type(one) is not type(other) or not one.emits:
                continue
            events = getattr(one, "event_names", None)
            both = (
                None
                if events is None
                else set(events).intersection(getattr(other, "event_names", ()))
            )
            if both is None or both:
                name = type(one).__name__
                what = f" with {', '.join(sorted(both))}" if both else ""
                raise ValidationError(f"{name}{what} is listed twice, write it once")


def _check(collectors: Iterable[Collector]) -> None:
    """Raise ValidationError for a collector that says what makes no sense of itself."""
    for collector in collectors:
        name = type(collector).__name__
        if collector.scope not in ("task", "node"):
            raise ValidationError(f"{name}.scope is {collector.scope!r}, write 'task' or 'node'")
        try:
            fits = all(isinstance(entry, MetricMetadata) for entry in collector.metrics)
        except Exception as error:  # noqa: BLE001 - a plugin's own code
            raise ValidationError(
                f"{name}.metrics raises {type(error).__name__}: {error}"
            ) from None
        if not fits:
            raise ValidationError(f"{name}.metrics has to hold nothing but MetricMetadata")
