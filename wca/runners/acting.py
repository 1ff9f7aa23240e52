"""All that it takes to do what an allocator asks for: opened once, and given back at the end."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass

from wca.allocations.actions import Actions
from wca.allocations.adoption import AtStart
from wca.allocations.api import JournalError
from wca.allocations.arbiter import Arbiter
from wca.allocations.attempts import Attempts
from wca.allocations.claim import Claim
from wca.allocations.confined import control_roots
from wca.allocations.contract import Journal
from wca.allocations.encoding import Machine
from wca.allocations.envelope import Envelope
from wca.allocations.events import Events
from wca.allocations.files import KernelFiles
from wca.allocations.gate import Gate
from wca.allocations.groups import Groups
from wca.allocations.hold import Hold
from wca.allocations.in_force import InForce
from wca.allocations.knobs import SLOW
from wca.allocations.lease import Lease
from wca.allocations.opening import give_back_left, open_history, open_journal
from wca.allocations.ownership import ForeignWrites, Ownership
from wca.allocations.performer import Performer, Policy
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.opening import find_resctrl_files, remove_all_groups
from wca.allocations.resctrl.options import RdtOptions, reading
from wca.allocations.resctrl.rdt import Rdt
from wca.allocators import AllocationConfiguration, Allocator
from wca.errors import StartError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.inotify import ClosedAfterWriting
from wca.linux.io_limits import device_number
from wca.linux.swap import swap_enabled
from wca.runners.engine import Engine

__all__ = ["Acting", "ActingOptions", "open_acting"]


@dataclass(frozen=True)
class ActingOptions:
    """Fields of ``AllocationRunner`` that acting depends on: where one changes, all is given back.

    Args:
        allocator: that is asked.
        act: whether anything is written.
        configuration: how values are told to the kernel.
        envelope: bounds.
        all_or_nothing: whether one failure takes back the rest of its interval.
        hold: path of the hold file.
        journal: path of the journal.
        lease: seconds.
        foreign_writes: what is done about them.
        at_start: what is done with what an earlier agent has left.
        rdt: what is asked of resctrl.
    """

    allocator: Allocator
    act: bool
    configuration: AllocationConfiguration
    envelope: Envelope
    all_or_nothing: bool
    hold: str
    journal: str
    lease: float
    foreign_writes: ForeignWrites
    at_start: AtStart
    rdt: RdtOptions


class Acting:
    """What does what it may, and has what is in force.

    Args:
        groups: of the tasks.
        in_force: what is in force.
        performer: does it.
        lease: how long that lasts.
    """

    def __init__(
        self, groups: Groups, in_force: InForce, performer: Performer, lease: Lease
    ) -> None:
        self.groups = groups
        self.in_force = in_force
        self.performer = performer
        self.lease = lease
        #: Gives everything back, and tells of it those who listen now.
        self.told: Callable[[float], None] = lease.close

    def close(self, timeout: float) -> None:
        """Give everything back, within so many seconds; safe twice."""
        self.told(timeout)


def open_acting(engine: Engine, options: ActingOptions, kernel_files: KernelFiles) -> Acting:
    """Open the journal, give back or take over what is in it, and be ready to act.

    Args:
        engine: of the run, in which all of it is closed.
        options: what the configuration says.
        kernel_files: what the kernel's files are written through.

    Raises:
        StartError: the journal, or resctrl, cannot be used.
    """
    groups = Groups(
        CgroupHierarchies(engine.kernel).locate, kernel_files, _machine(engine, options)
    )
    files, mounted = find_resctrl_files(kernel_files)
    rdt = Rdt(groups, files, mounted, options.rdt.root_rows)
    in_force = InForce(reading(groups, rdt), engine.clock.monotonic)
    for problem in options.rdt.problems(kernel_files):
        raise StartError(problem)
    parts = _Parts(engine, options, groups, files, rdt, kernel_files.root)
    performer, lease = parts.opened()
    acting = Acting(groups, in_force, performer, lease)
    # A storage that hangs at the end must not take the time for it.
    engine.lifecycle.before_close("allocations", acting.close)
    return acting


def _machine(engine: Engine, options: ActingOptions) -> Machine:
    config, nodes = options.configuration, engine.platform.node_cpus
    return Machine(
        engine.platform.cpus,
        config.cpu_quota_period,
        config.cpu_shares_unit,
        engine.platform.numa_nodes,
        os.sysconf("SC_PAGESIZE"),
        functools.partial(device_number, engine.kernel),
        frozenset().union(*nodes.values()) or None,
        frozenset(nodes) or None,
    )


class _Parts:
    """Opens one after the other what writing takes; what was opened is closed with the engine.

    Args:
        engine: of the run.
        options: what the configuration says.
        groups: of the tasks.
        files: what the kernel's files are written through, resctrl's among them.
        rdt: what is asked of resctrl.
        root: folder below which the kernel's files are.
    """

    def __init__(
        self,
        engine: Engine,
        options: ActingOptions,
        groups: Groups,
        files: RdtFiles,
        rdt: Rdt,
        root: str,
    ) -> None:
        self._engine = engine
        self._options = options
        self._groups = groups
        self._files = files
        self._rdt = rdt
        self._root = root

    def opened(self) -> tuple[Performer, Lease]:
        """What does it, and how long that lasts."""
        engine, options = self._engine, self._options
        journal = self._journal()
        name = type(options.allocator).__name__
        gate = Gate(self._files, journal, name, self._expires, SLOW)
        lease = self._lease(journal, gate)
        history = open_history(options.journal if options.act else None, engine.clock)
        actions = Actions(self._groups, self._files, lambda: swap_enabled(engine.kernel))
        events = Events(actions, options.envelope, act=options.act, history=history)
        engine.lifecycle.on_close("events", events.close)
        arbiter = self._arbiter(journal, gate)
        performer = Performer(
            self._groups,
            self._files,
            gate,
            journal,
            options.envelope,
            Policy(options.act, options.allocator.decides, options.all_or_nothing),
            events,
            self._rdt,
            arbiter,
            history,
        )
        return performer, lease

    def _expires(self) -> float:
        return self._engine.clock.now() + self._options.lease

    def _journal(self) -> Journal:
        """That of the options; one in memory for an agent that does not act."""
        options, clock = self._options, self._engine.clock
        if not options.act and self._engine.first:
            give_back_left(options.journal, self._files, clock)
        path = options.journal if options.act else None
        try:
            return open_journal(path, options.lease, Hold(options.hold), clock)
        except JournalError as error:
            raise StartError(f"journal: {error}") from error

    def _lease(self, journal: Journal, gate: Gate) -> Lease:
        """Begun: what an earlier agent has left is given back, or taken over."""
        engine, options = self._engine, self._options
        lease = Lease(
            journal,
            self._files,
            gate,
            Hold(options.hold),
            self._expires,
            engine.clock.now,
            options.at_start,
        )
        if options.act:
            engine.lifecycle.start(Claim(control_roots(("cgroup", "cgroup2"))), "claim")
        engine.lifecycle.start(lease, "allocations")
        # Once: by now a group may be one of those that the run measures with.
        if engine.first and options.act and options.rdt.remove_all and not lease.held:
            remove_all_groups(self._files)
        return lease

    def _arbiter(self, journal: Journal, gate: Gate) -> Arbiter:
        attempts = None
        if self._options.act:
            attempts = Attempts(self._files, ClosedAfterWriting(self._root), self._root, SLOW)
        ownership = Ownership(self._options.foreign_writes)
        arbiter = Arbiter(self._files, journal, gate, ownership, attempts)
        self._engine.lifecycle.on_close("ownership", lambda _: arbiter.close())
        return arbiter
