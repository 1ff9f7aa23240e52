"""Runs of workloads that share a machine: their plan, what is kept of them, what is reported."""

import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.collocation import arithmetic as a
from benchmarks.collocation import record as recording
from benchmarks.collocation.__main__ import main
from benchmarks.collocation.agent import Agent
from benchmarks.collocation.aims import aims
from benchmarks.collocation.corpus import Runs
from benchmarks.collocation.plan import Run, Times, plan
from benchmarks.collocation.record import TOP, Options, record
from benchmarks.collocation.report import LIMITS, report
from benchmarks.collocation.scenarios import ARMS, SCENARIOS, VICTIM
from benchmarks.collocation.watching import watching
from benchmarks.detection import groups
from benchmarks.detection.corpus import read_latencies
from benchmarks.detection.groups import NEIGHBOURS, NodeGroups, node_groups
from benchmarks.detection.programs import UnusableError
from benchmarks.detection.record import MEMORY_FOLDER
from tests.cgroup_fixtures import need_root
from wca.components import load_registry
from wca.config import load_config

SEEDS = st.integers(0, 10**9)
NAMES = ("E1", "E2")
#: Another one than that of a run that goes on meanwhile.
TEST_TOP = "wca-test-collocation"


class TestPlan:
    @given(SEEDS)
    def test_it_is_the_same_each_time_and_longer_with_more_repetitions(self, seed):
        more = list(plan(seed, NAMES, 3))
        assert list(plan(seed, NAMES, 2)) == more[: len(more) * 2 // 3]

    @given(SEEDS, st.integers(1, 6))
    def test_every_arm_has_every_repetition_once(self, seed, repetitions):
        counts = Counter((one.scenario, one.arm) for one in plan(seed, NAMES, repetitions))
        assert set(counts) == {(name, arm) for name in NAMES for arm in ARMS}
        assert set(counts.values()) == {repetitions}

    @given(SEEDS)
    def test_an_even_repetition_has_the_arms_the_other_way_round(self, seed):
        orders = {}
        for one in plan(seed, ("E1",), 4):
            orders.setdefault(one.repetition, []).append(one.arm)
        assert orders[2] == orders[1][::-1]
        assert orders[4] == orders[3][::-1]

    @given(SEEDS)
    def test_the_arms_of_a_repetition_have_the_same_tasks_and_arrivals(self, seed):
        runs = list(plan(seed, ("E4 cpu", "changing"), 3))
        for one in runs:
            same = [r for r in runs if (r.scenario, r.repetition) == (one.scenario, one.repetition)]
            assert {r.seed for r in same} == {one.seed}
            assert all(r.tasks == one.tasks for r in same)
            assert len(set(one.tasks.values())) == len(one.tasks) > 1

    def test_every_neighbour_is_the_culprit_now_and_then(self):
        tasks = {one.tasks["culprit"] for one in plan(1, ("E1",), 20)}
        assert tasks == set(NEIGHBOURS)

    def test_names_are_those_of_files_and_differ(self):
        names = [one.name for one in plan(1, tuple(SCENARIOS), 2)]
        assert len(set(names)) == len(names)
        assert not any(" " in name or "/" in name for name in names)

    def test_a_run_is_shorter_than_the_lock_may_be_held(self):
        for name, scenario in SCENARIOS.items():
            most = {"E3a": 200, "E3b": 90}.get(name, 40)
            assert all(Times().whole(scenario, arm) <= most for arm in scenario.arms), name

    def test_only_where_nothing_is_done_all_is_soon_as_it_stays(self):
        for scenario in SCENARIOS.values():
            for phase in scenario.phases:
                assert phase.reaction("agent") == phase.reaction("static") == phase.react
                assert phase.reaction("none") == phase.reaction("dry run") <= phase.react


class TestScenarios:
    def test_roles_of_settings_and_of_the_guilty_are_played_by_somebody(self):
        for name, one in SCENARIOS.items():
            for setting in one.static:
                assert setting.role in (*one.roles, VICTIM), name
            for phase in one.phases:
                assert set(phase.guilty) <= {*one.roles, VICTIM}, name
            assert len(one.roles) <= len(NEIGHBOURS)

    def test_in_a_control_nobody_is_guilty_and_elsewhere_somebody(self):
        for one in SCENARIOS.values():
            assert any(phase.guilty for phase in one.phases) is not one.control

    def test_where_a_static_setting_is_an_arm_there_is_one(self):
        for one in SCENARIOS.values():
            assert bool(one.static) is ("static" in one.arms)

    def test_what_an_agent_has_learned_is_of_the_same_victim(self):
        for name, one in SCENARIOS.items():
            learned = SCENARIOS[recording.learned_in(name)]
            assert (learned.load, learned.cached) == (one.load, one.cached), name


class TestBatches:
    @given(st.lists(st.sampled_from(sorted(SCENARIOS)), max_size=20), st.floats(1, 120))
    def test_they_have_all_runs_in_order_and_hold_no_longer_than_they_may(self, names, hold):
        runs = [Run(name, "agent", at, {}, 1) for at, name in enumerate(names)]
        options = Options(out=Path("unused"), hold=hold)
        batches = list(recording.batches(runs, options))
        assert [one for batch in batches for one in batch] == runs
        for batch in batches:
            takes = sum(options.times.whole(SCENARIOS[one.scenario], one.arm) for one in batch)
            assert takes <= hold or len(batch) == 1

    def test_the_quiet_time_of_a_victim_is_recorded_once_before_its_first_run(self):
        runs = list(recording.with_quiet(plan(1, ("E2", "changing", "E1"), 2)))
        quiet = [(at, one.scenario) for at, one in enumerate(runs) if one.arm == "quiet"]
        assert quiet == [(0, "E2"), (9, "E1")]


def a_result(
    scenario="E1",
    arm="agent",
    repetition=1,
    *,
    p99=1.0,
    cpu=1.8,
    changes=(),
    said=(),
    alone=1.0,
    left=(),
    asked=(),
):
    """A run of one window in which n1 is guilty, unless it is a control."""
    numbers = dict.fromkeys(("mean", "p50", "p95", "p99"), p99)
    before = dict.fromkeys(numbers, alone)
    guilty = [] if SCENARIOS[scenario].control else ["n1"]
    phase = {"start": 0.0, "guilty": guilty, "quota": None, "victim": numbers}
    phase |= {"cpu": {"n1": cpu, "n2": 0.0}, "bytes": {"n1": 10 * cpu}}
    if arm not in ("none", "static"):
        phase["agent"] = 0.03
    return {
        "name": f"{scenario}-{repetition:03d}-{arm}",
        "scenario": scenario,
        "arm": arm,
        "repetition": repetition,
        "tasks": {},
        "start": 1000.0,
        "lead": {"victim": before},
        "phases": [phase],
        "end": 14.0,
        "changes": [list(one) for one in changes],
        "left": list(left),
        "said": list(said),
        "asked": list(asked),
        "outside": 0.02,
        "steal": 0.0,
        "version": "v1",
    }


IDLE = (2.5, "n1", "cpu.idle", "0", "1")
BACK = (14.6, "n1", "cpu.idle", "1", "0")


class TestArithmetic:
    def test_pairs_are_of_the_same_repetition_and_of_both_arms(self):
        results = [
            a_result(arm="agent", repetition=1, p99=2.0),
            a_result(arm="static", repetition=1, p99=1.0),
            a_result(arm="agent", repetition=2, p99=3.0),
            a_result(arm="static", repetition=2, p99=2.0),
            a_result(arm="agent", repetition=3, p99=9.0),
            a_result("E2", arm="static", repetition=3, p99=9.0),
        ]
        assert a.paired(results, "E1", ("agent", "static"), a.victim("p99")) == [2.0, 1.5]

    @given(st.lists(st.floats(0.1, 100), min_size=1, max_size=9))
    def test_an_estimate_is_the_median_within_its_interval_within_the_range(self, values):
        found = a.estimate(values)
        assert min(values) <= found.low <= found.value <= found.high <= max(values)
        assert found == a.estimate(values)
        assert found.runs == len(values)

    def test_nothing_has_no_estimate(self):
        assert a.estimate([]) is None

    @pytest.mark.parametrize(
        ("count", "hours", "rate"), [(0, 1.0, 2.996), (0, 2.0, 1.498), (1, 1.0, 4.744)]
    )
    def test_the_bound_of_a_rate_is_that_of_poisson(self, count, hours, rate):
        assert a.most_per_hour(count, hours) == pytest.approx(rate, abs=1e-3)

    def test_no_time_at_all_bounds_nothing(self):
        assert a.most_per_hour(0, 0.0) == float("inf")

    def test_what_the_end_of_the_agent_gives_back_is_no_action(self):
        one = a_result(changes=[IDLE, BACK])
        assert a.actions(one) == 1
        assert a.held(one) == {"n1"}

    def test_it_protects_when_a_file_of_the_guilty_changes(self):
        other = (1.0, "n2", "cpu.idle", "0", "1")
        one = a_result(changes=[other, IDLE])
        assert a.protect_times(one) == [2.5]
        assert a.misplaced(one) == {"n2"}
        assert a.protect_times(a_result(changes=[other])) == [None]

    def test_it_detects_when_the_victim_is_reported_after_the_begin(self):
        said = [
            {"at": -1.0, "verdict": "disk", "task": "victim", "accused": []},
            {"at": 1.0, "verdict": "disk", "task": "n1", "accused": []},
            {"at": 2.0, "verdict": "disk", "task": "victim", "accused": []},
        ]
        assert a.detect_times(a_result(said=said)) == [2.0]
        assert a.detect_times(a_result()) == [None]
        assert a.detect_times(a_result("alone")) == []

    def test_it_has_released_when_all_is_as_before_the_harm_that_has_ended(self):
        one = a_result("release", changes=[IDLE, (9.0, "n1", "cpu.idle", "1", "0")])
        one["phases"].append({**one["phases"][0], "start": 7.0, "guilty": []})
        assert a.release_times(one) == [2.0]
        still = {**one, "changes": [list(IDLE)]}
        assert a.release_times(still) == []

    def test_work_is_that_of_all_and_that_of_the_innocent(self):
        one = a_result(cpu=1.5)
        one["phases"][0]["cpu"]["n2"] = 0.25
        assert a.work("cpu")(one) == pytest.approx(1.75)
        assert a.innocent_work("cpu")(one) == pytest.approx(0.25)
        assert a.work("bytes")(one) == pytest.approx(15.0)


def of(found, text):
    (one,) = (one for one in found if one.text == text)
    return one.found


class TestAims:
    def test_without_runs_none_is_claimed(self):
        assert all(one.found is None for one in aims([]))

    def test_one_is_met_when_the_whole_interval_is(self):
        static = [a_result(arm="static", repetition=n, p99=1.0) for n in range(1, 6)]
        found = {
            name: [a_result(repetition=n, p99=p) for n, p in enumerate(values, 1)]
            for name, values in {
                "yes": (1.0, 1.01, 1.02, 1.03, 1.04),
                "in the median": (1.0, 1.01, 1.02, 1.4, 1.5),
                "no": (1.0, 1.2, 1.3, 1.4, 1.5),
            }.items()
        }
        for met, results in found.items():
            assert of(aims(static + results), "E1, p99, agent / static")[1] == met

    def test_with_less_than_five_nothing_is_claimed(self):
        results = [a_result(arm="static"), a_result(p99=1.2)]
        found = of(aims(results), "E1, p99, agent / static")
        assert found == ("1.2 (1.2 to 1.2; 1)", "so far no")

    def test_work_is_compared_in_points_of_what_is_done_without_an_agent(self):
        results = [a_result(arm="none", cpu=2.0), a_result(arm="static", cpu=1.9)]
        found = of(
            aims([*results, a_result(cpu=1.86)]), "E1, work of the neighbours, points above static"
        )
        assert found == ("-2 (-2 to -2; 1)", "so far no")

    def test_one_that_is_never_protected_is_later_than_any_limit(self):
        results = [a_result(changes=[IDLE]), a_result(repetition=2)]
        assert of(aims(results), "seconds to protect, worst") == ("inf of 2", "no")

    def test_a_change_in_a_control_is_one_too_many(self):
        quiet = [a_result("alone"), a_result("load step")]
        assert of(aims(quiet), "changes in controls")[1] == "yes, with that bound"
        assert of(aims([*quiet, a_result("idle class", changes=[IDLE])]), "changes in controls")[
            1
        ] == ("no")


class TestReport:
    def made(self, tmp_path, results):
        runs = Runs(tmp_path / "runs", {"seed": 1})
        for one in results:
            runs.add(one, [(1000.0, 0.001)])
        return runs

    def test_it_begins_with_what_the_machine_cannot_show_and_has_both_sides(self, tmp_path):
        arms = {"none": (4.0, 1.8), "static": (1.0, 1.79), "agent": (1.1, 1.78)}
        results = [
            a_result(arm=arm, p99=p99, cpu=cpu, changes=[IDLE] if arm == "agent" else [])
            for arm, (p99, cpu) in arms.items()
        ]
        runs = self.made(tmp_path, results)
        runs.reject("E1-002-agent", "others used 0.30 CPUs")
        text = report([runs])
        assert text.startswith(LIMITS)
        assert "3 runs count. 1 attempts were rejected" in text
        assert "| agent | 1 | 1.10 | 1.10 | 1.10 | 1.10 | 1.1 | 98.9% |  |" in text
        assert (
            "| E1, p99, agent / static | at most 1.05 | 1.1 (1.1 to 1.1; 1) | so far no |" in text
        )
        assert "Every file was as before after each of them." in text

    def test_what_an_agent_left_is_told(self, tmp_path):
        runs = self.made(tmp_path, [a_result(left=["n1 cpu.idle: '1', not '0'"])])
        assert "* E1-001-agent: n1 cpu.idle: '1', not '0'" in report([runs])

    def test_controls_have_their_bound(self, tmp_path):
        dry = a_result("load step", "dry run", asked=[{"outcome": "would"}])
        text = report([self.made(tmp_path, [a_result("load step"), dry])])
        assert "| twice the load | 1 | 0.2 | 0 | 0 | 1 | 1 |" in text
        assert "0 changes in 0.2 minutes of the agent: less than 770.3 in an hour" in text

    def test_who_did_it_tells_right_wrong_and_nobody(self, tmp_path):
        wrong = a_result("E4 cpu", "verify", 2, changes=[(9.0, "n2", "cpu.idle", "0", "1")])
        right = a_result("E4 cpu", "verify", 1, changes=[IDLE])
        text = report([self.made(tmp_path, [right, wrong, a_result("E4 cpu", "verify", 3)])])
        assert "| who did it: CPU | verify | 3 | 1 | 1 | 1 |" in text

    def test_the_runs_that_the_guide_tells_of_can_be_reported(self, capsys):
        folder = Path(__file__).parents[2] / "benchmarks/collocation/results"
        assert main(["report", "--runs", str(folder)]) == 0
        assert "## E1: CPU neighbour" in capsys.readouterr().out

    def test_a_folder_without_runs_is_one_sentence(self, tmp_path, capsys):
        assert main(["report", "--runs", str(tmp_path)]) == 1
        assert "has no runs" in capsys.readouterr().err


class TestRuns:
    def test_they_go_on_with_what_is_there(self, tmp_path):
        runs = Runs(tmp_path, {"seed": 1})
        runs.add(a_result(), [(1000.0, 0.001), (1000.5, 0.002)])
        again = Runs(tmp_path, {"seed": 1})
        assert again.has("E1-001-agent")
        assert not again.has("E1-001-none")
        assert len(read_latencies(tmp_path / "E1-001-agent.latencies")) == 2

    def test_a_line_that_was_cut_off_is_no_run_and_does_not_spoil_the_next(self, tmp_path):
        runs = Runs(tmp_path, {"seed": 1})
        runs.add(a_result(), [])
        with (tmp_path / "results.jsonl").open("a") as file:
            file.write('{"name": "E1-001-no')
        again = Runs(tmp_path)
        assert [one["name"] for one in again.results] == ["E1-001-agent"]
        again.add(a_result(repetition=2), [])
        assert len(Runs(tmp_path).results) == 2

    def test_rejected_attempts_are_kept(self, tmp_path):
        Runs(tmp_path, {"seed": 1}).reject("E1-001-agent", "others used 0.30 CPUs")
        assert [one["name"] for one in Runs(tmp_path).rejected] == ["E1-001-agent"]

    def test_another_plan_does_not_go_on_with_them(self, tmp_path):
        Runs(tmp_path, {"seed": 1, "interval": 1.0})
        with pytest.raises(UnusableError, match="another interval: name another folder"):
            Runs(tmp_path, {"seed": 1, "interval": 0.5})

    def test_a_scenario_that_is_another_one_now_does_not_go_on(self, tmp_path):
        Runs(tmp_path, {"seed": 1}).uses("E1", "four spinners")
        again = Runs(tmp_path, {"seed": 1})
        again.uses("E1", "four spinners")
        again.uses("E2", "a stream")
        with pytest.raises(UnusableError, match="another scenario E1"):
            Runs(tmp_path, {"seed": 1}).uses("E1", "five spinners")

    def test_the_plan_of_the_options_is_json(self, tmp_path):
        options = Options(out=tmp_path)
        assert json.loads(json.dumps(options.as_plan())) == options.as_plan()

    def test_recordings_of_quiet_time_are_those_of_the_scenario(self, tmp_path):
        runs = Runs(tmp_path, {})
        for name, piece in (("E3a", 1), ("E3a", 2), ("E3b", 1)):
            runs.quiet(name, piece).touch()
        assert runs.recordings("E3a") == [runs.quiet("E3a", 1), runs.quiet("E3a", 2)]


class TestAgent:
    @pytest.mark.parametrize("arm", ["dry run", "agent", "verify"])
    @pytest.mark.parametrize("unlabelled", [False, True])
    def test_its_configuration_is_one_and_acts_in_the_arms_that_act(
        self, tmp_path, arm, unlabelled
    ):
        one = Agent(arm, unlabelled=unlabelled)
        text = one.configuration(NodeGroups({}, TOP), tmp_path / "work", tmp_path)
        config = tmp_path / "agent.yaml"
        config.write_text(text)
        config.chmod(0o600)
        runner = load_config(str(config), load_registry([])).runner
        assert runner.act is (arm != "dry run")
        assert type(runner.allocator).__name__ == "ContentionAllocator"


def test_groups_of_another_benchmark_are_others(tmp_path):
    assert TOP != groups.TOP
    ours = NodeGroups({"cpu": str(tmp_path)}, TOP)
    assert not ours.path("n1", "cpu", "x").startswith(f"{tmp_path}/{groups.TOP}")


class TestWatch:
    def test_it_sees_who_else_writes_and_what_is_left(self):
        need_root()
        with node_groups(top=TEST_TOP) as made, watching(made) as watch:
            with watch.own():
                made.write("n1", "cpu", "cpu.shares", 512)
            assert watch.left() == []
            made.write("n2", "cpu", "cpu.shares", 2)
            assert watch.left() == ["n2 cpu.shares: '2', not '1024'"]
            made.write("n2", "cpu", "cpu.shares", 1024)
            assert watch.left() == []
            seen = [(one.task, one.file, one.old, one.new) for one in watch.changes]
            assert seen == [("n2", "cpu.shares", "1024", "2"), ("n2", "cpu.shares", "2", "1024")]


def leftovers():
    found = [
        path
        for hierarchy in Path("/sys/fs/cgroup").iterdir()
        for path in (hierarchy.glob(f"{TEST_TOP}*") if hierarchy.is_dir() else ())
    ]
    return found + list(Path(MEMORY_FOLDER).glob(f"{TEST_TOP}-*"))


_HOLDS = """!StaticAllocator
    rules: [{labels: {task_name: ".*/n[0-9]"}, allocations: {cpu_idle: 1}}]"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
class TestForReal:
    @pytest.fixture
    def options(self, tmp_path, monkeypatch):
        need_root()
        monkeypatch.setattr(recording, "TOP", TEST_TOP)
        return Options(
            out=tmp_path / "runs",
            scenarios=("E5a", "E1"),
            repetitions=1,
            lock=tmp_path / "lock",
            work=Path("/var/tmp/wca-collocation-test"),
            build=tmp_path / "build",
            times=Times(settle=0.3, lead=1.0, tail=0.2, scale=0.1),
            learning=1.5,
            pause=0.0,
            most_outside=9.0,
            large=64 << 20,
            allocator=_HOLDS,
        )

    def test_all_arms_are_run_kept_and_leave_nothing(self, options):
        said = []
        runs = record(options, said.append)
        assert not leftovers()
        made = {(one["scenario"], one["arm"]): one for one in runs.results}
        assert set(made) == {(name, arm) for name in ("E1", "E5a") for arm in ARMS}
        assert [one for one in said if "quiet" in one] == [
            "quiet-E5a-1: recorded",
            "quiet-E1-1: recorded",
        ]
        acted = made["E1", "agent"]
        changed = {task for _, task, file, *_ in acted["changes"] if file == "cpu.idle"}
        assert changed == set(NEIGHBOURS)
        assert acted["left"] == []
        assert {one["outcome"] for one in acted["asked"]} == {"applied"}
        assert {one["outcome"] for one in made["E1", "dry run"]["asked"]} == {"would"}
        assert all(not made["E1", arm]["changes"] for arm in ("none", "dry run", "static"))
        assert all(
            one["phases"][0]["quota"] > 1000 for (name, _), one in made.items() if "5" in name
        )
        assert all(sum(one["phases"][0]["cpu"].values()) > 0.5 for one in made.values())
        again = []
        record(options, again.append)
        assert again == []
        assert report([runs]).count("| static | 1 |") == 2

    def test_what_others_use_rejects_an_attempt(self, options):
        said = []
        one = replace(options, scenarios=("E1",), seconds=0.5, learning=0.1)
        kept = [each["name"] for each in record(one, said.append).results]
        strict = replace(one, repetitions=2, most_outside=-9.0, seconds=10.0)
        runs = record(strict, said.append)
        assert [each["name"] for each in runs.results] == kept
        assert runs.rejected
        assert os.getpriority(os.PRIO_PROCESS, 0) == 0
