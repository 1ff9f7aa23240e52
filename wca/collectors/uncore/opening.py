"""Opens the events of PMUs outside of the CPUs."""

import errno
import os
import resource
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from wca.collectors.api import NodeTarget
from wca.collectors.uncore.plan import Piece, Unit
from wca.collectors.uncore.probe import UncoreGroup, UncoreKey
from wca.errors import WcaError
from wca.linux.perf.counting import OpenGroup
from wca.linux.perf.refusals import NO_DESCRIPTOR, perf_refusal
from wca.linux.perf.uncore_names import UncoreCount
from wca.linux.topology import read_topology

__all__ = ["UncoreOpener"]

# The kernel has no such event, not the counters for it, or for all of the group at once.
_NO_EVENT = (errno.EINVAL, errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV, errno.ENXIO)


class UncoreOpener:
    """Opens groups of events, each on the CPUs that its PMU names.

    Args:
        node: where CPUs and sockets are read from.
        open_group: how a group is opened.
        refused: takes the reason for each metric that the kernel refuses to count.
    """

    def __init__(self, node: NodeTarget, open_group: OpenGroup, refused: dict[str, str]) -> None:
        topology = read_topology(node)
        self._cpus = topology.cpus
        self._socket_of = {
            cpu: str(socket)
            for socket, cores in topology.sockets.items()
            for cpus in cores.values()
            for cpu in cpus
        }
        self._node = node
        self._open_group = open_group
        self._refused = refused
        #: Metric, socket and PMU of sums that lack an event, because the kernel refused it.
        self.incomplete: set[UncoreKey] = set()

    def open(self, pieces: Sequence[Piece]) -> list[UncoreGroup]:
        """Open all of them and start counting. A group that is too large is opened as smaller ones.

        Raises:
            NotAvailable: no right, or no perf.
            WcaError: descriptors do not suffice, or something unforeseen.
        """
        try:
            with ExitStack() as undo:
                groups = [one for piece in pieces for one in self._open_piece(piece, undo)]
                for one in groups:
                    one.group.enable()
                undo.pop_all()
                return groups
        except OSError as error:
            raise self._meaning(error, pieces) from None

    def _cpus_of(self, piece: Piece) -> Sequence[int]:
        return self._cpus if piece.pmu.cpus is None else piece.pmu.cpus

    def _open_piece(self, piece: Piece, undo: ExitStack) -> Iterable[UncoreGroup]:
        for cpu in self._cpus_of(piece):
            yield from self._open_units(piece.units, piece.pmu.name, cpu, undo)

    def _open_units(
        self, units: Sequence[Unit], pmu: str, cpu: int, undo: ExitStack
    ) -> list[UncoreGroup]:
        try:
            one = self._open_counts([count for unit in units for count in unit], pmu, cpu)
        except OSError as error:
            if error.errno not in _NO_EVENT:
                raise
        else:
            undo.callback(one.group.close)
            return [one]
        if len(units) > 1:
            half = len(units) // 2
            first = self._open_units(units[:half], pmu, cpu, undo)
            return first + self._open_units(units[half:], pmu, cpu, undo)
        return self._open_apart(units[0], pmu, cpu, undo)

    def _open_apart(self, unit: Unit, pmu: str, cpu: int, undo: ExitStack) -> list[UncoreGroup]:
        """Each event of a metric in a group of its own; none of them when one is refused."""
        opened: list[UncoreGroup] = []
        with ExitStack() as own:
            for count in unit:
                try:
                    one = self._open_counts([count], pmu, cpu)
                except OSError as error:
                    if error.errno not in _NO_EVENT:
                        raise
                    self._refuse(count.event.name, pmu, cpu, os.strerror(error.errno))
                    return []
                own.callback(one.group.close)
                opened.append(one)
            undo.push(own.pop_all())
        return opened

    def _refuse(self, metric: str, pmu: str, cpu: int, reason: str) -> None:
        self._refused[metric] = f"the kernel refuses it on {pmu}: {reason}"
        self.incomplete.add((metric, self._socket(cpu), pmu))

    def _socket(self, cpu: int) -> str:
        return self._socket_of.get(cpu, "0")

    def _open_counts(self, counts: Sequence[UncoreCount], pmu: str, cpu: int) -> UncoreGroup:
        group = self._open_group([count.event for count in counts], None, cpu)
        return UncoreGroup(self._socket(cpu), pmu, group, counts)

    def _meaning(self, error: OSError, pieces: Sequence[Piece]) -> WcaError:
        refusal = perf_refusal(error, self._node)
        if refusal is not None:
            return refusal
        if error.errno in NO_DESCRIPTOR:
            events = sum(sum(map(len, piece.units)) * len(self._cpus_of(piece)) for piece in pieces)
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return WcaError(
                f"the uncore events need {events} descriptors, and so many are not left of "
                f"{limit}: raise the limit of open files (LimitNOFILE, ulimit -n) or name fewer"
            )
        return WcaError(str(error))
