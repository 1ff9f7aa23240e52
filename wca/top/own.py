"""Own sampling: the node and the collectors of WCA, read when the view wants to see something."""

import socket
from collections.abc import Mapping

from wca.clock import Clock, SystemClock
from wca.linux.files import Kernel
from wca.naming import named
from wca.runners.collect import Collect
from wca.runners.discover import Discover
from wca.runners.engine import Engine
from wca.runners.labelling import TaskLabelling
from wca.runners.measuring import Measuring
from wca.runners.stages import Sample, TaskSample, run_iteration
from wca.top.chosen import Chosen
from wca.top.reading import Reading, Watched

__all__ = ["OwnSource"]

#: Seconds between two lists of tasks, unless something says that the list has changed.
_DISCOVERY = 2.0
_CLOSE_TIMEOUT = 2.0


class OwnSource:
    """Measures as a MeasurementRunner does; nothing is stored, nobody is asked, nothing is changed.

    Args:
        chosen: what is measured.
        clock: for tests: time.
    """

    def __init__(self, chosen: Chosen, clock: Clock | None = None) -> None:
        self.name = chosen.name
        self._chosen = chosen
        self._clock = clock or SystemClock()
        self._host = socket.gethostname()
        self._engine: Engine | None = None
        self._measuring: Measuring | None = None
        self._collect: Collect | None = None
        self._discover: Discover | None = None
        self._discover_at = 0.0
        self._look = False

    def start(self) -> None:
        """Open what measures and find the tasks.

        Raises:
            StartError: a part cannot start.
        """
        chosen = self._chosen
        engine = self._engine = Engine(Kernel(), self._clock)
        measuring = Measuring(engine, chosen.collectors, 1.0, chosen.granularity)
        self._measuring = measuring
        measuring.start(self._want_look)
        engine.start_all(named(chosen.generators.values()))
        labelling = TaskLabelling(chosen.generators, engine.telemetry)
        self._discover = Discover(chosen.node, measuring.sync, labelling, engine.telemetry)
        engine.start_node(chosen.node, self._want_list)
        self._collect = Collect(measuring, engine.telemetry, self._clock.monotonic, self._want_list)

    def read(self, interval: float) -> Reading:
        """Read everything once; parameters as of ``Source``."""
        engine, measuring, collect = self._engine, self._measuring, self._collect
        if engine is None or measuring is None or collect is None or self._discover is None:
            raise RuntimeError("start it before it is read")
        measuring.paces.base = interval
        now = self._clock.monotonic()
        if self._look:
            self._look = False
            measuring.look()
        if now >= self._discover_at:
            self._discover_at = now + _DISCOVERY
            self._discover()
        sample = Sample(self._clock.now(), monotonic=now)
        run_iteration([collect], sample, engine.telemetry)
        return Reading(
            sample.timestamp,
            now,
            self._host,
            (*map(_task, sample.tasks), *map(_part, sample.parts)),
            sample.platform,
            read_at=measuring.read_before(now),
            notes=self._notes(engine, measuring),
        )

    def cut(self) -> None:
        """Nothing: the kernel answers at once."""

    def close(self) -> None:
        """Give everything back; safe twice, and without ``start``."""
        if self._engine is not None:
            self._engine.lifecycle.close(_CLOSE_TIMEOUT)

    def _notes(self, engine: Engine, measuring: Measuring) -> tuple[str, ...]:
        failing = [
            name
            for name in ("node", *measuring.collectors)
            if engine.telemetry.healthy(name) is False
        ]
        left_out = self._chosen.left_out
        return (
            *(f"{name} fails" for name in failing),
            *(f"{name} is left out: it would change something" for name in left_out),
        )

    def _want_list(self) -> None:
        self._discover_at = 0.0

    def _want_look(self) -> None:
        self._look = True


def _task(sample: TaskSample) -> Watched:
    task = sample.container.task
    return Watched(task.task_id, task.task_id, task.name, task.labels, _plain(sample.measurements))


def _part(sample: TaskSample) -> Watched:
    """A container of a task; its key is no task's."""
    part = sample.container.task
    name = part.labels.get("task_name", part.name)
    container = part.labels.get("container", part.name)
    return Watched(
        f"{part.labels.get('task_id', '')}\0{container}",
        part.labels.get("task_id", part.task_id),
        f"{name} {container}",
        part.labels,
        _plain(sample.measurements),
        part=True,
    )


def _plain(measurements: Mapping[str, object]) -> dict[str, object]:
    """A copy: the next reading may be written over the last one."""
    return dict(measurements)
