"""CPIDetector: what CPI squared says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detectors.node_simulator import Sim, Simulator, said
from wca.detectors import CPIDetector
from wca.detectors.cpi import antagonist_score
from wca.detectors.interfering.specs import Spec
from wca.errors import ValidationError

WEB = Sim(cpu=0.6, work=300, cpi=1.0)
BATCH = Sim(cpu=0.5, work=None)
USUAL = {"web": WEB, "batch": BATCH}
STREAM = Sim(cpu=1.0, work=None)
#: Two and a half times the cycles: the score of the paper is for slowdowns of this size.
SLOW = WEB.but(cpi=2.5)


def quick(**options):
    return CPIDetector(**{"period": 5, "samples": 20, "window": 60, **options})


def learned(detector, usual=USUAL, **options):
    simulator = Simulator(detector, **options)
    simulator.run(200, usual)
    return simulator


def test_the_one_that_runs_when_the_cycles_are_many_is_accused():
    simulator = learned(quick())
    simulator.run(30, {**USUAL, "web": SLOW, "x": STREAM})
    (anomaly,) = simulator.answers[-1]
    assert (anomaly.contended_task_id, anomaly.contending_task_ids) == ("web", ["x"])
    assert (anomaly.verdict, anomaly.resource) == (
        "memory bandwidth or cache neighbour",
        "memory bandwidth",
    )
    name = "cycles per instruction"
    assert anomaly.evidence.values[name] > anomaly.evidence.thresholds[name]
    assert anomaly.suspects[0].score >= 0.35


def test_a_small_slowdown_is_found_and_nobody_reaches_the_score_of_the_paper():
    simulator = learned(quick())
    found = said(simulator.run(40, {**USUAL, "web": WEB.but(cpi=1.2), "x": STREAM}))
    assert found == [("web", "memory bandwidth or cache neighbour", ())]
    (anomaly,) = simulator.answers[-1]
    assert 0 < anomaly.suspects[0].score < 0.2


def test_a_lower_score_accuses_then_too():
    simulator = learned(quick(score=0.05))
    simulator.run(40, {**USUAL, "web": WEB.but(cpi=1.2), "x": STREAM})
    assert simulator.answers[-1][0].contending_task_ids == ["x"]


def test_cpu_per_unit_of_work_stands_in_where_no_instructions_are_counted():
    usual = {"web": WEB.but(cpi=None), "batch": BATCH}
    simulator = learned(quick(), usual)
    changed = {**usual, "web": WEB.but(cpi=None, cpu=1.2), "x": STREAM}
    assert said(simulator.run(40, changed))[0][0] == "web"
    assert "CPU seconds per unit of work" in simulator.answers[-1][0].evidence.values


def test_fewer_outliers_or_too_little_cpu_are_no_anomaly():
    simulator = learned(quick())
    assert said(simulator.run(9, {**USUAL, "web": SLOW, "x": STREAM})) == []
    idle = {"web": WEB.but(cpu=0.2), "batch": BATCH}
    simulator = learned(quick(), idle)
    assert said(simulator.run(40, {**idle, "web": SLOW.but(cpu=0.2), "x": STREAM})) == []


def test_it_ends_when_the_window_has_too_few_outliers():
    simulator = learned(quick())
    simulator.run(20, {**USUAL, "web": SLOW, "x": STREAM})
    assert said(simulator.run(80, USUAL)[-5:]) == []


def test_victims_and_culprits_are_chosen_by_label():
    assert said(learned(quick(victims={"task_name": "batch"})).run(40, {"web": SLOW})) == []
    simulator = learned(quick(culprits={"task_name": "batch"}))
    simulator.run(40, {**USUAL, "web": SLOW, "x": STREAM})
    assert simulator.answers[-1][0].contending_task_ids == []


def test_specifications_survive():
    simulator = learned(quick())
    state = json.loads(json.dumps(simulator.detector.dump_state(), allow_nan=False))
    detector = quick()
    detector.load_state(state)
    assert detector.dump_state() == simulator.detector.dump_state()
    other = Simulator(detector)
    other.run(20, USUAL)
    assert said(other.run(30, {**USUAL, "web": SLOW, "x": STREAM}))[0][0] == "web"


@pytest.mark.parametrize("state", [None, {}, {"specs": [1]}, {"specs": {"web": [1, 2]}}])
def test_a_state_that_makes_no_sense_is_refused_and_changes_nothing(state):
    detector = learned(quick()).detector
    before = detector.dump_state()
    with pytest.raises(ValidationError):
        detector.load_state(state)
    assert detector.dump_state() == before


def test_on_another_kind_of_cpu_it_begins_anew():
    simulator = learned(quick())
    state = simulator.detector.dump_state()
    simulator.detector.load_state({**state, "cpu_model": "Another CPU"})
    assert said(simulator.run(30, {"web": SLOW, "x": STREAM})) == []


def test_limits_that_a_task_always_had_are_no_action_and_a_change_of_them_is():
    granted = {"cpu_shares": 1.0, "cpu_quota": 1.0}
    usual = {"web": WEB.but(allocations=granted)}
    simulator = learned(quick(), usual)
    specs = simulator.detector.dump_state()["specs"]
    assert specs["cycles per instruction of web"]
    simulator.run(60, {"web": WEB.but(allocations={**granted, "cpu_quota": 0.5})})
    assert simulator.detector.dump_state()["specs"] == specs


def test_a_window_without_room_for_the_outliers_is_refused():
    with pytest.raises(ValidationError, match="no room for outliers: 3 of period: 10s"):
        CPIDetector(window=20)


def test_a_sample_of_yesterday_counts_nine_tenths():
    spec = Spec(0.0)
    for _ in range(10):
        spec.learn(1.0, 0.0)
    spec.learn(2.0, 86_400.0)
    assert spec.weight == pytest.approx(10)
    assert spec.mean == pytest.approx(1.1)
    assert spec.deviation == pytest.approx(0.3)


def test_the_score_is_the_one_of_the_paper():
    assert antagonist_score([2.0, 1.0], [1.0, 0.0], 1.0) == 0.5
    assert antagonist_score([2.0, 0.5], [0.0, 1.0], 1.0) == -0.5
    assert antagonist_score([None, 2.0], [9.0, 1.0], 1.0) == 0.5
    assert antagonist_score([2.0], [0.0], 1.0) == 0.0


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=20),
    st.lists(st.floats(0, 100), max_size=20),
    st.floats(0, 1e6),
)
def test_the_score_is_between_minus_one_and_one(samples, used, threshold):
    assert -1 <= antagonist_score(samples, used, threshold) <= 1


class SlowCounters(Simulator):
    """Cycles and instructions are read every 20 seconds, everything else each second."""

    def _step(self, tasks, outside, steal):
        ask, held, read = self.detector, self.__dict__.setdefault("held", {}), {}

        class Holds:
            def detect(this, platform, seen):  # noqa: N805
                at = (self.second - 1) // 20 * 20 + 1
                for task_id, task in seen.items():
                    for name in ("task_cycles", "task_instructions"):
                        if name in task.measurements:
                            key = task_id, name
                            if at == self.second or key not in held:
                                held[key] = task.measurements[name]
                            task.measurements[name] = held[key]
                            read[name] = float(at)
                platform.read_at.update(read)
                return ask.detect(platform, seen)

        self.detector = Holds()
        try:
            super()._step(tasks, outside, steal)
        finally:
            self.detector = ask


def test_a_history_has_one_kind_of_number_though_cycles_are_read_seldom():
    detector = quick(samples=10)
    simulator = SlowCounters(detector)
    simulator.run(300, USUAL)
    assert list(detector.dump_state()["specs"]) == ["cycles per instruction of web"]
    # Larger requests cost more CPU, and are no more cycles per instruction.
    assert said(simulator.run(60, {**USUAL, "web": WEB.but(cpu=1.2), "x": STREAM})) == []
    found = said(simulator.run(90, {**USUAL, "web": SLOW, "x": STREAM}))
    assert {one[0] for one in found} == {"web"}
    assert "CPU seconds per unit of work" not in simulator.answers[-1][0].evidence.values


def test_of_many_victims_all_are_told_and_the_search_for_culprits_goes_round():
    usual = {f"web{number:02}": WEB for number in range(20)}
    detector = quick()
    simulator = learned(detector, usual)
    slow = dict.fromkeys(usual, SLOW)
    simulator.run(60, {**slow, "x": STREAM})
    assert {one.contended_task_id for one in simulator.answers[-1]} == set(usual)
    assert all(one.suspects for one in simulator.answers[-1])
    before = detector.dump_state()["specs"]
    simulator.run(40, {**slow, "x": STREAM})
    after = detector.dump_state()["specs"]
    names = [f"cycles per instruction of {name}" for name in usual]
    assert [after[one] for one in names] == [before[one] for one in names]


def test_a_task_that_is_no_victim_does_not_teach_what_it_suffers():
    detector = quick(victims={"task_name": "batch"})
    simulator = learned(detector)
    simulator.run(20, {**USUAL, "web": SLOW, "x": STREAM})
    before = detector.dump_state()["specs"]["cycles per instruction of web"]
    simulator.run(60, {**USUAL, "web": SLOW, "x": STREAM})
    assert detector.dump_state()["specs"]["cycles per instruction of web"] == before


def test_evidence_has_no_number_that_there_is_not():
    simulator = learned(quick())
    simulator.run(30, {**USUAL, "web": SLOW, "x": STREAM})
    simulator.drop = {"task_cycles", "task_instructions", "task_work"}
    simulator.run(10, {**USUAL, "web": SLOW, "x": STREAM})
    (anomaly,) = simulator.answers[-1]
    assert 0 not in anomaly.evidence.values.values()
    assert 0 not in anomaly.evidence.thresholds.values()
