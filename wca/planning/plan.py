"""What a configuration will cost here: a few intervals are measured, and extrapolated."""

from collections.abc import Callable, Sequence

from wca.clock import Clock, SystemClock
from wca.config.loader import Loaded
from wca.doctor import collector_findings, rights_findings
from wca.errors import UsageError
from wca.linux.descriptors import descriptor_limit
from wca.linux.files import Kernel
from wca.nodes import Task
from wca.planning.assumptions import assumptions
from wca.planning.lacks import impossible, lacks, left_out, unseen
from wca.planning.model import Cpu, Output, Plan, Series, Tasks
from wca.planning.rehearsal import Observation, rehearsal
from wca.planning.scales import Weighed
from wca.runners.measurement import MeasurementRunner
from wca.storage.weight import Weight

__all__ = ["make_plan"]

#: Intervals with a part of the tasks, and with all, after a first one of each kind.
_WITH_FEW, _WITH_ALL = 3, 6
_DAY = 86_400.0
#: Descriptors of the server that shows pages: it listens, waits, and is woken.
_OF_SERVER = 4


def make_plan(
    load: Callable[[], Loaded],
    kernel: Kernel,
    tasks: int | None = None,
    clock: Clock | None = None,
) -> Plan:
    """Measure some intervals, store nothing, and say what a run will be like.

    Args:
        load: builds the configuration, each time anew: one is measured with, one is examined.
        kernel: of this machine.
        tasks: how many to plan for; None: those that run now.
        clock: time.

    Raises:
        UsageError: the runner measures no tasks, or there is no task to go by.
        StartError: a collector or the node does not start.
        ConfigLoadError: the configuration has problems.
    """
    loaded = load()
    runner = loaded.runner
    if not isinstance(runner, MeasurementRunner):
        raise UsageError(
            f"{type(runner).__name__} cannot be planned for: only MeasurementRunner, "
            "DetectionRunner and AllocationRunner can"
        )
    with rehearsal(loaded, kernel, clock or SystemClock()) as measured:
        listed, seconds = measured.list_tasks()
        if tasks is not None and not listed:
            raise UsageError(
                f"--tasks {tasks}: no task runs now whose share could be measured: start one, or "
                "leave out --tasks"
            )
        # What the first task brings along, such as series about collectors, no further one does.
        few = listed[: len(listed) > 1]
        base = measured.observe(few, _WITH_FEW)
        full = measured.observe(listed, _WITH_ALL) if listed else base
        weighed = measured.scales.weighed
    count = Tasks(
        type(runner.node).__name__, len(listed), len(listed) if tasks is None else tasks, seconds
    )
    return _Planner(runner, count, (len(few), base), full).plan(weighed, load(), listed, kernel)


class _Planner:
    """Extrapolates two observations, and puts the plan together.

    Args:
        runner: that was measured.
        count: of tasks.
        base: one with fewer tasks, and with how many.
        full: with those that were found.
    """

    def __init__(
        self,
        runner: MeasurementRunner,
        count: Tasks,
        base: tuple[int, Observation],
        full: Observation,
    ) -> None:
        self._runner = runner
        self._count = count
        self._few, self._base = base
        self._full = full
        self._series_per_task = self._per_task(self._base.series, full.series)
        #: Tasks that are exported: those beyond the limit are measured nevertheless.
        self._exported = min(count.planned, self._most_tasks())

    def plan(
        self, weighed: Sequence[Weighed], loaded: Loaded, tasks: Sequence[Task], kernel: Kernel
    ) -> Plan:
        """The whole.

        Args:
            weighed: the storages.
            loaded: the configuration, of which nothing was started yet.
            tasks: that were found.
            kernel: of this machine.
        """
        outputs = [self._output(one) for one in weighed]
        descriptors = self._descriptors(outputs)
        cpu, memory = self._cpu(), self._memory()
        found = collector_findings(loaded, tasks, kernel)
        rights = list(rights_findings(loaded, kernel))
        needed = [finding for _, finding in found] + rights
        return Plan(
            interval=self._runner.interval,
            tasks=self._count,
            series=self._series(),
            outputs=outputs,
            descriptors=descriptors,
            descriptor_limit=descriptor_limit(),
            cpu=cpu,
            memory=memory,
            privileges=rights,
            impossible=impossible(found),
            unseen=unseen(found, self._full.names),
            left_out=left_out(found),
            lacks=[
                *(f"{one.subject}: {one.found}" for one in needed if not one.good),
                *lacks(
                    self._runner,
                    self._count.planned - self._exported,
                    descriptors,
                    cpu.share,
                    memory,
                ),
                *(f"{one.name}: {one.problem}" for one in outputs if one.problem),
            ],
            assumptions=assumptions(self._runner, self._count),
        )

    def _per_task(self, base: float, full: float) -> float:
        """How much one more task adds, on average."""
        more = self._count.found - self._few
        return (full - base) / more if more else 0.0

    def _at(self, base: float, full: float, tasks: int | None = None) -> float:
        """A quantity for so many tasks; None: for those that are planned for."""
        tasks = self._count.planned if tasks is None else tasks
        return full + self._per_task(base, full) * (tasks - self._count.found)

    def _most_tasks(self) -> int:
        """How many tasks fit into the limit of series."""
        limit = self._runner.series_limit
        if limit is None or not self._series_per_task:
            return self._count.planned
        others = self._at(self._base.series, self._full.series, 0)
        return max(0, int((limit - others) / self._series_per_task))

    def _series(self) -> Series:
        base, full = self._base.series, self._full.series
        total, others = self._at(base, full, self._exported), self._at(base, full, 0)
        return Series(round(total), self._series_per_task, round(others))

    def _output(self, one: Weighed) -> Output:
        nothing = Weight(0, 0, "nothing")
        base = self._base.weights.get(one.name, nothing)
        full = self._full.weights.get(one.name, nothing)
        size = self._at(base.size, full.size, self._exported)
        seconds = max(one.window, self._runner.interval)
        return Output(
            one.name,
            full.form,
            round(self._at(base.samples, full.samples, self._exported)),
            round(size),
            seconds,
            round(size * _DAY / seconds),
            full.fetched,
            one.problem,
        )

    def _descriptors(self, outputs: Sequence[Output]) -> int:
        measured = self._at(self._base.descriptors, self._full.descriptors)
        pages = any(one.fetched for one in outputs) or self._runner.http is not None
        sent = sum(not one.fetched for one in outputs)
        return round(measured) + sent + (_OF_SERVER if pages else 0)

    def _cpu(self) -> Cpu:
        seconds = max(0.0, self._at(self._base.cpu, self._full.cpu))
        asking = self._count.seconds / self._runner.discovery_interval
        page = max(0.0, self._at(self._base.fetching, self._full.fetching))
        return Cpu(seconds, seconds / self._runner.interval + asking, page)

    def _memory(self) -> int:
        """What is freed within an interval belongs to it; what further tasks keep is added."""
        kept = self._at(self._base.settled, self._full.settled)
        return round(kept + self._full.resident - self._full.settled)
