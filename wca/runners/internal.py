"""What the agent measures about itself in each iteration."""

import time

from wca.logger import LogCounter
from wca.metrics import Measurements
from wca.nodes import Node
from wca.nodes.api import KeepsList
from wca.runners.engine import Engine
from wca.runners.governor import Governor
from wca.runners.measuring import Measuring
from wca.runners.stages import Sample
from wca.runners.state_line import Reloaded
from wca.runners.zeros import with_zeros

__all__ = ["Internal"]


class Internal:
    """Heartbeat, tasks, CPU, memory, durations, health, collectors, log counts, storages.

    Args:
        engine: the services of the run.
        node: finds the tasks.
        measuring: what measures.
        log_counts: warnings and errors logged.
        governor: keeps to the budget, where there is one.
        reloaded: knows what became of changes of the configuration.
    """

    def __init__(
        self,
        engine: Engine,
        node: Node,
        measuring: Measuring,
        log_counts: LogCounter,
        governor: Governor | None,
        reloaded: Reloaded,
    ) -> None:
        self._engine = engine
        self._node = node
        self._measuring = measuring
        self._log_counts = log_counts
        self._governor = governor
        self._reloaded = reloaded

    def __call__(self, sample: Sample) -> Measurements:
        """The measurements of this iteration."""
        engine = self._engine
        # Ages are those at the time of the sample: its time without them is one and the same moment
        # until something is read anew.
        late = max(0.0, engine.clock.now() - sample.timestamp)
        values: Measurements = {
            **engine.identity(),
            "wca_up": sample.timestamp,
            "wca_tasks": len(sample.tasks),
            "wca_cpu_seconds": time.process_time(),
            **engine.telemetry.measurements(),
            **self._measuring.states.measurements(engine.clock.monotonic() - late),
            **(self._governor.measurements() if self._governor else {}),
            **engine.books.measurements(),
            **self._reloaded.measurements(),
        }
        optional = {
            "wca_memory_usage_bytes": engine.resident_bytes(),
            "wca_warning_count": self._log_counts.warnings.copy(),
            "wca_error_count": self._log_counts.errors.copy(),
            "wca_node_list_age_seconds": self._list_ages(late),
        }
        return with_zeros(values | {name: value for name, value in optional.items() if value})

    def _list_ages(self, late: float) -> Measurements:
        ages = self._node.list_ages() if isinstance(self._node, KeepsList) else {}
        return {name: max(0.0, age - late) for name, age in ages.items()}
