"""`ModelDetector`: limits of a model, and otherwise as `InterferenceDetector`."""

import subprocess
import sys

import pytest

from tests.detectors.node_simulator import Sim, Simulator, said
from wca.detectors import ModelDetector, Stateful
from wca.detectors.interfering.judged import JUDGED, Group
from wca.detectors.interfering.norms import load_bin
from wca.detectors.modelling.file import encode_model
from wca.detectors.modelling.model import Learned, Load, Model, ModelNorms, Parameters
from wca.errors import StartError, ValidationError

#: The load of the tasks below, in units of work per second.
AT = load_bin(200.0)
NEIGHBOUR = Sim(cpu=1.8, work=None)


def a_model(loads=None, application="web", limits=None, **parameters):
    """A model that knows an application; limits by place in JUDGED."""
    at = {place: max(one.floor, 0.01) for place, one in enumerate(JUDGED)} | (limits or {})
    known = {
        place: Learned(min(one.floor / 2, at[place]), at[place], 100, "fence", ((1.0, 0.0, 0.0),))
        for place, one in enumerate(JUDGED)
    }
    given = {"application_label": "application", "min_cpu": 0.05, **parameters}
    numbers = {"samples": 60, "components": 4, "span": 3.0, "budget": 0.05, "share": 0.2}
    return Model(
        "1",
        [],
        None,
        Parameters(**given, **numbers),
        {application: {place: Load(100, known) for place in loads or [AT]}},
    )


@pytest.fixture
def started(tmp_path):
    """started(model, ...): a detector that has read it."""

    def started(model, **options):
        path = tmp_path / "model.json"
        path.write_bytes(encode_model(model))
        detector = ModelDetector(str(path), **options)
        assert detector.check() == []
        detector.start()
        return detector

    return started


def not_judged(simulator):
    return {
        one.labels["reason"]: one.value
        for one in simulator.metrics[-1]
        if one.name == "interference_tasks_not_judged"
    }


def test_it_judges_from_the_first_reading_on_and_names_victim_trouble_and_culprit(started):
    simulator = Simulator(started(a_model()))
    assert said(simulator.run(20, {"web": Sim(), "batch": Sim(cpu=0.1, work=None)})) == []
    found = simulator.run(20, {"web": Sim(psi=0.3, delay=0.5), "batch": NEIGHBOUR})
    assert said(found) == [("web", "cpu neighbour", ("batch",))]
    (anomaly,) = found[-1]
    assert anomaly.evidence.thresholds[JUDGED[0].name] == JUDGED[0].floor
    assert said(simulator.run(40, {"web": Sim(), "batch": Sim(cpu=0.1, work=None)})[20:]) == []


@pytest.mark.parametrize(("limit", "count"), [(0.5, 0), (0.2, 1)])
def test_the_limit_decides(started, limit, count):
    simulator = Simulator(started(a_model(limits={0: limit, 1: 5.0})))
    simulator.run(20, {"web": Sim(), "batch": Sim(cpu=0.1, work=None)})
    found = simulator.run(20, {"web": Sim(psi=0.35), "batch": NEIGHBOUR})
    assert len(said(found)) == count


def test_what_the_model_does_not_know_is_not_judged_and_counted(started):
    simulator = Simulator(started(a_model()))
    worse = Sim(psi=0.4, delay=0.6)
    tasks = {"web": worse.but(cpu=1.6, work=2000.0), "other": worse, "batch": NEIGHBOUR}
    assert said(simulator.run(40, tasks)) == []
    assert not_judged(simulator) == {"application": 2, "load": 1}
    simulator.run(20, {"web": Sim()})
    assert not_judged(simulator) == {"application": 0, "load": 0}


def test_a_load_beside_a_known_one_has_its_limits_twice_as_far():
    norms = ModelNorms(a_model(loads=[10], limits={0: 0.03}))
    here, beside, above = (norms.usual("web", place) for place in (10, 9, 11))
    psi = Group.WAIT
    assert JUDGED[0].group is psi
    median, far = here[0].median, here[0].limit - here[0].median
    assert (median, here[0].limit) == (JUDGED[0].floor / 2, 0.03)
    assert beside[0].limit == pytest.approx(median + 2 * far)
    assert above[0].limit == pytest.approx(1.5 * median + 2 * far)  # waits grow with the load
    assert all(one is None for place in (8, 12) for one in norms.usual("web", place))
    assert norms.knows("web")
    assert not norms.knows("other")


def test_a_number_that_the_model_lacks_at_a_load_comes_from_the_one_beside_it():
    model = a_model(loads=[10])
    bare = {place: one for place, one in model.applications["web"][10].numbers.items() if place}
    model.applications["web"][11] = Load(100, bare)
    usual = ModelNorms(model).usual("web", 11)
    assert usual[0].limit > 0.01
    assert usual[1].limit == bare[1].limit


def test_it_learns_nothing(started):
    detector = started(a_model(limits={0: 0.2, 1: 5.0}))
    assert not isinstance(detector, Stateful)
    simulator = Simulator(detector)
    lasting = {"web": Sim(psi=0.35), "batch": Sim(cpu=0.1, work=None)}
    simulator.run(400, lasting)  # a baseline would have become this
    late = Simulator(started(a_model(limits={0: 0.2, 1: 5.0})))
    for one in (simulator, late):
        one.run(20, {"web": Sim(), "batch": Sim(cpu=0.1, work=None)})
    disturbed = {"web": Sim(psi=0.35), "batch": NEIGHBOUR}
    found = [said(one.run(30, disturbed))[-1:] for one in (simulator, late)]
    assert found == [[("web", "cpu neighbour", ("batch",))]] * 2


def test_the_model_says_whose_limits_are_whose_and_how_busy_a_task_must_be(started):
    detector = started(a_model(application="shop", application_label="app", min_cpu=1.0))
    simulator = Simulator(detector)
    web = Sim(labels={"app": "shop"})
    simulator.run(20, {"web": web, "batch": Sim(cpu=0.1, work=None)})
    assert not_judged(simulator) == {"application": 1, "load": 0}
    worse = {"web": web.but(psi=0.3, delay=0.5), "batch": NEIGHBOUR}
    assert said(simulator.run(20, worse)) == []  # 0.16 CPUs are less than 1


def test_who_can_be_a_victim_is_chosen_by_label(started):
    tasks = {"web": Sim(psi=0.3, delay=0.5), "batch": NEIGHBOUR}
    for pattern, count in (("web", 1), ("other", 0)):
        simulator = Simulator(started(a_model(), victims={"task_id": pattern}))
        simulator.run(20, {"web": Sim(), "batch": Sim(cpu=0.1, work=None)})
        assert len(said(simulator.run(20, tasks))) == count


def test_a_model_that_cannot_be_used_is_a_sentence_of_check_and_start(tmp_path):
    detector = ModelDetector(str(tmp_path / "none.json"))
    (problem,) = detector.check()
    assert problem.startswith(f"model: {tmp_path}/none.json: the model cannot be read")
    assert "`wca train` writes one" in problem
    with pytest.raises(StartError, match=r"ModelDetector cannot use its model: .*none\.json"):
        detector.start()
    with pytest.raises(StartError, match="has no model before it is started"):
        Simulator(detector).run(1, {})


def test_impossible_options_are_refused():
    with pytest.raises(ValidationError, match="outliers: 5 of readings: 3 can never be"):
        ModelDetector("/m", outliers=5, readings=3)
    with pytest.raises(ValidationError, match="victims"):
        ModelDetector("/m", victims={"app": "("})


def test_detecting_needs_no_numpy():
    script = (
        "import sys; sys.modules['numpy'] = sys.modules['sklearn'] = None; "
        "from wca.detectors import ModelDetector; ModelDetector('/m').check(); "
        "import wca.commands.train"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
