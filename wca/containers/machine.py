"""The machine with its probes."""

import logging
from collections.abc import Collection, Mapping

from wca.collectors import Collector
from wca.collectors.api import NodeTarget
from wca.containers.costs import Costs
from wca.containers.pace import Paces
from wca.containers.probes import Probes
from wca.metrics import Measurements
from wca.telemetry import Telemetry

__all__ = ["Machine"]

log = logging.getLogger(__name__)


class Machine:
    """What is measured of the machine as a whole.

    Args:
        node: gives its files.
        telemetry: where broken collectors are reported.
        paces: how often each collector is read.
        costs: where the time of each collector is reported.
    """

    def __init__(self, node: NodeTarget, telemetry: Telemetry, paces: Paces, costs: Costs) -> None:
        self._telemetry = telemetry
        self._costs = costs
        self._probes = Probes(node, telemetry, paces, vanishes=False)
        self._collectors: Mapping[str, Collector] = {}
        self._paused: frozenset[str] = frozenset()
        self._said: set[str] = set()

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Collectors that have no source here, with the reason."""
        return self._probes.unavailable

    @property
    def lacking(self) -> Mapping[str, str]:
        """Collectors that failed to attach, and why; the next ``attach`` tries them again."""
        return self._probes.lacking

    def use(self, collectors: Mapping[str, Collector], paused: Collection[str] = ()) -> None:
        """Measure with these from now on; probes of others are closed.

        Args:
            collectors: by name.
            paused: names of others, whose probes are neither read nor closed.
        """
        self._collectors, self._paused = dict(collectors), frozenset(paused)
        self.attach()

    def forget(self, names: Collection[str]) -> None:
        """Close the probes of these collectors; others may have their names from now on."""
        self._said.difference_update(names)
        self._probes.forget(names)

    def attach(self) -> None:
        """Open the probes that are not open yet; what is not available is said once."""
        self._probes.attach(self._collectors, self._paused)
        self._say_unavailable()

    def read(self, out: Measurements) -> None:
        """Read every probe that is due. One that is broken costs its own numbers only."""
        self._probes.read_apart(out, self._measured)
        self._say_unavailable()

    def close(self) -> None:
        """Close every probe; safe twice."""
        self._probes.close()

    def _measured(self, name: str, cpu_seconds: float, seconds: float) -> None:
        if not self._collectors[name].blocking:  # those are measured on their own threads
            self._costs.add(name, cpu_seconds, seconds)

    def _say_unavailable(self) -> None:
        for name, reason in self.unavailable.items():
            if name not in self._said:
                self._said.add(name)
                log.info("%s is not available: %s", name, reason)
