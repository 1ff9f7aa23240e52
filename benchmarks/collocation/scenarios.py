"""What happens in the runs: the victims, their neighbours, and the best setting by hand."""

from dataclasses import dataclass, field

from benchmarks.detection.plan import LARGE_FILE
from benchmarks.detection.session import Load

__all__ = ["AGENT", "ARMS", "DRY_RUN", "NONE", "SCENARIOS", "STATIC", "VERIFY", "Phase", "Scenario"]

#: The arms. ``verify`` is the agent with verified blame.
NONE, DRY_RUN, AGENT, STATIC, VERIFY = "none", "dry run", "agent", "static", "verify"
ARMS = (NONE, DRY_RUN, AGENT, STATIC)
#: Roles of neighbours. What is outside runs in no group of the node.
CULPRIT, BYSTANDER, FIRST, SECOND, OUTSIDE = "culprit", "bystander", "first", "second", "outside"
VICTIM = "victim"

MIB = 1 << 20
#: In the value of a setting: the device that has the files, as ``254:0``.
DEVICE = "DEVICE"
#: Seconds until all is as it stays. Pages that were driven out come back with the victim's reads
#: only, in a second a thirtieth of those that it lacks: of 80 MB a third of one lacks after 180 s,
#: so that less than one request in a hundred misses a page. A limit at the disk is found in steps,
#: with pauses between them.
_REFILLED, _FOUND, _SOON = 180.0, 60.0, 6.0
#: Past the page cache in every request; never.
_ALWAYS, _NEVER = ("-d", "1"), ("-d", "1000000000")


@dataclass(frozen=True)
class Setting:
    """A file that somebody who knows what comes would have written before.

    Args:
        role: whose file; ``victim`` is one, too.
        controller: of the group.
        file: its name.
        value: its text; of a quota of the victim in parts of that.
        of_quota: whether the value is a part of the victim's quota, which is drawn in the run.
    """

    role: str
    controller: str
    file: str
    value: str
    of_quota: bool = False


@dataclass(frozen=True)
class Phase:
    """A part of a run in which something happens; then comes the next.

    Args:
        programs: options of the neighbour's program by role.
        guilty: roles that do harm; empty: nobody does.
        quota: of the victim, as a multiple of the CPUs that it used in the lead; None: no quota.
        rate: the victim's load is multiplied by it.
        steps: the victim's work per request is multiplied by it.
        react: seconds before the window, in which an agent may find out and act.
        window: seconds that are measured.
        soon: the same in arms in which nothing is done about it, where all is soon as it stays;
            None: as in the others.
    """

    programs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    guilty: tuple[str, ...] = ()
    quota: float | None = None
    rate: float = 1.0
    steps: float = 1.0
    react: float = 6.0
    window: float = 8.0
    soon: float | None = None

    def reaction(self, arm: str) -> float:
        """Seconds before the window in an arm."""
        return self.soon if self.soon is not None and arm in (NONE, DRY_RUN) else self.react


@dataclass(frozen=True)
class Scenario:
    """One kind of run.

    Args:
        title: for people.
        load: of the victim.
        phases: what happens, one after the other.
        static: the best settings by hand, of those that were tried.
        cached: bytes of the file that the victim has in the page cache.
        steady: programs that run from before the agent starts, by role.
        idle: roles that are in the idle class from then on.
        work: what the neighbours' work is counted in: ``cpu`` seconds, or ``bytes`` that they read.
        arms: which are run.
        learned: name of the scenario whose quiet time is what the agent has learned; None: its own.
        resource: what is contended, as the detector should say; None: nothing, it is a control.
        unlabelled: whether nothing tells the agent which tasks matter less than others.
    """

    title: str
    load: Load
    phases: tuple[Phase, ...]
    static: tuple[Setting, ...] = ()
    cached: int = 4 * MIB
    steady: dict[str, tuple[str, ...]] = field(default_factory=dict)
    idle: tuple[str, ...] = ()
    work: str = "cpu"
    arms: tuple[str, ...] = ARMS
    learned: str | None = None
    resource: str | None = None
    unlabelled: bool = False

    @property
    def control(self) -> bool:
        """Whether whatever is done in it is wrong."""
        return self.resource is None

    @property
    def roles(self) -> tuple[str, ...]:
        """Of all neighbours that have groups, in the order of the phases."""
        groups = [self.steady, *(phase.programs for phase in self.phases)]
        found = dict.fromkeys(role for one in groups for role in one)
        return tuple(role for role in found if role != OUTSIDE)


def _computing(rate: float, steps: int, threads: int) -> Load:
    """Requests that compute, in memory that the nearest caches hold, on any CPU."""
    return Load(rate, steps, ("-m", str(256 << 10), "-t", str(threads), *_NEVER), None)


#: 0.8 ms a request: 0.16 CPUs in two threads, 0.25 in four.
_STEPS = 220_000
_TWO_THREADS = _computing(200.0, _STEPS, 2)
_FOUR_THREADS = _computing(300.0, _STEPS, 4)
#: A walk through 8 MB, which wait for memory when others use it.
_WALK = Load(150.0, 18_000, ("-m", str(8 * MIB), *_NEVER), 0)
_CACHED = Load(400.0, 1, ("-m", "65536", *_NEVER), 0)
_DIRECT = Load(100.0, 1, ("-m", "65536", *_ALWAYS), 0)

_SPIN4 = ("spin", "-t", "4")
_STREAM = ("stream", "-c", "1", "-b", str(256 * MIB))
_SPIN_THERE = ("spin", "-c", "1")
_LIGHT = ("spin", "-c", "1", "-d", "0.3")
_FIFTH = "20000"  # microseconds of 100 000: a fifth of a CPU

SCENARIOS = {
    "E1": Scenario(
        title="CPU neighbour",
        load=_TWO_THREADS,
        phases=(Phase({CULPRIT: _SPIN4}, (CULPRIT,)),),
        static=(Setting(CULPRIT, "cpu", "cpu.idle", "1"),),
        resource="cpus",
    ),
    "E2": Scenario(
        title="memory bandwidth",
        load=_WALK,
        phases=(Phase({CULPRIT: _STREAM}, (CULPRIT,), window=10.0),),
        static=(Setting(CULPRIT, "cpu", "cpu.cfs_quota_us", _FIFTH),),
        resource="memory bandwidth",
    ),
    "E5a": Scenario(
        title="own throttling",
        load=_FOUR_THREADS,
        steady={BYSTANDER: ("spin",)},
        idle=(BYSTANDER,),
        phases=(Phase(quota=1.06, guilty=(VICTIM,)),),
        static=(Setting(VICTIM, "cpu", "cpu.cfs_burst_us", "1", of_quota=True),),
        resource="cpus",
    ),
    "E3a": Scenario(
        title="page cache thrash",
        load=_CACHED,
        cached=200 * MIB,
        phases=(
            Phase({CULPRIT: ("cache", "-f", LARGE_FILE)}, (CULPRIT,), react=_REFILLED, soon=_SOON),
        ),
        static=(Setting(CULPRIT, "memory", "memory.limit_in_bytes", str(64 * MIB)),),
        work="bytes",
        resource="memory",
    ),
    "E3b": Scenario(
        title="disk",
        load=_DIRECT,
        phases=(
            Phase(
                {CULPRIT: ("direct", "-t", "4", "-f", LARGE_FILE)},
                (CULPRIT,),
                react=_FOUND,
                window=12.0,
                soon=_SOON,
            ),
        ),
        static=(
            Setting(CULPRIT, "blkio", "blkio.throttle.read_bps_device", f"{DEVICE} {20 * MIB}"),
        ),
        work="bytes",
        resource="disk",
    ),
    "changing": Scenario(
        title="the guilty one changes",
        load=_WALK,
        phases=(
            Phase({FIRST: _STREAM, SECOND: _LIGHT}, (FIRST,), react=7.0, window=8.0),
            Phase({FIRST: _LIGHT, SECOND: _STREAM}, (SECOND,), react=7.0, window=8.0),
        ),
        static=(
            Setting(FIRST, "cpu", "cpu.cfs_quota_us", _FIFTH),
            Setting(SECOND, "cpu", "cpu.cfs_quota_us", _FIFTH),
        ),
        learned="E2",
        resource="memory bandwidth",
        unlabelled=True,
    ),
    "release": Scenario(
        title="a CPU neighbour that ends",
        load=_TWO_THREADS,
        phases=(
            Phase({CULPRIT: _SPIN4}, (CULPRIT,), window=1.0),
            Phase(react=0.0, window=20.0),
        ),
        arms=(AGENT,),
        learned="E1",
        resource="cpus",
    ),
}
_PIECE = {"react": 0.0, "window": 26.0}
_OF_AGENTS = {"arms": (DRY_RUN, AGENT), "learned": "E1"}
#: Whatever is done in these is wrong; in pieces that are short enough to be repeated.
SCENARIOS |= {
    "alone": Scenario(
        "no neighbour", _TWO_THREADS, (Phase(**_PIECE),), arms=(NONE, DRY_RUN, AGENT), learned="E1"
    ),
    "idle class": Scenario(
        "neighbours in the idle class",
        _TWO_THREADS,
        (Phase({BYSTANDER: ("spin", "-t", "2")}, **_PIECE),),
        idle=(BYSTANDER,),
        **_OF_AGENTS,
    ),
    "load step": Scenario(
        "twice the load", _TWO_THREADS, (Phase(rate=2.0, **_PIECE),), **_OF_AGENTS
    ),
    "request size": Scenario(
        "larger requests", _TWO_THREADS, (Phase(steps=1.5, **_PIECE),), **_OF_AGENTS
    ),
    "outside": Scenario(
        "work outside of all tasks",
        _TWO_THREADS,
        (Phase({OUTSIDE: ("spin", "-d", "0.3")}, **_PIECE),),
        **_OF_AGENTS,
    ),
}
_BLAME = {"arms": (AGENT, VERIFY)}
_TEST = {"react": 20.0, "window": 8.0}
#: Who did it? One is guilty, one as busy and innocent; or both are innocent.
SCENARIOS |= {
    "E4 memory": Scenario(
        "who did it: memory",
        _WALK,
        (Phase({CULPRIT: _STREAM, BYSTANDER: _SPIN_THERE}, (CULPRIT,), **_TEST),),
        learned="E2",
        resource="memory bandwidth",
        **_BLAME,
    ),
    "E4 cpu": Scenario(
        "who did it: CPU",
        _TWO_THREADS,
        (Phase({CULPRIT: _SPIN4, BYSTANDER: _SPIN_THERE}, (CULPRIT,), **_TEST),),
        learned="E1",
        resource="cpus",
        **_BLAME,
    ),
    "E4 null": Scenario(
        "who did it: nobody",
        _WALK,
        (Phase({CULPRIT: _SPIN_THERE, BYSTANDER: _SPIN_THERE}, **_TEST),),
        learned="E2",
        **_BLAME,
    ),
}
