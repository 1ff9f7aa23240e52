"""PMUs in a tree of kernel files, and counters that count what a test says.

::

    tree = KernelTree(tmp_path, sockets=2)
    pmus = PmuTree(tree, CASCADE_LAKE)
    pmus.add("uncore_imc_0", 17, cpumask="0,2")
    counters = PmuCounters()
    collector = NodeUncoreCollector(["platform_cas_count_reads"], open_group=counters.open)
    probe = collector.attach(tree.kernel)
    counters.tick()
    counters.count(17, 0x304, 5, cpu=0)

Names, formats and masks are the kernel's own; what cannot be had in a folder, counting, comes
through the one seam there is: ``open_group``, which stands for ``PerfGroup.open``.
"""

import errno
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wca.linux.perf.counting import GroupReading, PerfGroup
from wca.linux.perf.events import PerfEvent
from wca.linux.perf.pmu import PMUS, PmuEvent
from wca.testing.kernel import KernelTree

__all__ = [
    "CASCADE_LAKE",
    "ICE_LAKE",
    "ZEN3",
    "ZEN4",
    "CountedGroup",
    "PmuCounters",
    "PmuTree",
    "Processor",
]

#: The fields that most PMUs outside of the CPUs have.
_FORMATS = {"event": "0-7", "umask": "8-15"}


class Processor(NamedTuple):
    """What ``/proc/cpuinfo`` says of a processor, by which its events are looked up."""

    vendor: str
    family: int
    model: int
    stepping: int


CASCADE_LAKE = Processor("GenuineIntel", 6, 0x55, 7)
ICE_LAKE = Processor("GenuineIntel", 6, 0x6A, 6)
ZEN3 = Processor("AuthenticAMD", 0x19, 0x01, 1)
ZEN4 = Processor("AuthenticAMD", 0x19, 0x11, 1)


class PmuTree:
    """The folder of PMUs in a tree of kernel files.

    Args:
        tree: where they are added.
        processor: that the tree shall have; None: whatever it has.
    """

    def __init__(self, tree: KernelTree, processor: Processor | None = None) -> None:
        self.tree = tree
        if processor is not None:
            self._write_processor(processor)

    def add(
        self,
        name: str,
        type_: int,
        *,
        cpumask: str | None = None,
        cpus: str | None = None,
        formats: Mapping[str, str] = _FORMATS,
        events: Mapping[str, str | PmuEvent] | None = None,
    ) -> None:
        """Add a PMU, or write the files of one anew.

        Args:
            name: of its folder.
            type_: the kernel's number of it.
            cpumask: for a PMU of a socket or die: the CPUs that its events are opened on.
            cpus: for one of several kinds of cores: their CPUs.
            formats: bits of ``config`` by term, such as ``0-7,32-35``; with a word in front, such
                as ``config1:0-63``, those of that word.
            events: terms of the events that the kernel names; with scale and unit as ``PmuEvent``.
        """
        folder = f"{PMUS}/{name}"
        self.tree.write(f"{folder}/type", f"{type_}\n")
        for file, listed in (("cpumask", cpumask), ("cpus", cpus)):
            if listed is not None:
                self.tree.write(f"{folder}/{file}", f"{listed}\n")
        for term, bits in formats.items():
            written = bits if ":" in bits else f"config:{bits}"
            self.tree.write(f"{folder}/format/{term}", f"{written}\n")
        for event, what in (events or {}).items():
            self._write_event(f"{folder}/events/{event}", what)

    def _write_event(self, path: str, what: str | PmuEvent) -> None:
        event = PmuEvent(what) if isinstance(what, str) else what
        self.tree.write(path, f"{event.terms}\n")
        if event.scale is not None:
            self.tree.write(f"{path}.scale", f"{event.scale!r}\n")
        if event.unit:
            self.tree.write(f"{path}.unit", f"{event.unit}\n")

    def _write_processor(self, processor: Processor) -> None:
        vendor, family, model, stepping = processor
        self.tree.write(
            "/proc/cpuinfo",
            f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\n"
            f"model\t\t: {model}\nstepping\t: {stepping}\n",
        )


class CountedGroup(PerfGroup):
    """Stands for an open group.

    Args:
        events: what it counts.
        cpu: on which CPU.
    """

    def __init__(self, events: Sequence[PerfEvent], cpu: int) -> None:
        super().__init__(())
        self.events = list(events)
        self.cpu = cpu
        #: What the next reading says.
        self.enabled = self.running = 0
        self.values = [0] * len(self.events)
        #: Whether it was enabled, and closed.
        self.begun = self.closed = False
        #: What reading raises, if anything.
        self.failure: OSError | None = None
        self._read: GroupReading | None = None

    def enable(self) -> None:
        """Begin to count."""
        self.begun = True

    def read(self) -> GroupReading | None:
        """What was counted; None when it is the same as the last time."""
        if self.failure is not None:
            raise self.failure
        reading = GroupReading(self.enabled, self.running, tuple(self.values))
        if reading == self._read:
            return None
        self._read = reading
        return reading

    def close(self) -> None:
        """Stop counting."""
        self.closed = True


class PmuCounters:
    """The counters of all PMUs; time goes by, and events happen, when the test says so.

    It refuses what the kernel refuses: a group that a PMU has too few counters for, with EINVAL,
    and what the test says besides.

    Args:
        most: events in a group.
        refused: error by type and config of an event.
    """

    def __init__(self, most: int = 4, refused: Mapping[tuple[int, int], int] | None = None) -> None:
        self.most = most
        self.refused = dict(refused or {})
        #: Every group that was ever opened.
        self.groups: list[CountedGroup] = []

    def open(self, events: Sequence[PerfEvent], cgroup: int | None, cpu: int) -> CountedGroup:  # noqa: ARG002 - as PerfGroup.open
        """Open a group, as ``PerfGroup.open`` does. Raises OSError."""
        keys = [(event.type, event.config) for event in events]
        errors = [self.refused[key] for key in keys if key in self.refused]
        if errors or len(events) > self.most:
            raise OSError(errors[0] if errors else errno.EINVAL, "refused")
        self.groups.append(CountedGroup(events, cpu))
        return self.groups[-1]

    @property
    def open_now(self) -> list[CountedGroup]:
        """The groups that are not closed."""
        return [group for group in self.groups if not group.closed]

    def tick(self, nanoseconds: int = 10**9, running: int | None = None) -> None:
        """Let time go by.

        Args:
            nanoseconds: how much.
            running: in how much of it the groups count; None: in all of it.
        """
        for group in self.groups:
            group.enabled += nanoseconds
            group.running += nanoseconds if running is None else running

    def count(self, type_: int, config: int, number: int, cpu: int | None = None) -> None:
        """Let an event happen.

        Args:
            type_: of the PMU.
            config: of the event.
            number: how often.
            cpu: on which CPU; None: on each.

        Raises:
            AssertionError: nobody counts this event there.
        """
        counting = [
            (group, position)
            for group in self.groups
            for position, event in enumerate(group.events)
            if (event.type, event.config) == (type_, config) and cpu in (None, group.cpu)
        ]
        if not counting:
            raise AssertionError(f"nobody counts event {config:#x} of PMU {type_}")
        for group, position in counting:
            group.values[position] += number
