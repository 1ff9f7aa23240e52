"""What of the wanted events is counted on which CPU: tried once for each kind of CPU."""

import errno
import logging
from collections.abc import Callable, Mapping, Sequence

from wca.errors import NotAvailable, ValidationError
from wca.linux.perf.core_pmus import CorePmus, CpuKind, event_on
from wca.linux.perf.counting import OpenGroup, group_size
from wca.linux.perf.events import KNOWN_EVENTS, PerfEvent
from wca.linux.perf.grouping import group_events
from wca.linux.perf.pmu import Pmu
from wca.linux.perf.refusals import NO_DESCRIPTOR, refusal_sentence

__all__ = ["PerfPlan", "Resolve"]

log = logging.getLogger(__name__)

#: Gives the event of a name on the CPUs of a PMU; None: no PMU is known. Raises ValidationError.
Resolve = Callable[[str, Pmu | None], PerfEvent]

# Events of one group that need a counter: what every server processor of the last ten years has
# for a thread beside one that the NMI watchdog may hold.
_COUNTERS = 4
_TASK_CLOCK = KNOWN_EVENTS["task_clock_seconds"]
_NO_COUNTER = "this machine has no counter for it (virtual machines often have none)"


class PerfPlan:
    """The groups of events for each CPU.

    Args:
        metrics: name of the metric by name of the event, of the events wanted.
        resolve: from a name to an event.
        pmus: those of the CPUs.
        open_group: how a group is opened.
        everywhere: whether an event that some kind of CPU cannot count is counted on none, because
            a sum over all CPUs would miss a part.
    """

    def __init__(
        self,
        metrics: Mapping[str, str],
        resolve: Resolve,
        pmus: CorePmus,
        open_group: OpenGroup,
        *,
        everywhere: bool,
    ) -> None:
        self._metrics = dict(metrics)
        self._resolve = resolve
        self._pmus = pmus
        self._open_group = open_group
        self._everywhere = everywhere
        self._counted: dict[str, tuple[PerfEvent, ...]] = {}  # by kind
        self._refused: dict[str, str] = {}  # by some kind, with the reason
        self._kind_of: dict[int, str] = {}
        self._groups: dict[str, list[tuple[PerfEvent, ...]]] = {}

    def prepare(self, folder: int, cpus: Sequence[int]) -> None:
        """Find out what can be counted on these CPUs, for kinds of which it is not known yet.

        Args:
            folder: descriptor of a control group's folder, to try with.
            cpus: that are online.

        Raises:
            NotAvailable: none of the events can be counted.
            OSError: perf_event_open itself fails, see ``PerfGroup.open``.
        """
        if all(cpu in self._kind_of for cpu in cpus):
            return
        kinds = self._pmus.kinds(cpus)
        refused: dict[str, str] = {}
        for kind in kinds:
            if kind.name not in self._counted:
                names = [name for name in self._metrics if not _is_elsewhere(name, kind, kinds)]
                self._counted[kind.name] = self._try_events(names, kind, folder, refused)
        self._take_refusals(refused)
        self._kind_of.update((cpu, kind.name) for kind in kinds for cpu in kind.cpus)
        self._groups = {}

    def groups(self, cpu: int) -> list[tuple[PerfEvent, ...]]:
        """The groups of events on a CPU that was prepared."""
        kind = self._kind_of[cpu]
        if kind not in self._groups:
            self._groups[kind] = group_events(self._counted[kind], _COUNTERS)
        return self._groups[kind]

    def keep(self, cpu: int, groups: Sequence[tuple[PerfEvent, ...]]) -> None:
        """Plan these groups from now on, as the CPUs of this one's kind take them.

        Args:
            cpu: that was prepared.
            groups: the same events, some of them in smaller groups.
        """
        self._groups[self._kind_of[cpu]] = list(groups)

    def events(self, cpu: int) -> int:
        """How many events are counted on a CPU; as many as there are names until it is known."""
        kind = self._kind_of.get(cpu)
        return len(self._metrics) if kind is None else len(self._counted[kind])

    def descriptors(self, cpu: int) -> int:
        """How many descriptors a task needs on a CPU; one per name until more is known."""
        if cpu not in self._kind_of:
            return len(self._metrics)
        return sum(group_size(len(group)) for group in self.groups(cpu))

    def _take_refusals(self, refused: dict[str, str]) -> None:
        """Leave out what was refused now, or before on a kind of CPU that was online then."""
        self._refused = {**self._refused, **refused}
        if self._everywhere:
            self._counted = {
                kind: tuple(event for event in events if event.name not in self._refused)
                for kind, events in self._counted.items()
            }
        if not any(self._counted.values()):
            reasons = self._refused
            self._refused, self._counted, self._kind_of, self._groups = {}, {}, {}, {}
            raise NotAvailable(refusal_sentence(reasons))
        if refused:
            log.info("not counted: %s", refusal_sentence(refused))

    def _try_events(
        self, names: Sequence[str], kind: CpuKind, folder: int, refused: dict[str, str]
    ) -> tuple[PerfEvent, ...]:
        """The events that this kind of CPU can count; why not the others goes to ``refused``."""
        cpu = kind.cpus[0]
        self._try(_TASK_CLOCK, folder, cpu)  # it is there wherever perf is
        events, reasons = self._resolved(names, kind)
        for event in events:
            try:
                self._try(event, folder, cpu)
            except OSError as error:
                if error.errno in NO_DESCRIPTOR:
                    raise
                reasons[event.name] = _why_not(error)
        if reasons:  # of this machine, and not because the task vanished meanwhile
            self._try(_TASK_CLOCK, folder, cpu)
        on = f"{kind.name}: " if self._pmus.several else ""
        refused.update((name, on + reason) for name, reason in reasons.items())
        return tuple(event for event in events if event.name not in reasons)

    def _resolved(
        self, names: Sequence[str], kind: CpuKind
    ) -> tuple[list[PerfEvent], dict[str, str]]:
        """The events on this kind of CPU; for names that mean nothing there, why not."""
        events: list[PerfEvent] = []
        unknown: dict[str, str] = {}
        for name in names:
            try:
                event = self._resolve(name, kind.pmu)
            except ValidationError as error:
                unknown[self._metrics[name]] = str(error).removeprefix(f"perf event {name!r}: ")
            else:
                one_of_several = kind.pmu if self._pmus.several else None
                events.append(event_on(event, one_of_several) if one_of_several else event)
        return events, unknown

    def _try(self, event: PerfEvent, folder: int, cpu: int) -> None:
        self._open_group([event], folder, cpu).close()


def _is_elsewhere(name: str, kind: CpuKind, kinds: Sequence[CpuKind]) -> bool:
    """Whether the event is, by its name, one of another kind of CPU: ``cpu_atom/mem-loads/``."""
    pmu, slash, _ = name.partition("/")
    return bool(slash) and pmu != kind.name and any(pmu == other.name for other in kinds)


def _why_not(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
        return _NO_COUNTER
    return error.strerror or f"error {error.errno}"
