"""ContentionAllocator: whom it acts on, how it sees that this helps, and how it gives it back."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.allocators.node import (
    BATCH,
    CPUS,
    IN_FORCE,
    Node,
    T,
    idle,
    reader,
    spinner,
    streamer,
    victim,
)
from wca.allocators import ContentionAllocator, Tiers
from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Evidence,
    InterferenceDetector,
    Suspect,
)
from wca.detectors.interfering.verdicts import Verdict
from wca.errors import ValidationError

TIERS = Tiers(best_effort={"tier": "batch"})
LEARNING = 100
V = Verdict


def learned(tasks=None, **options):
    """A machine on which all is well, and an allocator that knows what is usual there."""
    act, refuses = options.pop("act", True), options.pop("refuses", ())
    allocator = ContentionAllocator(InterferenceDetector(), **{"tiers": TIERS, **options})
    tasks = tasks or {"web": victim(), "guilty": idle(), "decoy": idle()}
    node = Node(allocator, tasks, act, refuses)
    node.run(LEARNING)
    assert node.done == []
    return node


def acted(node):
    """What was done, without when."""
    return [(task, type_, value) for _, task, type_, value in node.done]


def effects(node):
    return {one.name: one for one in node.metrics[-1] if one.name.startswith("allocation_effect")}


class Says(AnomalyDetector):
    """A detector that says what it was told to."""

    def __init__(self, verdict=V.CPU_NEIGHBOUR, accused=(), suspects=(), confidence=0.8):
        self.verdict, self.accused, self.suspects = verdict, accused, suspects
        self.confidence = confidence
        self.says = False
        self.shown = None

    def detect(self, platform, tasks_data):
        self.shown = tasks_data
        if not self.says or "web" not in tasks_data:
            return [], []
        found = [Suspect(one, self.confidence, self.confidence) for one in self.suspects]
        evidence = Evidence({}, {}, 3.0)
        return [
            ContentionAnomaly(
                ContendedResource.CPUS,
                "web",
                [one for one in self.accused if one in tasks_data],
                verdict=self.verdict,
                suspects=found,
                evidence=evidence,
            )
        ], []


def told(detector, tasks=None, **options):
    """A machine with a detector that says what the test wants."""
    act, refuses = options.pop("act", True), options.pop("refuses", ())
    allocator = ContentionAllocator(detector, **{"tiers": TIERS, **options})
    tasks = tasks or {"web": victim(), "guilty": idle(), "decoy": idle()}
    node = Node(allocator, tasks, act, refuses)
    node.run(30)
    return node


def disturb(node, kind=spinner, task_id="guilty", seconds=3):
    """Let a neighbour begin, and the detector say so some seconds later."""
    allocations = node.tasks[task_id].allocations
    node.tasks[task_id] = replace(kind(), allocations=allocations)
    node.run(seconds)
    node.allocator.detector.says = True


# Whom it acts on, and how soon.


@pytest.mark.parametrize(
    ("kind", "type_", "value"),
    [
        (spinner, T.SHARES, 0.002),
        (streamer, T.QUOTA, pytest.approx(0.1, rel=0.1)),
        (reader, T.MEMORY_MAX, pytest.approx(75e6, rel=0.05)),
    ],
)
def test_the_guilty_one_gets_less_within_seconds_and_nobody_else_is_touched(kind, type_, value):
    node = learned()
    node.tasks["guilty"] = kind()
    node.run(20)
    second, task, first, given_ = node.done[0]
    assert (task, first, given_) == ("guilty", type_, value)
    assert second - LEARNING <= 5
    assert {task for _, task, _, _ in node.done} == {"guilty"}
    assert effects(node)["allocation_effect_ratio"].value < 1
    assert effects(node)["allocation_effect_confidence"].value > 0.8
    assert effects(node)["allocation_effect_ratio"].labels["contended_task_id"] == "web"


def test_the_idle_class_is_an_option():
    node = learned(idle=True)
    node.tasks["guilty"] = spinner()
    node.run(10)
    assert acted(node) == [("guilty", T.CPU_IDLE, 1)]


def test_what_helped_is_in_the_evidence_of_the_anomaly():
    node = learned()
    node.tasks["guilty"] = spinner()
    node.run(9)
    (anomaly,) = node.answers[-1]
    assert anomaly.evidence.values["effect of cpu_shares of guilty"] < 0.6


def test_it_says_why():
    node = learned()
    node.tasks["guilty"] = spinner()
    node.run(5)
    assert node.allocator.reasons() == {
        ("guilty", "cpu_shares"): "cpu neighbour of web: lowest weight"
    }


def test_when_the_kernel_refuses_it_the_next_thing_is_tried():
    """Once it is known that anything comes into force at all."""
    node = learned(refuses=[T.SHARES])
    node.tasks["guilty"] = reader()
    node.run(8)
    assert acted(node)[0][1] is T.MEMORY_MAX
    node.tasks["decoy"] = spinner()
    node.run(15)
    assert ("decoy", T.CPUSET_CPUS, "1") in acted(node)


# Negative controls.


def quiet_node(node):
    node.run(60)
    assert node.done == []
    assert not any(node.asked)


def test_nothing_is_done_when_all_is_well():
    quiet_node(learned())


def test_nothing_is_done_about_a_victim_that_works_twice_as_much():
    node = learned()
    node.tasks["web"] = victim(cpu=0.32, work=400.0)
    quiet_node(node)


def test_nothing_is_done_about_requests_that_became_larger():
    node = learned()
    node.tasks["web"] = victim(cpu=0.24)
    quiet_node(node)


def test_nothing_is_done_about_what_is_no_task():
    node = learned()
    node.tasks["web"] = victim(psi=0.05, delay=0.4)
    node.run(60, outside=1.5)
    assert node.done == []


@pytest.mark.parametrize("labels", [{}, {"tier": "critical"}])
def test_a_neighbour_that_is_not_best_effort_is_left_alone(labels):
    node = learned({"web": victim(), "guilty": idle(labels), "decoy": idle()})
    node.tasks["guilty"] = spinner(labels=labels)
    quiet_node(node)


def test_best_effort_tasks_are_not_protected():
    node = learned({"batch": victim(labels=BATCH), "guilty": idle()})
    node.tasks["guilty"] = spinner()
    quiet_node(node)


def test_tasks_without_a_tier_are_acted_on_by_option():
    node = learned({"web": victim(), "guilty": idle({}), "decoy": idle({})}, unlabelled=True)
    node.tasks["guilty"] = spinner(labels={})
    node.run(20)
    assert acted(node) == [("guilty", T.SHARES, 0.002)]


# The victim's own quota.


def throttled(**options):
    node = learned({"web": victim(), "batch": spinner(0.3)}, **options)
    node.tasks["web"].allocations[T.QUOTA] = 0.09
    return node


def test_a_victim_of_its_own_quota_gets_burst_and_the_neighbours_are_left_alone():
    node = throttled()
    node.run(20)
    assert acted(node) == [("web", T.CPU_BURST, pytest.approx(0.09))]


def test_burst_is_bounded_by_an_option_and_followed_by_a_higher_quota_that_is_bounded_too():
    node = throttled(burst=0.05, raise_quota=1.3)
    node.run(40)
    types = [type_ for _, type_, _ in acted(node)]
    assert types[0] is T.CPU_BURST
    assert max(value for _, type_, value in acted(node) if type_ is T.CPU_BURST) <= 0.09 * 0.0501
    quotas = [value for _, type_, value in acted(node) if type_ is T.QUOTA]
    assert quotas
    assert max(quotas) <= 0.09 * 1.3001
    assert {task for task, _, _ in acted(node)} == {"web"}


# Verification.


def test_a_suspect_that_was_not_it_gets_everything_back_and_the_next_one_is_tried():
    detector = Says(accused=["decoy"], suspects=["decoy", "guilty"])
    node = told(detector)
    node.tasks["decoy"] = spinner(0.0001)
    disturb(node)
    node.run(40)
    done = acted(node)
    assert done[0] == ("decoy", T.SHARES, 0.002)
    assert ("decoy", T.SHARES, 1.024) in done
    assert ("guilty", T.SHARES, 0.002) in done
    assert node.tasks["decoy"].allocations == IN_FORCE
    assert node.tasks["guilty"].allocations[T.SHARES] == 0.002
    told_of = {
        one.labels["task_id"]
        for batch in node.metrics
        for one in batch
        if one.name == "allocation_effect_ratio"
    }
    assert told_of == {"decoy", "guilty"}, "also of what did not help"


def test_when_nobody_was_it_all_is_given_back_and_it_rests():
    detector = Says(accused=["decoy"], suspects=["decoy", "guilty"])
    node = told(detector, {"web": victim(), "guilty": spinner(0.01), "decoy": spinner(0.01)})
    node.tasks["web"] = victim(psi=0.2, delay=1.0)
    node.run(3)
    detector.says = True
    node.run(50)
    assert node.tasks["guilty"].allocations == node.tasks["decoy"].allocations == IN_FORCE
    before = len(node.done)
    node.run(20)
    assert len(node.done) == before


def test_suspects_of_whom_none_stands_out_are_acted_on_together_at_the_cpu():
    detector = Says(suspects=["guilty", "decoy"], confidence=0.3)
    node = told(detector)
    disturb(node, lambda: spinner(0.9), "guilty", 0)
    detector.says = False
    disturb(node, lambda: spinner(0.9), "decoy")
    node.run(10)
    assert acted(node) == [("decoy", T.SHARES, 0.002), ("guilty", T.SHARES, 0.002)] or acted(
        node
    ) == [("guilty", T.SHARES, 0.002), ("decoy", T.SHARES, 0.002)]


def test_a_suspect_gets_the_first_thing_that_this_machine_has():
    """Without resctrl, which has no bandwidth to give, that is a quota."""
    detector = Says(V.MEMORY_NEIGHBOUR, suspects=["guilty"])
    node = told(detector)
    disturb(node, streamer)
    node.run(10)
    assert acted(node)[0][:2] == ("guilty", T.QUOTA)


def test_a_suspect_nothing_could_be_done_about_is_acted_on_when_it_is_accused():
    detector = Says(V.MEMORY_NEIGHBOUR, suspects=["guilty"], confidence=0.1)
    node = told(detector)
    disturb(node, streamer)
    node.run(5)
    assert node.done == []
    detector.accused = ["guilty"]
    node.run(5)
    assert acted(node)[0][:2] == ("guilty", T.QUOTA)


def test_suspects_whom_little_speaks_against_are_left_alone():
    node = told(Says(suspects=["guilty", "decoy"], confidence=0.1))
    disturb(node)
    node.run(20)
    assert node.done == []


def test_an_accused_that_may_not_be_touched_is_not_replaced_by_others():
    tasks = {"web": victim(), "db": idle({}), "decoy": idle()}
    node = told(Says(accused=["db"], suspects=["db", "decoy"]), tasks)
    node.tasks["db"] = spinner(labels={})
    node.run(3)
    node.allocator.detector.says = True
    node.run(30)
    assert node.done == []


def test_who_may_not_be_touched_keeps_nobody_else_from_being_acted_on_later():
    tasks = {"web": victim(), "db": idle({}), "guilty": idle()}
    detector = Says(accused=["db"], suspects=["db"])
    node = told(detector, tasks)
    disturb(node, lambda: spinner(labels={}), "db")
    node.run(30)
    node.tasks["db"] = idle({})
    detector.says = False
    node.run(30)
    detector.accused, detector.suspects = [], ["guilty"]
    disturb(node)
    node.run(10)
    assert acted(node)[0][:2] == ("guilty", T.SHARES)


def test_the_objective_decides_before_all_other_signals():
    node = told(Says(accused=["guilty"], suspects=["guilty"]))
    node.tasks["web"] = victim(sli=0.5)
    disturb(node)
    node.run(20)
    assert node.done == [], "it meets its objective"
    node.tasks["web"] = victim(sli=1.4)
    node.run(12)
    assert acted(node)[0] == ("guilty", T.SHARES, 0.002)
    assert acted(node)[1][1] in (T.CPUSET_CPUS, T.SHARES), "waits fell, and yet it misses"


def test_noise_that_a_detector_without_limits_complains_of_is_no_harm():
    """It would be as bad again whenever what is held was given back, and be held for ever."""
    node = told(Says(V.MEMORY_NEIGHBOUR, suspects=["guilty"]))
    node.allocator.detector.says = True
    node.run(100)
    assert node.done == []


def test_one_experiment_at_a_time():
    detector = Says(accused=["guilty"], suspects=["guilty"])
    node = told(detector)
    disturb(node)
    node.run(60)
    kept = [len(one) for one in node.asked]
    assert max(kept) == 1


# A dry run.


def test_where_nothing_comes_into_force_it_stays_with_its_first_choice():
    node = learned(act=False)
    node.tasks["guilty"] = spinner()
    node.run(60)
    wanted = {(task, type_) for one in node.asked for task, of in one.items() for type_ in of}
    assert wanted == {("guilty", T.SHARES)}
    node.tasks["guilty"] = idle()
    node.run(40)
    assert node.asked[-1] == {}


# Giving back.


def test_it_gives_back_what_is_not_needed_any_longer():
    node = learned(keep=10)
    node.tasks["guilty"] = spinner()
    node.run(10)
    node.tasks["guilty"] = replace(idle(), allocations=node.tasks["guilty"].allocations)
    node.run(60)
    assert node.tasks["guilty"].allocations == IN_FORCE
    assert node.asked[-1] == {}


def test_each_time_that_it_was_too_early_it_waits_twice_as_long():
    node = learned(keep=10)
    node.tasks["guilty"] = spinner()
    node.run(200)
    given_back = [second for second, _, _, value in node.done if value == 1.024]
    taken = [second for second, _, _, value in node.done if value == 0.002]
    waits = [back - at for at, back in zip(taken, given_back, strict=False)]
    assert len(waits) >= 3
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(waits))


def test_a_memory_limit_is_halved_in_steps_and_given_back_in_small_ones():
    node = learned(keep=10, pause=2)
    node.tasks["guilty"] = reader()
    node.run(60)
    limits = [value for _, type_, value in acted(node) if type_ is T.MEMORY_MAX]
    least = limits.index(min(limits))
    assert all(later <= earlier / 1.9 for earlier, later in pairwise(limits[: least + 1]))
    grown = limits[least : least + 4]
    assert all(earlier < later <= earlier * 1.11 for earlier, later in pairwise(grown))


class Refilling(Node):
    """A victim whose pages are driven out at once, and come back with its own reads only."""

    lost = 0.0

    def _suffering(self, task_id, task):
        sim = super()._suffering(task_id, task)
        if task_id != "web":
            return sim
        driven_out = 20e6 if sim.refaults > 1000 else 0.0
        back = 0.03 * self.lost
        self.lost = min(80e6, self.lost + driven_out) - back
        return sim.but(
            memory=200e6 - self.lost, refaults=back / 4096, psi_io=0.005 + 0.5 * self.lost / 80e6
        )


@pytest.mark.parametrize("interval", [1.0, 0.5])
def test_a_memory_limit_is_left_as_it_is_while_the_victims_pages_come_back(interval):
    allocator = ContentionAllocator(InterferenceDetector(), tiers=TIERS, keep=1000)
    tasks = {"web": victim(memory=200e6), "guilty": idle(), "decoy": idle()}
    node = Refilling(allocator, tasks)
    node.interval = interval
    node.run(round(LEARNING / interval))
    node.tasks["guilty"] = reader()
    node.run(round(150 / interval))
    assert acted(node) == [("guilty", T.MEMORY_MAX, pytest.approx(75e6, rel=0.05))]
    assert node.lost < 5e6


def test_when_the_victim_is_gone_all_is_given_back():
    node = learned()
    node.tasks["guilty"] = spinner()
    node.run(10)
    del node.tasks["web"]
    node.run(5)
    assert node.tasks["guilty"].allocations == IN_FORCE


def test_a_task_that_is_gone_is_not_asked_for():
    node = learned()
    node.tasks["guilty"] = spinner()
    node.run(10)
    del node.tasks["guilty"]
    node.run(3)
    assert node.asked[-1] == {}


def test_the_guilty_one_may_change():
    node = learned(keep=30)
    for guilty, other in (("guilty", "decoy"), ("decoy", "guilty")):
        node.tasks[guilty] = replace(spinner(), allocations=node.tasks[guilty].allocations)
        node.tasks[other] = replace(idle(), allocations=node.tasks[other].allocations)
        node.run(25)
        assert node.tasks[guilty].allocations[T.SHARES] == 0.002
    assert node.tasks["guilty"].allocations == IN_FORCE


# Its detector.


def test_the_detector_is_shown_of_what_is_in_force_that_which_is_ours():
    detector = Says(accused=["guilty"], suspects=["guilty"])
    node = told(detector)
    assert detector.shown["guilty"].allocations == {}
    disturb(node)
    node.run(5)
    assert detector.shown["guilty"].allocations == {T.SHARES: 0.002}


def test_a_detector_of_the_first_releases_is_served():
    class Older(AnomalyDetector):
        def detect(self, platform, tasks_measurements, tasks_resources, tasks_labels):
            self.seen = set(tasks_labels)
            return [], []

    detector = Older()
    node = Node(ContentionAllocator(detector), {"web": victim()})
    node.run(1)
    assert detector.seen == {"web"}


def test_it_starts_checks_closes_and_keeps_the_state_of_its_detector():
    class Whole(Says):
        blocking = True

        def start(self):
            self.started = True

        def check(self):
            return ["no perf"]

        def close(self, timeout):
            self.closed = timeout

        def dump_state(self):
            return {"known": 7}

        def load_state(self, state):
            self.loaded = state

    detector = Whole()
    allocator = ContentionAllocator(detector)
    allocator.start()
    allocator.load_state(allocator.dump_state())
    allocator.close(2.0)
    assert (detector.started, detector.closed, detector.loaded) == (True, 2.0, {"known": 7})
    assert allocator.check() == ["detector: no perf"]
    assert allocator.blocking


def test_what_cannot_be_is_refused():
    with pytest.raises(ValidationError, match="longest_keep: 5 s is less than keep: 60 s"):
        ContentionAllocator(Says(), longest_keep=5)


def test_a_detector_that_cannot_be_called_is_refused():
    class Bad(AnomalyDetector):
        def detect(self):
            return [], []

    with pytest.raises(ValidationError, match="detect must be callable"):
        ContentionAllocator(Bad())


# Bounds, whatever a detector says and a kernel does.

VERDICTS = st.sampled_from([*V, None, "odd"])
NAMES = ["web", "db", "b1", "b2"]
KINDS = [spinner, streamer, reader, idle]
STEP = st.tuples(
    VERDICTS,
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
    st.sampled_from(KINDS),
    st.booleans(),
    st.integers(1, 12),
)


@settings(max_examples=60)
@given(steps=st.lists(STEP, min_size=1, max_size=6), act=st.booleans(), seed=st.integers(0, 99))
def test_bounds_are_never_left_and_everything_comes_back(steps, act, seed):
    detector = Says()
    allocator = ContentionAllocator(
        detector, TIERS, idle=bool(seed % 2), keep=5, longest_keep=20, pause=1
    )
    tasks = {"web": victim(), "db": victim(), "b1": idle(), "b2": idle()}
    node = Node(allocator, tasks, act, seed=seed)
    node.tasks["web"].allocations[T.QUOTA] = 0.3
    originals = {name: dict(task.allocations) for name, task in tasks.items()}
    node.run(10)
    for verdict, accused, suspects, kind, says, seconds in steps:
        detector.verdict, detector.accused, detector.suspects = verdict, accused, suspects
        detector.says = says
        for name in ("b1", "b2"):
            allocations = node.tasks[name].allocations
            node.tasks[name] = replace(kind(), allocations=allocations)
        node.run(seconds)
    for asked in node.asked:
        assert set(asked) <= {"web", "b1", "b2"}, "db is nobody's victim and no batch task"
        for type_, value in asked.get("web", {}).items():
            assert type_ in (T.CPU_BURST, T.QUOTA)
            assert value <= 0.3 * (1.5001 if type_ is T.QUOTA else 1.0001)
        for name in ("b1", "b2"):
            for type_, value in asked.get(name, {}).items():
                if type_ is T.QUOTA:
                    assert value >= 0.1 / CPUS - 1e-9
                if type_ is T.MEMORY_MAX and value != "max":
                    assert value >= (16 << 20) + 4e6
    detector.says = False
    node.tasks["b1"], node.tasks["b2"] = (
        replace(idle(), allocations=node.tasks[name].allocations) for name in ("b1", "b2")
    )
    node.tasks["web"] = replace(victim(), allocations=node.tasks["web"].allocations)
    node.run(250)
    assert node.asked[-1] == {}
    assert {name: task.allocations for name, task in node.tasks.items()} == originals


# An envelope that wants pauses between two changes.


class Patient(Node):
    """A machine whose envelope lets nothing shrink twice within ten seconds."""

    def _grant(self, task_id, type_, value):
        last = getattr(self, "last", {})
        before = self.tasks[task_id].allocations[type_]
        grows = value == "max" or (before != "max" and value > before)
        since = self.second - last.get((task_id, type_), -99)
        if not grows and since * self.interval < 10:
            return
        count = len(self.done)
        super()._grant(task_id, type_, value)
        if len(self.done) > count:
            self.last = {**last, (task_id, type_): self.second}


@pytest.mark.parametrize("interval", [1.0, 0.25])
def test_a_step_that_the_envelope_lets_wait_comes_later_and_nothing_is_lost_meanwhile(interval):
    allocator = ContentionAllocator(InterferenceDetector(), TIERS)
    node = Patient(allocator, {"web": victim(), "guilty": idle()})
    node.interval = interval
    node.run(LEARNING)
    node.tasks["guilty"] = reader()
    node.run(int(40 / interval))
    limits = [(second, value) for second, _, type_, value in node.done if type_ is T.MEMORY_MAX]
    assert len(limits) >= 2
    assert 10 <= (limits[1][0] - limits[0][0]) * interval <= 12
    assert all(later < earlier for (_, earlier), (_, later) in pairwise(limits))
