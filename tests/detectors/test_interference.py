"""InterferenceDetector: scenes of a node, told as those on duty would tell them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detectors.node_simulator import Sim, Simulator, said
from wca.detectors import InterferenceDetector
from wca.detectors.interfering.sampling import MEASURES
from wca.errors import ValidationError

WEB = Sim()
BATCH = Sim(cpu=0.5, work=None, psi=0.02, delay=0.03, memory=8e6)
USUAL = {"web": WEB, "batch": BATCH}

#: The victim as it fares.
WAITS = WEB.but(psi=0.028, delay=0.26, cpu=0.155)
COSTS_MORE = WEB.but(cpu=0.2)
THROTTLED = WEB.but(psi=0.144, delay=1.17, throttled=0.52)
READS_AGAIN = WEB.but(psi_io=0.48, refaults=400, read=4e6, operations=400)
WAITS_FOR_DISK = WEB.but(psi_io=0.37)
SHORT_OF_MEMORY = WEB.but(psi_memory_full=0.3, refaults=900, psi_io=0.1)

#: The others.
SPINNER = Sim(cpu=1.2, work=None, psi=0.5, delay=1.0, memory=2e6)
STREAM = Sim(cpu=1.0, work=None, memory=256e6)
READER = Sim(cpu=0.6, work=None, read=5e8, operations=4000, memory=300e6)
DIRECT_READER = Sim(cpu=0.3, work=None, read=5e8, operations=4000, memory=3e6)
HOG = Sim(cpu=0.5, work=None, faults=20_000, memory=900e6)

# What happens, tasks that change or come, the machine, verdict of web, who is accused.
SCENES = [
    ("a spinner takes the CPUs", {"web": WAITS, "x": SPINNER}, {}, "cpu neighbour", "x"),
    (
        "a spinner of the idle class takes what is left",
        {"web": WEB.but(psi=0.0054, delay=0.05), "x": SPINNER.but(shares=3)},
        {},
        None,
        "",
    ),
    (
        "its own quota holds it back while a spinner runs in peace",
        {"web": THROTTLED, "x": SPINNER.but(shares=3, cpu=0.99)},
        {},
        "self-inflicted throttling",
        "",
    ),
    (
        "its own quota holds it back the moment a neighbour begins",
        {"web": THROTTLED, "x": SPINNER},
        {},
        "self-inflicted throttling",
        "",
    ),
    (
        "another one streams through memory",
        {"web": COSTS_MORE, "x": STREAM},
        {},
        "memory bandwidth or cache neighbour",
        "x",
    ),
    (
        "one streams and one spins, both from now on, as busy as each other",
        {"web": COSTS_MORE, "x": STREAM.but(cpu=0.5), "y": STREAM.but(cpu=0.5, memory=2e6)},
        {},
        "memory bandwidth or cache neighbour",
        "x",
    ),
    (
        "memory traffic is measured, and the one with more memory moves none of it",
        {
            "web": COSTS_MORE.but(bandwidth=1e8),
            "x": STREAM.but(memory=64e6, bandwidth=8e9),
            "y": STREAM.but(memory=2e9, bandwidth=1e7),
        },
        {},
        "memory bandwidth or cache neighbour",
        "x",
    ),
    (
        "a reader pushes its page cache out",
        {"web": READS_AGAIN, "x": READER, "y": SPINNER.but(cpu=0.6)},
        {},
        "page cache thrash",
        "x",
    ),
    (
        "a reader that caches nothing fills the disk's queue",
        {"web": WAITS_FOR_DISK, "x": DIRECT_READER, "y": SPINNER.but(cpu=0.3)},
        {},
        "disk",
        "x",
    ),
    ("something that is no task fills the disk's queue", {"web": WAITS_FOR_DISK}, {}, "disk", ""),
    (
        "it reads more than it did",
        {"web": WAITS_FOR_DISK.but(read=8e7, operations=900)},
        {},
        None,
        "",
    ),
    ("memory runs out", {"web": SHORT_OF_MEMORY, "x": HOG}, {}, "memory exhaustion", "x"),
    (
        "the hypervisor gives the CPUs to other machines",
        {"web": WAITS},
        {"steal": 0.3},
        "hypervisor",
        "",
    ),
    (
        "the hypervisor takes so much that the work costs more",
        {"web": COSTS_MORE, "x": STREAM},
        {"steal": 0.3},
        "hypervisor",
        "",
    ),
    (
        "a process that is no task takes the CPUs",
        {"web": WAITS},
        {"outside": 1.2},
        "cpu neighbour",
        "",
    ),
    (
        "a process that is no task begins together with a spinner",
        {"web": WAITS, "x": SPINNER},
        {"outside": 0.6},
        "cpu neighbour",
        "",
    ),
    (
        "two spinners begin together, alike",
        {"web": WAITS, "x": SPINNER.but(cpu=0.7), "y": SPINNER.but(cpu=0.7)},
        {},
        "cpu neighbour",
        "",
    ),
    (
        "the load doubles",
        {"web": WEB.but(cpu=0.31, work=400, psi=0.009, delay=0.012)},
        {},
        None,
        "",
    ),
    ("requests become larger", {"web": WEB.but(cpu=0.24)}, {}, None, ""),
    (
        "requests become larger and wait for each other",
        {"web": WEB.but(cpu=0.3, psi=0.03, delay=0.05)},
        {},
        None,
        "",
    ),
    ("requests become smaller", {"web": WEB.but(cpu=0.1)}, {}, None, ""),
    ("nothing", {}, {}, None, ""),
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene[0])
def test_what_is_said_when(scene):
    _, changed, machine, verdict, culprit = scene
    simulator = Simulator(InterferenceDetector())
    assert said(simulator.run(120, USUAL)) == []
    found = said(simulator.run(30, {**USUAL, **changed}, **machine), "web")
    assert {one[1] for one in found} == ({verdict} if verdict else set())
    assert {name for one in found for name in one[2]} == ({culprit} if culprit else set())
    assert said(simulator.run(15, USUAL)[12:]) == []


def test_a_hypervisor_that_takes_as_much_as_ever_explains_nothing():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL, steal=0.3)
    found = said(simulator.run(30, {**USUAL, "web": COSTS_MORE, "x": STREAM}, steal=0.3), "web")
    assert found == [("web", "memory bandwidth or cache neighbour", ("x",))]


def test_it_is_found_within_seconds():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    answers = simulator.run(8, {"web": WAITS, "batch": BATCH, "x": SPINNER})
    assert not any(answers[:2])
    assert answers[-1][0].contending_task_ids == ["x"]


def test_one_that_began_earlier_is_no_culprit():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    earlier = {**USUAL, "early": BATCH}
    simulator.run(8, earlier)
    found = said(simulator.run(30, {**earlier, "web": WAITS, "x": SPINNER.but(cpu=0.9)}), "web")
    assert found[-1] == ("web", "cpu neighbour", ("x",))
    assert not any("early" in accused for _, _, accused in found)


def test_all_tasks_grow_and_all_of_them_wait():
    tasks = {
        name: Sim(cpu=cpu, work=None)
        for name, cpu in zip("abcd", (0.5, 0.4, 0.3, 0.2), strict=True)
    }
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, tasks)
    full = {name: one.but(psi=0.4, delay=0.8, cpu=one.cpu * 1.45) for name, one in tasks.items()}
    found = said(simulator.run(30, full))
    assert {(verdict, accused) for _, verdict, accused in found} == {("node full", ())}


def test_the_work_of_all_tasks_costs_more():
    tasks = {"web": WEB, "shop": Sim(cpu=0.3)}
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, tasks)
    found = said(simulator.run(30, {"web": COSTS_MORE, "shop": Sim(cpu=0.37)}))
    assert {(v, a) for _, v, a in found} == {("frequency or shared hardware", ())}


def test_cycles_per_instruction_tell_a_neighbour_from_larger_requests():
    tasks = {"web": WEB.but(cpi=1.0), "batch": BATCH}
    for cpi, verdicts in ((1.25, {"memory bandwidth or cache neighbour"}), (1.0, set())):
        simulator = Simulator(InterferenceDetector())
        simulator.run(120, tasks)
        changed = {"web": COSTS_MORE.but(cpi=cpi), "batch": BATCH, "x": STREAM}
        assert {one[1] for one in said(simulator.run(30, changed))} == verdicts


@pytest.mark.parametrize(
    ("mpki", "resource"), [(9.0, "cache"), (5.0, "memory bandwidth"), (None, "memory bandwidth")]
)
def test_more_misses_for_an_instruction_tell_that_it_is_the_cache(mpki, resource):
    counted = WEB.but(cpi=1.0, mpki=None if mpki is None else 5.0)
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, {"web": counted, "batch": BATCH})
    slower = {"web": COSTS_MORE.but(cpi=1.25, mpki=mpki), "batch": BATCH, "x": STREAM}
    anomalies = [one for second in simulator.run(30, slower) for one in second]
    assert {(str(one.resource), tuple(one.contending_task_ids)) for one in anomalies} == {
        (resource, ("x",))
    }
    name = "cache misses per 1000 instructions"
    assert (name in anomalies[-1].evidence.values) == (mpki is not None)


def test_without_refaults_reading_again_tells_thrash_from_disk():
    """As on kernels of cgroup v1 that do not count them."""
    for victim, verdict in ((READS_AGAIN, "page cache thrash"), (WAITS_FOR_DISK, "disk")):
        drop = ["task_mem_refaults_file", "task_mem_major_page_faults"]
        simulator = Simulator(InterferenceDetector(), drop=drop)
        simulator.run(120, USUAL)
        found = said(simulator.run(30, {**USUAL, "web": victim, "x": READER}))
        assert found == [("web", verdict, ("x",))]


def test_without_pressure_refaults_alone_tell_of_thrash():
    simulator = Simulator(InterferenceDetector(), drop=["task_psi_io_some_seconds"])
    simulator.run(120, USUAL)
    found = said(simulator.run(30, {**USUAL, "web": READS_AGAIN, "x": READER}))
    assert found == [("web", "page cache thrash", ("x",))]


@pytest.mark.parametrize(("seconds", "told"), [(12, True), (45, False)])
def test_memory_that_is_slowed_down_later_is_laid_to_nobody_but_not_to_the_work_itself(
    seconds, told
):
    """Within the reach of a search; who has long been there is no more likely than anybody."""
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    quiet = simulator.run(seconds, {**USUAL, "x": STREAM})
    found = said(simulator.run(12, {**USUAL, "x": STREAM, "web": COSTS_MORE}))
    assert said(quiet) == []
    assert found == ([("web", "memory bandwidth or cache neighbour", ())] if told else [])
    if told:
        (anomaly,) = simulator.answers[-1]
        assert [one.task_id for one in anomaly.suspects] == ["x"]


@pytest.mark.parametrize(
    ("begins", "found"),
    [({"x": STREAM}, [("web", "memory bandwidth or cache neighbour", ("x",))]), ({}, [])],
)
def test_where_memory_was_faster_lately_the_work_is_held_against_that(begins, found):
    """To a level at which it was when it was learned: with nobody to blame it is no trouble."""
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    faster = {**USUAL, "web": WEB.but(cpu=0.12)}
    assert said(simulator.run(30, faster)) == []
    assert said(simulator.run(12, {**faster, "web": WEB.but(cpu=0.157), **begins})) == found


def test_work_that_may_well_cost_more_is_held_against_what_it_cost_lately():
    """With limits as far away as those that were learned of requests that are large at times."""
    simulator = Simulator(InterferenceDetector(deviations=50))
    simulator.run(120, USUAL)
    assert said(simulator.run(30, {**USUAL, "web": WEB.but(cpu=0.17)})) == []
    found = said(simulator.run(12, {**USUAL, "web": WEB.but(cpu=0.22), "x": STREAM}))
    assert found == [("web", "memory bandwidth or cache neighbour", ("x",))]


def test_an_earlier_trouble_of_somebody_elses_says_nothing_of_this_one():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    first = simulator.run(30, {**USUAL, "web": WAITS, "y": SPINNER})
    simulator.run(12, USUAL)
    second = simulator.run(4, {**USUAL, "web": WAITS, "x": SPINNER})
    assert said(first) == [("web", "cpu neighbour", ("y",))]
    assert said(second) == [("web", "cpu neighbour", ("x",))]


def metric(simulator, name, **labels):
    return [
        one.value
        for one in simulator.metrics[-1]
        if one.name == name and labels.items() <= one.labels.items()
    ]


def test_a_changed_workload_is_told_as_a_metric_and_becomes_the_usual_one():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    larger = {**USUAL, "web": WEB.but(cpu=0.24)}
    assert said(simulator.run(40, larger)) == []
    assert metric(simulator, "interference_verdicts", verdict="workload changed") == [1]
    (ratio,) = metric(simulator, "interference_workload_change_ratio", task_id="web")
    assert 1.4 < ratio < 1.6
    simulator.run(200, larger)
    assert metric(simulator, "interference_workload_change_ratio") == []
    # A quarter more than the new level is found again, where the old limit would have been passed.
    found = said(simulator.run(30, {**USUAL, "web": WEB.but(cpu=0.3), "x": STREAM}))
    assert found == [("web", "memory bandwidth or cache neighbour", ("x",))]


def test_a_missed_objective_confirms_sooner():
    def seconds(sli):
        simulator = Simulator(InterferenceDetector(outliers=6, readings=10))
        usual = {"web": WEB.but(sli=0.5), "batch": BATCH}
        simulator.run(120, usual)
        answers = simulator.run(20, {**usual, "web": WAITS.but(sli=sli), "x": SPINNER})
        return next(second for second, one in enumerate(answers) if one)

    assert seconds(sli=1.5) < seconds(sli=0.5)


def test_what_is_not_learned_yet_is_not_judged():
    simulator = Simulator(InterferenceDetector())
    simulator.run(30, USUAL)
    assert said(simulator.run(30, {**USUAL, "web": WAITS, "x": SPINNER})) == []
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] < 60


def test_nothing_is_learned_while_something_is_wrong_or_done_about_it():
    for changed in ({"web": WAITS, "x": SPINNER}, {"web": WEB.but(allocations={"cpu_shares": 2})}):
        simulator = Simulator(InterferenceDetector())
        simulator.run(120, USUAL)
        before = metric(simulator, "interference_baseline_samples", task_id="web")
        simulator.run(60, {**USUAL, **changed})
        assert metric(simulator, "interference_baseline_samples", task_id="web")[0] < before[0] + 4


def test_limits_that_a_task_always_had_are_no_action():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, {"web": WEB.but(allocations={"cpu_shares": 1.0, "cpu_quota": 1.0})})
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] > 60


def test_on_another_kind_of_cpu_it_begins_anew(caplog):
    simulator = Simulator(InterferenceDetector())
    simulator.run(150, USUAL)
    state = simulator.detector.dump_state()
    simulator.detector.load_state({**state, "cpu_model": "Another CPU"})
    simulator.run(20, USUAL)
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] <= 20
    assert "learned on Another CPU" in caplog.text
    simulator.detector.load_state(state)
    simulator.run(5, USUAL)
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] > 60


def test_tasks_of_one_application_share_what_is_usual():
    labels = {"application": "shop"}
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, {"a": WEB.but(labels=labels), "batch": BATCH})
    later = {"b": WEB.but(labels=labels), "batch": BATCH}
    simulator.run(20, later)
    found = said(simulator.run(20, {**later, "b": WAITS.but(labels=labels), "x": SPINNER}))
    assert found == [("b", "cpu neighbour", ("x",))]


def test_only_those_that_may_be_are_victims():
    simulator = Simulator(InterferenceDetector(victims={"task_name": "batch"}))
    simulator.run(120, USUAL)
    assert said(simulator.run(30, {**USUAL, "web": WAITS, "x": SPINNER}), "web") == []


def test_a_task_whose_work_is_measured_is_not_accused_for_one_whose_is_not():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    busy = {"web": WEB.but(cpu=0.5, work=600), "batch": BATCH.but(psi=0.3, delay=0.5)}
    found = said(simulator.run(30, busy), "batch")
    assert found == [("batch", "cpu neighbour", ())]


@pytest.mark.parametrize("pause", [60, 3600, -100])
def test_after_a_pause_or_with_a_new_clock_windows_begin_anew_and_baselines_stay(pause):
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    simulator.run(10, {**USUAL, "web": WAITS, "x": SPINNER})
    simulator.pause(pause)
    assert simulator.run(1, USUAL) == [[]]
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] > 60
    simulator.run(15, USUAL)
    found = said(simulator.run(20, {**USUAL, "web": WAITS, "x": SPINNER}))
    assert found == [("web", "cpu neighbour", ("x",))]


def test_an_anomaly_says_what_it_rests_on():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    simulator.run(15, {**USUAL, "web": THROTTLED, "x": SPINNER})
    (anomaly,) = (one for one in simulator.answers[-1] if one.contended_task_id == "web")
    name = "share of throttled periods"
    assert anomaly.evidence.values[name] > anomaly.evidence.thresholds[name]
    assert anomaly.evidence.window >= 3
    assert "self-inflicted throttling" not in anomaly.evidence.ruled_out
    assert anomaly.evidence.ruled_out["hypervisor"].startswith("steal: flat")
    assert "throttling: high" in anomaly.evidence.ruled_out["cpu neighbour"]


def test_suspects_are_told_when_nobody_is_accused():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    alike = {"x": SPINNER.but(cpu=0.7), "y": SPINNER.but(cpu=0.7)}
    simulator.run(15, {**USUAL, "web": WAITS, **alike})
    (anomaly,) = (one for one in simulator.answers[-1] if one.contended_task_id == "web")
    assert anomaly.contending_task_ids == []
    assert {one.task_id for one in anomaly.suspects[:2]} == {"x", "y"}


def loaded(state):
    detector = InterferenceDetector()
    detector.load_state(json.loads(json.dumps(state, allow_nan=False)))
    return detector


def test_a_detector_that_goes_on_from_a_state_answers_as_the_one_that_gave_it():
    simulator = Simulator(InterferenceDetector())
    simulator.run(150, {**USUAL, "y": Sim(labels={"application": "shop"})})
    state = simulator.detector.dump_state()
    assert simulator.detector.dump_state() == state
    other = Simulator(loaded(state))
    assert other.detector.dump_state() == state
    for one in (simulator, other):
        one.second, one.totals = 5000, {}
        one.random.seed(5)
        one.answers.clear()
        one.run(60, USUAL)
        one.run(20, {**USUAL, "web": WAITS, "x": SPINNER})
    assert said(other.answers) == said(simulator.answers) == [("web", "cpu neighbour", ("x",))]
    assert other.detector.dump_state() == simulator.detector.dump_state()


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"baselines": 5},
        {"baselines": {}, "cpu_model": 5},
        {"baselines": {"web": {"x": {}}}},
        {"baselines": {"web": {"1": {"since": "now", "numbers": {}}}}},
        {"baselines": {"web": {"1": {"since": 1, "numbers": []}}}},
        {"baselines": {"web": {"1": {"since": 1, "numbers": {MEASURES[2].name: {}}}}}},
        {"baselines": {"web": {"1": {"since": float("nan"), "numbers": {}}}}},
    ],
)
def test_a_state_that_makes_no_sense_is_refused_and_changes_nothing(state):
    detector = InterferenceDetector()
    Simulator(detector).run(100, USUAL)
    before = detector.dump_state()
    with pytest.raises(ValidationError):
        detector.load_state(state)
    assert detector.dump_state() == before


def test_more_outliers_than_readings_are_refused():
    with pytest.raises(ValidationError, match="outliers: 4 of readings: 3"):
        InterferenceDetector(outliers=4, readings=3)


NAMES = sorted({name for one in MEASURES for name in (*one.metrics, one.per) if name})
TROUBLES = [WAITS, COSTS_MORE, THROTTLED, READS_AGAIN, WAITS_FOR_DISK, SHORT_OF_MEMORY]
OTHERS = [SPINNER, STREAM, READER, DIRECT_READER, HOG]


@settings(max_examples=25, deadline=None)
@given(
    drop=st.sets(st.sampled_from([*NAMES, "platform_cpu_seconds"]), max_size=12),
    trouble=st.sampled_from(TROUBLES),
    others=st.lists(st.sampled_from(OTHERS), max_size=3),
    seed=st.integers(0, 1000),
)
def test_whatever_is_missing_the_order_means_nothing_and_no_victim_is_its_own_culprit(
    drop, trouble, others, seed
):
    answers = []
    for reverse in (False, True):
        detector = InterferenceDetector(samples=20)
        simulator = Simulator(detector, seed, drop, reverse)
        simulator.run(40, USUAL)
        come = {f"x{place}": one for place, one in enumerate(others)}
        simulator.run(15, {**USUAL, "web": trouble, **come})
        answers.append(simulator.answers)
        for one in (one for second in simulator.answers for one in second):
            assert one.contended_task_id not in one.contending_task_ids
            assert one.contended_task_id not in {other.task_id for other in one.suspects}
            assert len(one.contending_task_ids) <= 1
    assert answers[0] == answers[1]


def accused_by_second(answers, victim="web"):
    return [
        sorted(
            (one.verdict, *one.contending_task_ids)
            for one in second
            if one.contended_task_id == victim
        )
        for second in answers
    ]


IDLE = Sim(cpu=0.01, work=None, memory=2e6)


def with_neighbours(detector=None, **changes):
    simulator = Simulator(detector or InterferenceDetector())
    simulator.run(120, {**USUAL, "n1": IDLE, "n2": IDLE})
    return simulator


def test_one_that_has_stopped_is_not_accused_any_longer_but_the_one_that_goes_on_in_its_place():
    simulator = with_neighbours()
    first = accused_by_second(simulator.run(30, {**USUAL, "web": WAITS, "n1": SPINNER, "n2": IDLE}))
    assert first[-1] == [("cpu neighbour", "n1")]
    then = accused_by_second(simulator.run(200, {**USUAL, "web": WAITS, "n1": IDLE, "n2": SPINNER}))
    assert then[20:] == [[("cpu neighbour", "n2")]] * 180
    assert len({str(one) for one in then}) == 2  # no flapping


def test_where_nobody_takes_the_place_of_one_that_has_stopped_nobody_is_accused():
    simulator = with_neighbours()
    simulator.run(30, {**USUAL, "web": WAITS, "n1": SPINNER, "n2": IDLE})
    then = accused_by_second(
        simulator.run(100, {**USUAL, "web": WAITS, "n1": IDLE, "n2": IDLE}, outside=1.2)
    )
    assert then[20:] == [[("cpu neighbour",)]] * 80


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scene", SCENES[:1] + SCENES[4:5] + SCENES[7:9], ids=lambda one: one[0])
def test_an_accusation_stands_from_the_first_to_the_end_of_an_episode(scene, seed):
    _, changed, _, verdict, culprit = scene
    idle = {name: IDLE for name in changed if name != "web"}
    simulator = Simulator(InterferenceDetector(), seed)
    simulator.run(120, {**USUAL, **idle})
    during = simulator.run(30, {**USUAL, **changed}) + simulator.run(20, {**USUAL, **idle})
    found = accused_by_second(during)
    begun = next(place for place, one in enumerate(found) if len(one[:1] and one[0]) > 1)
    accusations = {str(one) for one in found[begun:]}
    assert accusations <= {str([(verdict, culprit)]), "[]"}
    assert found[begun:30] == [[(verdict, culprit)]] * (30 - begun)


def test_a_second_trouble_by_somebody_else_is_told_beside_the_first():
    simulator = with_neighbours()
    simulator.run(20, {**USUAL, "web": WAITS, "n1": SPINNER, "n2": IDLE})
    both = {**USUAL, "web": WAITS.but(psi_io=0.37), "n1": SPINNER, "n2": DIRECT_READER}
    found = accused_by_second(simulator.run(30, both))
    assert found[8:] == [[("cpu neighbour", "n1"), ("disk", "n2")]] * 22
    left = {**USUAL, "web": WAITS_FOR_DISK, "n1": IDLE, "n2": DIRECT_READER}
    assert accused_by_second(simulator.run(30, left))[12:] == [[("disk", "n2")]] * 18


def test_one_cause_has_one_verdict_though_more_numbers_follow():
    simulator = with_neighbours()
    simulator.run(20, {**USUAL, "web": READS_AGAIN, "n1": READER, "n2": IDLE})
    more = {**USUAL, "web": READS_AGAIN.but(psi=0.03, delay=0.2, psi_memory_full=0.1), "n1": READER}
    found = accused_by_second(simulator.run(30, {**more, "n2": IDLE}))
    assert {str(one) for one in found} == {str([("page cache thrash", "n1")])}


def test_a_task_that_is_no_victim_learns_a_new_level_as_all_do():
    simulator = Simulator(InterferenceDetector(victims={"task_name": "batch"}))
    simulator.run(120, USUAL)
    larger = {**USUAL, "web": WEB.but(cpu=0.24)}
    simulator.run(300, larger)
    assert metric(simulator, "interference_baseline_samples", task_id="web")[0] > 60
    patients = dict(simulator.detector._examiner.patients)
    assert not patients["web"].watch.costs(patients["web"].track)


def test_an_application_that_is_told_later_is_the_one_that_counts():
    simulator = Simulator(InterferenceDetector())
    labels = {"application": "shop"}
    simulator.run(120, {"a": WEB.but(labels=labels), "batch": BATCH})
    simulator.run(2, {"b": WEB, "batch": BATCH})
    later = {"b": WEB.but(labels=labels), "batch": BATCH}
    simulator.run(20, later)
    found = said(simulator.run(20, {**later, "b": WAITS.but(labels=labels), "x": SPINNER}))
    assert found == [("b", "cpu neighbour", ("x",))]


def test_a_task_that_stands_still_is_held_against_its_last_load():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    still = WEB.but(work=0.0, psi_io=0.9)
    found = said(simulator.run(30, {**USUAL, "web": still, "x": DIRECT_READER}))
    assert found == [("web", "disk", ("x",))]


class SlowCpu(InterferenceDetector):
    """Is shown the CPU time of tasks every five seconds, each task at its own."""

    def __init__(self):
        super().__init__()
        self.held = {}

    def detect(self, platform, tasks_data):
        at = platform.monotonic // 5 * 5
        for task_id, task in tasks_data.items():
            name = "task_cpu_usage_seconds"
            value, read = self.held.get(task_id, (None, None))
            if read != at:
                value = task.measurements[name]
            self.held[task_id] = value, at
            task.measurements[name] = value
        platform.read_at["task_cpu_usage_seconds"] = at
        return super().detect(platform, tasks_data)


def test_tasks_whose_cpu_is_read_less_often_than_that_of_the_machine_can_be_accused():
    simulator = with_neighbours(SlowCpu())
    found = said(simulator.run(30, {**USUAL, "web": WAITS, "n1": SPINNER, "n2": IDLE}), "web")
    assert found[-1] == ("web", "cpu neighbour", ("n1",))


def test_a_missed_objective_that_nothing_explains_is_told_and_ends_when_it_is_met():
    simulator = Simulator(InterferenceDetector())
    usual = {"web": WEB.but(sli=0.5), "batch": BATCH}
    simulator.run(120, usual)
    missed = simulator.run(5, {**usual, "web": WEB.but(sli=1.5)})
    assert missed[0] == []
    ((anomaly,),) = missed[1:2]
    assert (anomaly.verdict, anomaly.contending_task_ids) == ("objective missed", ())
    assert anomaly.evidence.values == {"indicator divided by objective": 1.5}
    assert metric(simulator, "interference_verdicts", verdict="objective missed") == [1]
    met = simulator.run(10, usual)
    assert met[8] != []
    assert met[9] == []


def test_what_explains_a_missed_objective_is_told_in_its_place():
    simulator = Simulator(InterferenceDetector())
    usual = {"web": WEB.but(sli=0.5), "batch": BATCH}
    simulator.run(120, usual)
    found = said(simulator.run(30, {**usual, "web": WAITS.but(sli=1.5), "x": SPINNER}), "web")
    assert [one[1:] for one in found if one[1] != "objective missed"] == [("cpu neighbour", ("x",))]
    assert simulator.answers[-1][0].verdict == "cpu neighbour"
    assert len(simulator.answers[-1]) == 1


def test_a_change_is_counted_once_while_no_new_reading_comes():
    simulator = Simulator(InterferenceDetector())
    simulator.run(120, USUAL)
    smaller = {**USUAL, "web": WEB.but(cpu=0.1)}
    name = "interference_verdicts"
    while metric(simulator, name, verdict="workload changed") == [0]:
        simulator.run(1, smaller)
    simulator.run(10, {**USUAL, "web": WEB.but(cpu=0.1, work=0.0)})
    assert metric(simulator, name, verdict="workload changed") == [1]
