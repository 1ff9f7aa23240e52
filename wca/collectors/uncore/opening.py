"""Opens the events of PMUs outside of the CPUs."""

import errno
import os
import resource
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from wca.collectors.api import NodeTarget
from wca.collectors.uncore.plan import Piece, Unit
from wca.collectors.uncore.probe import UncoreGroup, UncoreKey
from wca.errors import NotAvailable, TargetGone, WcaError
from wca.linux.perf.counting import OpenGroup
from wca.linux.perf.uncore_names import UncoreCount
from wca.linux.topology import read_topology

__all__ = ["UncoreOpener"]

_PARANOID = "/proc/sys/kernel/perf_event_paranoid"
_NO_RIGHT = (errno.EACCES, errno.EPERM)
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
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
        self._undo = ExitStack()
        #: Metric, socket and PMU of sums that lack an event, because the kernel refused it.
        self.incomplete: set[UncoreKey] = set()

    def open(self, pieces: Sequence[Piece]) -> list[UncoreGroup]:
        """Open all of them and start counting. A group that is too large is opened as smaller ones.

        Raises:
            NotAvailable: no right, or no perf.
            WcaError: descriptors do not suffice, or something unforeseen.
        """
        try:
            with ExitStack() as self._undo:
                groups = [one for piece in pieces for one in self._open_piece(piece)]
                for one in groups:
                    one.group.enable()
                self._undo.pop_all()
                return groups
        except OSError as error:
            raise self._meaning(error, pieces) from None

    def _cpus_of(self, piece: Piece) -> Sequence[int]:
        return self._cpus if piece.pmu.cpus is None else piece.pmu.cpus

    def _open_piece(self, piece: Piece) -> Iterable[UncoreGroup]:
        for cpu in self._cpus_of(piece):
            yield from self._open_units(piece.units, piece.pmu.name, cpu)

    def _open_units(self, units: Sequence[Unit], pmu: str, cpu: int) -> list[UncoreGroup]:
        try:
            return [self._open_counts([count for unit in units for count in unit], pmu, cpu)]
        except OSError as error:
            if error.errno not in _NO_EVENT:
                raise
        if len(units) > 1:
            half = len(units) // 2
            first = self._open_units(units[:half], pmu, cpu)
            return first + self._open_units(units[half:], pmu, cpu)
        return self._open_apart(units[0], pmu, cpu)

    def _open_apart(self, unit: Unit, pmu: str, cpu: int) -> list[UncoreGroup]:
        """Each event of a metric in a group of its own; none of them when one is refused."""
        opened: list[UncoreGroup] = []
        with ExitStack() as undo:
            for count in unit:
                try:
                    one = self._open_counts([count], pmu, cpu)
                except OSError as error:
                    if error.errno not in _NO_EVENT:
                        raise
                    self._refuse(count.event.name, pmu, cpu, os.strerror(error.errno))
                    return []
                undo.callback(one.group.close)
                opened.append(one)
            undo.pop_all()
        return opened

    def _refuse(self, metric: str, pmu: str, cpu: int, reason: str) -> None:
        self._refused[metric] = f"the kernel refuses it on {pmu}: {reason}"
        self.incomplete.add((metric, self._socket(cpu), pmu))

    def _socket(self, cpu: int) -> str:
        return self._socket_of.get(cpu, "0")

    def _open_counts(self, counts: Sequence[UncoreCount], pmu: str, cpu: int) -> UncoreGroup:
        group = self._open_group([count.event for count in counts], None, cpu)
        self._undo.callback(group.close)
        return UncoreGroup(self._socket(cpu), pmu, group, counts)

    def _meaning(self, error: OSError, pieces: Sequence[Piece]) -> WcaError:
        if error.errno in _NO_RIGHT:
            return NotAvailable(
                f"perf_event_open is refused (perf_event_paranoid is {self._paranoid()}): run as "
                f"root, give the agent CAP_PERFMON, or write 0 to {_PARANOID}"
            )
        if error.errno == errno.ENOSYS:
            return NotAvailable("this kernel, or a seccomp filter, has no perf_event_open")
        if error.errno in _NO_DESCRIPTOR:
            events = sum(sum(map(len, piece.units)) * len(self._cpus_of(piece)) for piece in pieces)
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return WcaError(
                f"the uncore events need {events} descriptors, and so many are not left of "
                f"{limit}: raise the limit of open files (LimitNOFILE, ulimit -n) or name fewer"
            )
        return WcaError(str(error))

    def _paranoid(self) -> str:
        try:
            return self._node.read(_PARANOID).decode("ascii", "replace").strip()
        except (NotAvailable, TargetGone):
            return "not readable"
