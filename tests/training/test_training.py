"""Training: from recordings whose distributions are known to the limits that they must have."""

import math

import pytest

from tests.detectors.node_simulator import Sim
from tests.training.recorded import (
    COST,
    DELAY,
    NOW,
    PSI,
    PSI_IO,
    READ,
    REFAULTS,
    THROTTLED,
    episode,
    record,
    the_load,
    trained,
)
from wca.detectors.interfering.judged import JUDGED
from wca.detectors.modelling.file import encode_model, parse_model
from wca.errors import UsageError
from wca.recording import RecordingError


def web(**changes):
    """A task whose waits for a CPU are normal around 0.1 with a deviation of 0.03."""
    return {"web": Sim(psi=0.1).but(**changes)}


def test_a_normal_number_has_its_limit_three_deviations_above_its_mean(tmp_path):
    model = trained(record(tmp_path / "r", (900, web())))
    psi = the_load(model).numbers[PSI]
    assert psi.by == "fence"
    assert psi.median == pytest.approx(0.1, rel=0.03)
    assert psi.limit == pytest.approx(0.19, rel=0.05)
    assert sum(weight for weight, _, _ in psi.components) == pytest.approx(1, abs=1e-5)
    narrow = trained(tmp_path / "r", span=2.0)
    assert the_load(narrow).numbers[PSI].limit == pytest.approx(0.16, rel=0.05)


def test_a_number_that_hardly_spreads_has_its_limit_a_share_or_a_floor_above(tmp_path):
    quiet = Sim(psi=0.2, noise=0.001, read=10e6)
    numbers = the_load(trained(record(tmp_path / "r", (200, {"web": quiet})))).numbers
    assert numbers[PSI].limit == pytest.approx(0.24, rel=0.01)  # a fifth
    assert numbers[COST].limit == pytest.approx(0.16 / 200 * 1.1, rel=0.01)  # smoothed: a tenth
    for number in (REFAULTS, THROTTLED):  # always 0
        assert numbers[number].median == 0
        assert numbers[number].limit == JUDGED[number].floor
    assert numbers[READ].limit == pytest.approx(12e6, rel=0.01)


def test_a_second_mode_that_is_common_is_usual_and_one_that_is_rare_is_not(tmp_path):
    def alternating(high):
        """Ten seconds of 100 in a high mode, or as many as given."""
        return [(seconds, web(psi=psi)) for _ in range(8) for seconds, psi in high]

    common = trained(record(tmp_path / "common", *alternating([(70, 0.02), (30, 0.4)])))
    psi = the_load(common).numbers[PSI]
    assert len(psi.components) >= 2
    assert psi.median < 0.05
    assert psi.limit > 0.5
    rare = trained(record(tmp_path / "rare", *alternating([(98, 0.02), (2, 0.4)])))
    assert 0.03 < the_load(rare).numbers[PSI].limit < 0.1
    none = trained(tmp_path / "rare", budget=0.0)  # nothing may be outside
    assert the_load(none).numbers[PSI].limit > 0.3


def test_each_application_and_each_load_has_limits_of_its_own(tmp_path):
    day, night = Sim(cpu=0.8, work=1000, psi=0.2), Sim(cpu=0.08, work=100, psi=0.01)
    kind = {"application": "api"}
    tasks = [{"a": one.but(labels=kind), "b": one.but(labels=kind)} for one in (day, night)]
    tasks[0]["batch"] = tasks[1]["batch"] = Sim(cpu=0.5, work=None)
    model = trained(record(tmp_path / "r", (150, tasks[0]), (150, tasks[1])))
    assert sorted(model.applications) == ["api", "batch"]
    medians = [
        load.numbers[PSI].median
        for _, load in sorted(model.applications["api"].items())
        if load.samples > 200
    ]
    assert medians == pytest.approx([0.01, 0.2], rel=0.1)
    other = trained(tmp_path / "r", application_label="task_id")
    assert sorted(other.applications) == ["a", "b", "batch"]


def test_what_is_not_measured_has_no_limit(tmp_path):
    path = record(
        tmp_path / "r",
        (100, web(work=None)),
        drop=["task_psi_cpu_some_seconds", "task_cpu_periods"],
    )
    numbers = the_load(trained(path)).numbers
    assert not numbers.keys() & {PSI, COST, THROTTLED}
    assert DELAY in numbers


def test_waits_and_costs_of_a_task_that_hardly_runs_are_not_learned(tmp_path):
    model = trained(record(tmp_path / "r", (100, web(cpu=0.01))))
    assert not the_load(model).numbers.keys() & {PSI, DELAY, COST}
    assert the_load(trained(tmp_path / "r", min_cpu=0.001)).numbers.keys() >= {PSI, DELAY, COST}


def test_nothing_is_learned_of_a_task_with_allocations_in_force(tmp_path):
    controlled = Sim(psi=0.5, allocations={"cpu_quota": 0.5})
    model = trained(record(tmp_path / "r", (100, web()), (100, {"web": controlled})))
    assert sum(one.samples for one in model.applications["web"].values()) <= 100


def test_a_pause_of_the_recording_is_no_reading(tmp_path):
    first = record(tmp_path / "first", (100, web()))
    second = record(tmp_path / "second", (100, web()), begin=100_000, seed=2)
    model = trained(first, second)
    assert [(one.begin - NOW, one.intervals) for one in model.recordings] == [
        (1, 100),
        (100_001, 100),
    ]
    assert sum(one.samples for one in model.applications["web"].values()) == 198


def test_too_few_readings_are_one_sentence(tmp_path):
    path = record(tmp_path / "r", (50, web()))
    with pytest.raises(UsageError, match="no task has 60 readings at one load"):
        trained(path)
    assert trained(path, samples=20).applications
    with pytest.raises(UsageError, match="no task has 60 readings"):
        trained(record(tmp_path / "empty"))
    (tmp_path / "other").write_text("text")
    with pytest.raises(RecordingError, match="is no recording of wca"):
        trained(tmp_path / "other")


# With labels.


#: Waits of 0.05 with a deviation of 0.009 have their fence at 0.077.
QUIET, WORSE = Sim(psi=0.05, noise=0.03), Sim(psi=0.075, noise=0.03)
DISTURBED = [(90, {"web": QUIET}), (40, {"web": WORSE})] * 4
EPISODES = [episode(130 * place + 90, 130 * place + 130) for place in range(4)]


def test_labels_move_the_limit_to_where_it_tells_episodes_from_quiet_times(tmp_path):
    path = record(tmp_path / "r", *DISTURBED)
    blind, seeing = trained(path), trained(path, episodes=EPISODES)
    limit = the_load(seeing).numbers[PSI]
    assert limit.by == "labels"
    assert 0.058 < limit.limit < 0.07
    assert the_load(blind).numbers[PSI].limit > 0.075
    assert limit.score > 0.6
    assert 100 < limit.disturbed < 160
    assert (
        the_load(seeing).numbers[PSI_IO].by == "fence"
    )  # an episode of waiting tells nothing of io
    assert (blind.episodes, seeing.episodes) == (None, 4)


def test_what_is_learned_as_usual_is_not_from_episodes(tmp_path):
    terrible = [(90, {"web": QUIET}), (40, {"web": Sim(psi=0.8, psi_io=0.6)})] * 4
    path = record(tmp_path / "r", *terrible)
    numbers = the_load(trained(path, episodes=EPISODES)).numbers
    assert 0.06 < numbers[PSI].limit < 0.6  # between the two
    assert numbers[PSI].samples < 4 * 90
    assert numbers[PSI_IO].limit == pytest.approx(0.035, rel=0.1)
    assert the_load(trained(path)).numbers[PSI].limit > 0.8


def test_a_verdict_tells_of_the_numbers_that_its_row_of_the_table_has(tmp_path):
    worse = {"web": Sim(refaults=5000, psi_io=0.3, psi=0.2)}
    path = record(tmp_path / "r", *([(90, {"web": Sim()}), (40, worse)] * 2))
    episodes = [episode(90, 130, "page cache thrash"), episode(220, 260, "page cache thrash")]
    numbers = the_load(trained(path, episodes=episodes)).numbers
    found = {number for number, one in numbers.items() if one.by == "labels"}
    assert found == {PSI_IO, REFAULTS}
    assert numbers[REFAULTS].limit == 50  # tells them apart, and so do limits up to some thousands


def test_other_tasks_are_neither_quiet_nor_disturbed_in_an_episode(tmp_path):
    worse = {"web": WORSE, "batch": Sim(psi=0.5)}
    phases = [(90, {"web": QUIET, "batch": Sim()}), (40, worse)] * 4
    model = trained(record(tmp_path / "r", *phases), episodes=EPISODES)
    psi = the_load(model, "batch").numbers[PSI]
    assert (psi.by, psi.disturbed) == ("fence", 0)
    assert psi.limit < 0.1


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ({"verdict": None}, "fence"),  # a control is usual, and has to be
        ({"verdict": "the words of another detector"}, "fence"),
        ({"verdict": None, "scored": False}, "fence"),  # the time in which a detector learns
        ({"scored": False}, "fence"),
        ({"victim": "batch"}, "fence"),
        ({}, "labels"),
    ],
)
def test_which_episodes_count(tmp_path, change, by):
    path = record(tmp_path / "r", *DISTURBED)
    model = trained(path, episodes=[{**one, **change} for one in EPISODES])
    psi = the_load(model).numbers[PSI]
    assert psi.by == by
    usual = psi.limit > 0.08  # the worse readings are usual, too
    assert usual == ("verdict" in change and change["verdict"] is None)


def test_too_few_readings_of_episodes_leave_the_fence(tmp_path):
    short = [episode(90, 110)]  # 15 after it has settled
    path = record(tmp_path / "r", (90, {"web": QUIET}), (20, {"web": WORSE}))
    psi = the_load(trained(path, episodes=short)).numbers[PSI]
    assert (psi.by, psi.score) == ("fence", None)
    assert 0 < psi.disturbed < 20


def test_labels_that_explain_nothing_leave_the_fence(tmp_path):
    path = record(tmp_path / "r", (520, {"web": QUIET}))
    psi = the_load(trained(path, episodes=EPISODES)).numbers[PSI]
    assert psi.by == "fence"
    assert psi.disturbed > 100


# The same recordings, the same bytes.


def test_the_same_recordings_give_the_same_bytes_in_any_order(tmp_path):
    paths = [
        record(tmp_path / str(place), *DISTURBED, begin=1000 * place, seed=place)
        for place in range(2)
    ]
    models = [trained(*order, episodes=EPISODES) for order in (paths, paths, paths[::-1])]
    first, *others = [encode_model(model) for model in models]
    assert others == [first, first]
    assert parse_model(first) == models[0]


def test_a_model_says_how_it_was_trained(tmp_path):
    model = trained(record(tmp_path / "r", (100, web())), span=2.5)
    assert model.wca
    assert model.parameters.span == 2.5
    assert [(one.begin, one.end, one.intervals) for one in model.recordings] == [
        (NOW + 1, NOW + 100, 100)
    ]
    numbers = [one for load in model.applications["web"].values() for one in load.numbers.values()]
    assert all(one.samples >= 60 and math.isfinite(one.limit) for one in numbers)
