"""``AllocationRunner``: measures, asks an allocator, and does what it may of that."""

import logging
import os
from typing import Annotated, Any

from wca.allocations.adoption import AtStart
from wca.allocations.envelope import Envelope
from wca.allocations.files import KernelFiles
from wca.allocations.hold import DEFAULT_HOLD, Hold
from wca.allocations.journal import DEFAULT_JOURNAL
from wca.allocations.lease import Lease
from wca.allocations.opening import journal_problems
from wca.allocations.ownership import ForeignWrites
from wca.allocations.resctrl.options import RdtOptions
from wca.allocations.usable import value_problem
from wca.allocators import AllocationConfiguration, Allocator, NOPAllocator, StaticAllocator
from wca.allocators.calling import UsableAllocator
from wca.audit.audit import Audit, LossySink, Sink
from wca.audit.kubernetes_events import KubernetesEvents
from wca.audit.system_journal import SystemJournal
from wca.config.inherited import takes_fields_of
from wca.config.types import Duration, Injected, Path, Size
from wca.errors import ValidationError
from wca.runners.acting import ActingOptions, open_acting
from wca.runners.allocate import Allocate
from wca.runners.detection import RECORDS_SIZE
from wca.runners.engine import Engine
from wca.runners.keeper import state_problems
from wca.runners.measurement import MeasurementRunner
from wca.runners.measuring import Granularity, Measuring
from wca.runners.plugins import PluginOptions, start_plugin, start_records
from wca.runners.stages import ALLOCATIONS, ANOMALIES, METRICS, Stage, Store
from wca.runners.views import views_of
from wca.storage import LogStorage, Storage
from wca.storage.outputs import AppendedFile

__all__ = ["AllocationRunner"]

log = logging.getLogger(__name__)

_LEASE = Duration(1, 3600)


class AllocationRunner(MeasurementRunner):
    """Measures as MeasurementRunner does, asks an allocator, and does what it may of the answer.

    It has all fields of MeasurementRunner; they may stand below ``measurement_runner:
    !MeasurementRunner`` as well.

    Args:
        allocator: says what tasks are to be granted.
        act: whether anything is written to the kernel. False: all is computed, checked, exported
            and recorded, as what would be done.
        anomalies_storage: where anomalies of the allocator go, see DetectionRunner; standard output
            when left out.
        allocations_storage: where what is in force and what was done goes; standard output when
            left out. One storage in several fields gets one batch with all of it.
        allocation_configuration: how values are told to the kernel.
        envelope: bounds that no allocator can leave; those of Envelope when left out.
        all_or_nothing: whether one request that fails takes back those of the same interval.
        hold: a file; while it is there everything is given back and nothing is written.
        journal: the file that knows what has to be undone, for the guardian and the next start,
            too; with ``act: false`` what is in it is given back at the start, and no more. Beside
            it is ``NAME.history``: what was decided in the last day.
        lease: how long values last when the allocator does not answer any more, or when the agent
            is dead and a guardian lives; two intervals at least.
        records: a file that takes one line of JSON for each decision and each anomaly that is new.
        records_size: size from which on that file is renamed to ``NAME.1``, and a new one begun.
        state: a file in which the allocator keeps what it has learned, see DetectionRunner.
        system_journal: whether decisions go to the system's journal, or else to syslog, where one
            of both listens; as ``act`` when left out.
        kubernetes_events: tells Kubernetes of decisions about pods; nobody does when left out.
        foreign_writes: what is done where somebody else writes what the agent has written.
            ``yield``: the file is theirs for an hour, or until the value from before the agent is
            back. ``reassert``: the agent writes it again after a second, then two, four and eight,
            and yields after that.
        at_start: what is done with what a killed agent has left. ``undo``: it is given back.
            ``adopt``: what is as it was left stays; what the allocator has not asked for in its
            first ten answers is given back.
        granularity: as of MeasurementRunner, but not ``container``.
        rdt_cache_control_required: whether to refuse to start where resctrl controls no L3 cache.
        rdt_mb_control_required: the same for memory bandwidth.
        remove_all_resctrl_groups: whether to begin with removing all groups of resctrl whose names
            begin with ``wca-``; with ``act: true`` only. Those of others stay.
        files: for tests: what the kernel's files are written through.
    """

    _STORAGES = ("metrics_storage", "anomalies_storage", "allocations_storage")
    _DEFAULTED = (*_STORAGES, "allocator", "allocation_configuration", "envelope")

    @takes_fields_of(MeasurementRunner)
    def __init__(
        self,
        allocator: Annotated[Allocator, UsableAllocator()] | None = None,
        act: bool = False,
        anomalies_storage: Storage | None = None,
        allocations_storage: Storage | None = None,
        allocation_configuration: AllocationConfiguration | None = None,
        envelope: Envelope | None = None,
        all_or_nothing: bool = False,
        hold: Annotated[str, Path()] = DEFAULT_HOLD,
        journal: Annotated[str, Path()] = DEFAULT_JOURNAL,
        lease: Annotated[float, _LEASE] = 20.0,
        records: Annotated[str, Path()] | None = None,
        records_size: Annotated[int, Size(4096, None)] = RECORDS_SIZE,
        state: Annotated[str, Path()] | None = None,
        system_journal: bool | None = None,
        kubernetes_events: KubernetesEvents | None = None,
        foreign_writes: ForeignWrites = ForeignWrites.YIELD,
        at_start: AtStart = AtStart.UNDO,
        granularity: Granularity = Granularity.POD,
        rdt_cache_control_required: bool = False,
        rdt_mb_control_required: bool = False,
        remove_all_resctrl_groups: bool = False,
        *,
        files: Annotated[KernelFiles | None, Injected()] = None,
        **options: Any,
    ) -> None:
        super().__init__(granularity=granularity, **options)
        if self.granularity is Granularity.CONTAINER:
            raise ValidationError(
                "granularity: container leaves the allocator without the numbers of tasks that "
                "have containers: write both"
            )
        _check_lease(lease, self.interval)
        if remove_all_resctrl_groups and AtStart(at_start) is AtStart.ADOPT:
            raise ValidationError(
                "remove_all_resctrl_groups removes what at_start: adopt keeps: leave one out"
            )
        self.allocator = self._default(NOPAllocator(), allocator)
        UsableAllocator().check(self.allocator)
        self.allocation_configuration = self._default(
            AllocationConfiguration(), allocation_configuration
        )
        for problem in self._value_problems():
            raise ValidationError(f"allocator: {problem}")
        self.act = act
        # One standard output for all that is left out.
        shared = self.has_made(self.metrics_storage)
        made: Storage = self.metrics_storage if shared else LogStorage()
        self.anomalies_storage = self._default(made, anomalies_storage)
        self.allocations_storage = self._default(made, allocations_storage)
        self.envelope = self._default(Envelope(), envelope)
        self.all_or_nothing = all_or_nothing
        self.hold = hold
        self.journal = journal
        self.lease = lease
        self.records = records
        self.records_size = records_size
        self.state = state
        self.rdt_cache_control_required = rdt_cache_control_required
        self.rdt_mb_control_required = rdt_mb_control_required
        self.remove_all_resctrl_groups = remove_all_resctrl_groups
        self.system_journal = act if system_journal is None else system_journal
        self.kubernetes_events = kubernetes_events
        self.foreign_writes = ForeignWrites(foreign_writes)
        self.at_start = AtStart(at_start)
        self._files = files or KernelFiles()
        self._acted: Lease | None = None  # of the run

    def check(self) -> list[str]:
        """What keeps this machine from giving what the options ask for."""
        records = [] if self.records is None else AppendedFile(self.records).problems()
        state = [] if self.state is None else state_problems(self.state)
        journal = journal_problems(self.journal) if self.act else []
        events = [] if self.kubernetes_events is None else self.kubernetes_events.check()
        root = self.act and os.geteuid() != 0
        return [
            *super().check(),
            *(f"allocator: {problem}" for problem in self._value_problems(of_file=True)),
            *(f"records: {problem}" for problem in records),
            *(f"state: {problem}" for problem in state),
            *(f"journal: {problem}" for problem in journal),
            *self._rdt_options().problems(self._files),
            *(f"kubernetes_events: {problem}" for problem in events),
            *(["act: true needs root: only root may write to cgroups"] if root else []),
        ]

    def _value_problems(self, *, of_file: bool = False) -> list[str]:
        """What no machine can grant of what a StaticAllocator is known to ask for."""
        if not isinstance(self.allocator, StaticAllocator):
            return []
        unit = self.allocation_configuration.cpu_shares_unit
        found = [
            (place, value_problem(type_, value, unit))
            for place, type_, value in self.allocator.granted(of_file=of_file)
        ]
        return [f"{place}: {problem}" for place, problem in found if problem]

    def refuses(self, successor: Any) -> str:
        """Why another runner cannot follow this one while it runs; empty: it can."""
        refusal = super().refuses(successor)
        if not refusal and self.act and successor.act and successor.journal != self.journal:
            refusal = (
                "journal cannot be changed while the agent acts: what it has changed is in "
                f"{self.journal}: restart the agent"
            )
        return refusal

    def facts(self) -> dict[str, Any]:
        """What the status page says of this runner, called on any thread."""
        held = Hold(self.hold).reason() if self.act else None
        return {**super().facts(), "acts": self.act, **({"hold": held} if held else {})}

    def outcome(self) -> int:
        """1 where something that was changed is still in force after the run, else 0."""
        left = "" if self._acted is None else self._acted.left()
        if left:
            log.error(left)
        return int(bool(left))

    def stages_after_export(self, engine: Engine, measuring: Measuring) -> list[Stage]:
        """Store the metrics, ask, store the anomalies, do what may be done, store that."""
        outlets = [
            (METRICS, engine.outlet(self.metrics_storage, "metrics_storage")),
            (ANOMALIES, engine.outlet(self.anomalies_storage, "anomalies_storage")),
            (ALLOCATIONS, engine.outlet(self.allocations_storage, "allocations_storage")),
        ]
        stores: dict[int, list[Any]] = {}
        for batch, outlet in outlets:
            stores.setdefault(id(outlet), [outlet]).append(batch)
        last = {id(outlet): batch for batch, outlet in outlets}
        stages: list[Stage] = []
        asking = self._stages_of_allocation(engine, measuring)
        for batch, outlet in outlets:
            if batch is not METRICS:
                stages.append(asking.pop(0))
            if last[id(outlet)] is batch:
                taken, *batches = stores[id(outlet)]
                stages.append(Store(taken, *batches))
        return stages

    def _stages_of_allocation(self, engine: Engine, measuring: Measuring) -> list[Stage]:
        """Asking, and doing."""
        labels = self.common_labels(engine)
        options = PluginOptions(
            self.interval, labels, self.state, self.recording, self.recording_size
        )
        acts = self._acting_options()
        engine.end_other("acting", acts)  # gives back, while those are there who are told of it
        asked = start_plugin(engine, self.allocator, options)
        records = start_records(engine, self.records, self.records_size)
        audit = self._audit(engine, records)
        acting = engine.keep("acting", acts, lambda: open_acting(engine, acts, self._files))
        self._acted = acting.lease

        def stages() -> list[Stage]:
            in_force = acting.in_force
            detect = asked.stage(views_of(engine, measuring, in_force.of), records)
            allocate = Allocate(
                detect,
                acting.performer,
                acting.lease,
                acting.groups,
                in_force,
                engine.telemetry,
                labels,
                asked.name,
                audit=audit,
                metrics_apart=self.anomalies_storage is not self.allocations_storage,
            )
            acting.told = allocate.close
            return [detect, allocate]

        apart = self.anomalies_storage is self.allocations_storage
        return list(engine.keep("allocation", (asked, audit, acting, apart), stages))

    def _acting_options(self) -> ActingOptions:
        return ActingOptions(
            self.allocator,
            self.act,
            self.allocation_configuration,
            self.envelope,
            self.all_or_nothing,
            self.hold,
            self.journal,
            self.lease,
            self.foreign_writes,
            self.at_start,
            self._rdt_options(),
        )

    def _rdt_options(self) -> RdtOptions:
        config = self.allocation_configuration
        return RdtOptions(
            self.act,
            self.rdt_cache_control_required,
            self.rdt_mb_control_required,
            self.remove_all_resctrl_groups,
            config.default_rdt_l3,
            config.default_rdt_mb,
        )

    def _audit(self, engine: Engine, records: Sink | None) -> Audit:
        events = self.kubernetes_events
        if events is not None:
            engine.lifecycle.start(events, "kubernetes_events")

        def make() -> Audit:
            others: dict[str, LossySink] = {}
            if self.system_journal:
                journal = SystemJournal(self._files.root)
                engine.lifecycle.on_close("system_journal", journal.close)
                others["system_journal"] = journal
            if events is not None:
                others["kubernetes_events"] = events
            return Audit(records, others)

        return engine.keep("audit", (records, self.system_journal, events), make)


def _check_lease(lease: float, interval: float) -> None:
    _LEASE.check(lease)
    if lease < 2 * interval:
        raise ValidationError(
            f"lease: {lease:g} s is less than two intervals of {interval:g} s, so that values "
            f"would be given back in between: write {2 * interval:g}s or more"
        )
