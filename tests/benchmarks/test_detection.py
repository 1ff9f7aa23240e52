"""The harness of docs/evaluation.md: what it plans, keeps, rejects and reports; episodes for real."""

import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection import director, groups, observing, programs, session
from benchmarks.detection.__main__ import main
from benchmarks.detection.corpus import Corpus, read_latencies
from benchmarks.detection.evaluating import effects, evaluate
from benchmarks.detection.plan import KINDS, NULLS, QUIET, Times, episode, plan
from benchmarks.detection.programs import UnusableError
from benchmarks.detection.record import MEMORY_FOLDER, Options, memory_folder, record
from benchmarks.detection.report import LIMITS, report, upper_bound
from tests.cgroup_fixtures import need_root
from wca.detectors.api import ContendedResource
from wca.detectors.interfering.verdicts import Verdict
from wca.recording import RecordingWriter, read_recording
from wca.recording.labels import read_episodes
from wca.testing.detectors import a_platform, a_task

ROOT = Path(__file__).parents[2]
NAIVE = ROOT / "benchmarks/detection/detectors/naive.yaml"
TIMES = Times()
SEEDS = st.integers(0, 10**9)
VICTIM, N1, N2 = (groups.task_id(name) for name in ("victim", "n1", "n2"))


class TestPlan:
    @given(SEEDS)
    def test_it_is_the_same_each_time_and_longer_with_more_episodes(self, seed):
        assert plan(seed, TIMES, 2, quiet=2) == plan(seed, TIMES, 3, quiet=2)[: 2 + 2 * len(KINDS)]

    @given(SEEDS)
    def test_each_round_has_every_kind_once(self, seed):
        kinds = [one.kind for one in plan(seed, TIMES, 3)]
        size = len(KINDS)
        rounds = [kinds[at : at + size] for at in range(0, len(kinds), size)]
        assert all(sorted(one) == sorted(KINDS) for one in rounds)

    def test_controls_may_be_fewer_and_are_then_the_first_ones(self):
        whole, fewer = plan(1, TIMES, 3), plan(1, TIMES, 3, controls=1)
        first = whole[: len(KINDS)]
        assert fewer == first + [one for one in whole[len(KINDS) :] if one.kind not in NULLS]

    def test_rounds_differ_in_their_order_and_seeds_in_everything(self):
        rounds = {
            tuple(episode(1, number, TIMES).kind for number in range(at, at + len(KINDS)))
            for at in range(0, 10 * len(KINDS), len(KINDS))
        }
        assert len(rounds) > 5
        assert plan(1, TIMES, 1) != plan(2, TIMES, 1)

    def test_every_neighbour_is_now_the_culprit_and_now_a_decoy(self):
        many = plan(3, TIMES, 20)
        assert {name for one in many for name in one.culprits} == set(groups.NEIGHBOURS)
        assert {name for one in many for name in one.decoys} == set(groups.NEIGHBOURS)
        assert sum(bool(one.decoys) for one in many) > 0.75 * len(many)

    @given(SEEDS, st.integers(0, 100))
    def test_what_happens_is_what_the_kind_says(self, seed, number):
        one = episode(seed, number, TIMES)
        kind = KINDS[one.kind]
        assert bool(one.culprits) == bool(kind.programs and kind.verdict)
        assert not set(one.culprits) & set(one.decoys)
        assert (one.quota is not None) == bool(kind.quotas)
        assert bool(one.idle) == kind.idle
        for burst in one.bursts:
            assert -TIMES.settle <= burst.start < burst.end <= TIMES.whole
            assert burst.task in one.culprits + one.decoys
        for name in one.culprits:
            (burst,) = (burst for burst in one.bursts if burst.task == name)
            assert (burst.start, burst.end) == (TIMES.lead, TIMES.lead + TIMES.episode)

    def test_verdicts_and_resources_are_those_of_the_detectors(self):
        real = [kind for kind in KINDS.values() if kind.verdict is not None]
        assert {kind.verdict for kind in real} <= set(Verdict)
        assert {kind.resource for kind in real} <= set(ContendedResource)
        assert {name for name, kind in KINDS.items() if kind.verdict is None} == set(NULLS)

    def test_the_quiet_ones_come_first_and_have_nobody_beside_the_victim(self):
        first, second, *rest = plan(1, TIMES, 1, quiet=2)
        assert (first.kind, second.kind) == (QUIET, QUIET)
        assert not first.bursts
        assert QUIET not in {one.kind for one in rest}
        names = [one.name for one in (first, second, *rest)]
        assert names == sorted(names)


def happened(*, outside=0.02, steal=0.0, late=0.001, start=1000.0):
    part = {"mean": 1e3 * late, "p50": 1e3 * late, "p95": 1e3 * late, "p99": 1e3 * late}
    part["cpu per work"] = 1.2
    return director.Happened(
        start=start,
        end=start + 30,
        parts={"lead": part, "episode": part, "tail": part},
        latencies=[(start, late), (start + 1, late)],
        starts={"lead": start - 10, "episode": start, "tail": start + 30, "end": start + 35},
        outside=outside,
        steal=steal,
    )


def of_kind(kind):
    return next(one for one in plan(1, TIMES, 1) if one.kind == kind)


class TestRejection:
    @pytest.mark.parametrize(
        ("outside", "steal", "rejected"),
        [(0.12, 0.01, False), (0.121, 0.0, True), (0.0, 0.011, True), (-0.05, 0.0, False)],
    )
    def test_it_is_by_the_cpu_of_others_and_by_steal(self, outside, steal, rejected):
        reason = director.rejection(happened(outside=outside, steal=steal))
        assert (reason is not None) == rejected

    @given(st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 0.1))
    def test_what_the_victim_felt_plays_no_part(self, late, outside, steal):
        felt = director.rejection(happened(outside=outside, steal=steal, late=late))
        assert felt == director.rejection(happened(outside=outside, steal=steal))

    def test_others_are_all_who_are_neither_of_the_episode_nor_of_the_measurement(self):
        assert observing.outside({"busy": 1.3, "ours": 1.1}) == pytest.approx(0.2)


class TestLabels:
    @pytest.mark.parametrize("kind", KINDS)
    def test_they_are_labels_as_wca_detect_reads_them(self, kind):
        one = of_kind(kind)
        given = director.labels(one, happened())
        (read,) = read_episodes({key: given[key] for key in ("version", "episodes")})
        assert (read.start, read.end, read.kind) == (1000.0, 1030.0, kind)
        assert read.verdict == KINDS[kind].verdict
        assert read.victim == VICTIM
        assert [name.rpartition("/")[2] for name in read.culprits] == list(one.culprits)
        assert read.scored

    def test_quiet_is_not_scored(self):
        (quiet,) = plan(1, TIMES, 0, quiet=1)
        assert director.labels(quiet, happened())["episodes"][0]["scored"] is False


PLAN = {"seed": 1}


class TestCorpus:
    def keep(self, corpus, name="0001", latencies=((1.0, 0.001),)):
        corpus.partial(name).write_bytes(b"frames")
        corpus.add(name, director.labels(of_kind("disk"), happened()), latencies)

    def test_an_episode_is_kept_as_a_whole(self, tmp_path):
        corpus = Corpus(tmp_path, PLAN)
        assert not corpus.has("0001")
        self.keep(corpus)
        assert Corpus(tmp_path, PLAN).has("0001")
        (one,) = Corpus(tmp_path)
        assert one.recording.read_bytes() == b"frames"
        assert one.label["kind"] == "disk"
        assert not corpus.partial("0001").exists()

    @pytest.mark.parametrize("lost", ["0001.json", "0001.wcar"])
    def test_what_is_not_whole_is_no_episode(self, tmp_path, lost):
        corpus = Corpus(tmp_path, PLAN)
        self.keep(corpus)
        (tmp_path / lost).unlink()
        assert not corpus.has("0001")
        assert not list(corpus)

    def test_rejected_attempts_are_counted_and_survive(self, tmp_path):
        Corpus(tmp_path, PLAN).reject("0001", "disk", "others used 0.50 CPUs")
        corpus = Corpus(tmp_path, PLAN)
        corpus.reject("0001", "disk", "others used 0.30 CPUs")
        assert [one["kind"] for one in Corpus(tmp_path).rejected] == ["disk", "disk"]
        assert not corpus.has("0001")

    def test_another_plan_does_not_go_on_with_it(self, tmp_path):
        Corpus(tmp_path, PLAN)
        with pytest.raises(UnusableError, match="name another folder, or the same options"):
            Corpus(tmp_path, {"seed": 2})

    def test_one_that_was_begun_when_plans_told_less_goes_on(self, tmp_path):
        options = Options(out=tmp_path)
        now = options.as_plan()
        before = {key: now[key] for key in ("seed", "kinds", "times", "quiet")}
        Corpus(tmp_path / "old", before)
        Corpus(tmp_path / "old", now)
        Corpus(tmp_path / "new", now)
        for key in ("rate", "steps", "sizes", "programs"):
            with pytest.raises(UnusableError, match="name another folder, or the same options"):
                Corpus(tmp_path / "new", {**now, key: "another"})
        assert json.loads(json.dumps(now)) == now

    def test_a_folder_without_a_corpus_is_refused(self, tmp_path):
        with pytest.raises(UnusableError, match="is no corpus"):
            Corpus(tmp_path)

    def test_a_corpus_of_another_version_is_refused(self, tmp_path):
        (tmp_path / "state.json").write_text(json.dumps({"version": 9, "plan": PLAN}))
        with pytest.raises(UnusableError, match="has version 9, expected 1"):
            Corpus(tmp_path)

    @given(
        st.lists(st.tuples(st.floats(1.7e9, 1.7e9 + 60), st.floats(0, 100)), max_size=30).map(
            sorted
        )
    )
    def test_latencies_are_kept_to_the_microsecond(self, tmp_path_factory, latencies):
        folder = tmp_path_factory.mktemp("corpus")
        self.keep(Corpus(folder, PLAN), latencies=latencies)
        read = read_latencies(folder / "0001.latencies")
        assert len(read) == len(latencies)
        for one, other in zip(read, latencies, strict=True):
            assert one == pytest.approx(other, abs=2e-6)


class TestStatistics:
    def test_latencies_are_those_of_requests_that_were_due_in_the_part(self, tmp_path):
        records = [(99.9, 9.0, 1), (100.0, 0.002, 1), (101.0, 0.004, 1), (102.0, 9.0, 1)]
        path = tmp_path / "latencies"
        path.write_bytes(b"".join(struct.pack("=dfI", *one) for one in records) + b"cut")
        found = observing.latencies(path, 100.0, 102.0)
        numbers = observing.statistics(found)
        assert numbers["requests"] == 2
        assert numbers["mean"] == pytest.approx(3.0)
        assert numbers["p99"] == pytest.approx(4.0)

    def test_cpu_per_request_is_in_milliseconds(self):
        before = observing.Reading(0.0, {"work": 0, "cpu": 0.0, "busy": 0.0})
        after = observing.Reading(10.0, {"work": 1000, "cpu": 1.5, "busy": 5.0})
        rates = observing.changes(before, after)
        assert rates["cpu per work"] == pytest.approx(1.5)
        assert rates["busy"] == pytest.approx(0.5)


def test_the_lock_is_held_and_given_back_whatever_happens(tmp_path):
    path = tmp_path / "lock"

    def is_free():
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with director.alone(path):
        assert not is_free()
    with pytest.raises(ZeroDivisionError), director.alone(path):
        _ = 1 / 0
    assert is_free()
    with director.alone(None):
        pass


@pytest.fixture
def made(tmp_path):
    """A corpus of three episodes with pressure in two of them; a day lies between any two."""
    corpus = Corpus(tmp_path / "corpus", {"seed": 1})
    kinds = {"0000-00": QUIET, "0001": "cpu neighbour", "0002": "nothing", "0003": "disk"}
    for day, (name, kind) in enumerate(kinds.items()):
        start = 86_400.0 * (day + 1)
        one = of_kind("nothing") if kind == QUIET else of_kind(kind)
        one = replace(one, name=name, kind=kind, culprits=("n1",), decoys=("n2",))
        _record_pressure(corpus.partial(name), start, 0.5 if kind == "cpu neighbour" else 0.0)
        corpus.add(name, director.labels(one, happened(start=a_platform(start).timestamp)), [])
    corpus.reject("0002", "nothing", "others used 0.50 CPUs, more than 0.12")
    return corpus


def _record_pressure(path, start, pressure):
    writer, total = RecordingWriter(str(path)), 0.0
    for second in range(-10, 36):
        total += pressure if 0 <= second < 30 else 0.001
        measured = {"task_psi_cpu_some_seconds": total}
        tasks = {VICTIM: a_task(VICTIM, measured), N1: a_task(N1, {}), N2: a_task(N2, {})}
        writer.add(a_platform(start + second), tasks, None)
    writer.close()


class TestReport:
    def test_found_missed_and_silent_are_told_apart(self, made):
        result = evaluate("naive", NAIVE, made)
        kinds = result.score.kinds
        assert kinds["cpu neighbour"].found.count == 1
        assert kinds["cpu neighbour"].abstained.count == 1
        assert 5 <= kinds["cpu neighbour"].seconds[0] <= 7
        assert kinds["disk"].found.count == 0
        assert kinds["nothing"].found.count == 0
        failures = {one.episode.kind: one.failures for one in result.judged}
        assert failures == {
            "cpu neighbour": ["nobody blamed"],
            "nothing": [],
            "disk": ["not found"],
        }

    def test_the_time_between_recordings_is_nobody_s_quiet_time(self, made):
        recorded_without = 45.0 + 2 * 10.0 + 10.0  # the control, and what was before the others
        assert evaluate("naive", NAIVE, made).score.quiet_seconds == pytest.approx(
            recorded_without, abs=3
        )

    def test_it_begins_with_what_the_machine_cannot_show_and_lists_what_failed(self, made):
        text = report(made, [evaluate("naive", NAIVE, made)])
        assert text.startswith(LIMITS)
        assert "3 episodes are scored. 1 attempts were rejected" in text
        assert "(nothing 1)" in text
        assert "- 0003 disk by n1: not found; said: nothing" in text
        assert "- 0001 cpu neighbour by n1: nobody blamed; said: cpu neighbour of victim" in text

    def test_it_says_in_how_many_controls_somebody_was_accused(self, made):
        result = evaluate("naive", NAIVE, made)
        text = report(made, [result])
        words = "It accused somebody in 0 of 1 controls (one-sided 95 % upper bound 95.0%)."
        assert words in text
        assert "The naive rules have no rule for page cache thrash" in text
        assert "none comes from another one" in text
        other = replace(result, name="model", trained_on="first")
        assert "were learned from another corpus, first." in report(made, [other])

    @pytest.mark.parametrize(
        ("count", "of", "bound"),
        [(0, 1, 0.95), (0, 80, 0.03675), (1, 80, 0.05793), (3, 10, 0.60662), (5, 5, 1.0)],
    )
    def test_the_bound_is_that_of_clopper_and_pearson(self, count, of, bound):
        assert upper_bound(count, of) == pytest.approx(bound, abs=1e-4)

    def test_a_recording_that_is_not_whole_is_told(self, made, capsys):
        path = made.folder / "0003.wcar"
        path.write_bytes(path.read_bytes()[:-12])
        assert main(["report", "--corpus", str(made.folder), "-c", str(NAIVE)]) == 0
        said = capsys.readouterr()
        assert f"{path}: its end is missing" in said.err
        assert f"{path}: its end is missing" in said.out

    def test_a_model_is_not_judged_on_what_it_was_trained_on(self, made, tmp_path, capsys):
        (tmp_path / "same").symlink_to(made.folder)
        for train in (made.folder, tmp_path / "same"):
            assert main(["report", "--corpus", str(made.folder), "--train", str(train)]) == 1
            assert "is the corpus that is judged" in capsys.readouterr().err

    def test_effects_are_medians_of_each_kind(self, made):
        kinds = {one.kind: one for one in effects(made)}
        assert set(kinds) == {"cpu neighbour", "nothing", "disk"}
        assert kinds["disk"].before["p99"] == pytest.approx(1.0)

    def test_every_detector_that_is_compared_can_be_replayed(self, made, tmp_path, capsys):
        results = tmp_path / "results.json"
        assert main(["report", "--corpus", str(made.folder), "--json", str(results)]) == 0
        names = [one["detector"] for one in json.loads(results.read_text())]
        assert names == sorted(path.stem for path in NAIVE.parent.glob("*.yaml"))
        assert capsys.readouterr().out.count("\n## ") == 1 + len(names)

    def test_a_folder_without_a_corpus_is_one_sentence(self, tmp_path, capsys):
        assert main(["report", "--corpus", str(tmp_path)]) == 1
        assert "is no corpus" in capsys.readouterr().err


def test_without_a_compiler_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableError, match="install gcc"):
        programs.build(tmp_path / "build")


def test_files_that_cannot_be_made_are_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnusableError, match="file/large/direct cannot be made: Not a directory"):
        programs.files(tmp_path / "file/large", {programs.DIRECT: programs.MIB})


SHORT = Times(settle=1.0, lead=2.0, episode=3.0, tail=1.0)
SIZES = {programs.CACHED: 8 << 20, programs.DIRECT: 4 << 20, programs.LARGE: 64 << 20}


def leftovers():
    found = [
        path
        for hierarchy in Path("/sys/fs/cgroup").iterdir()
        for path in (hierarchy.glob(groups.TOP) if hierarchy.is_dir() else ())
    ]
    return found + list(Path(MEMORY_FOLDER).glob(f"{groups.TOP}-*"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
class TestForReal:
    @pytest.fixture(autouse=True)
    def root(self):
        need_root()

    @pytest.fixture
    def options(self, tmp_path):
        return Options(
            out=tmp_path / "corpus",
            per_kind=1,
            quiet=0,
            lock=tmp_path / "lock",
            work=Path("/var/tmp/wca-detection-test"),
            build=tmp_path / "build",
            kinds=("cpu neighbour", "own quota", "nothing"),
            times=SHORT,
            pause=0.0,
            most_outside=9.0,
            sizes=SIZES,
        )

    def test_episodes_are_recorded_resumed_and_reported(self, options):
        said = []
        corpus = record(options, said.append)
        assert sorted(one.label["kind"] for one in corpus) == sorted(options.kinds)
        assert len(said) == 3
        assert not leftovers()
        for one in corpus:
            recording = read_recording(str(one.recording))
            frames = list(recording)
            assert not recording.cut
            assert frames[0].platform.timestamp < one.measured["starts"]["lead"]
            assert one.measured["starts"]["end"] - frames[-1].platform.timestamp < 2.5
            assert frames[-1].tasks[VICTIM].measurements["task_work"] > 100
            assert read_latencies(one.recording.with_suffix(".latencies"))
        parts = {one.label["kind"]: one.measured["parts"]["episode"] for one in corpus}
        assert parts["own quota"]["throttled"] > 0
        assert parts["nothing"]["throttled"] == 0
        assert parts["cpu neighbour"]["ours"] > 1.5 * parts["nothing"]["ours"]
        (options.out / "0002.json").unlink()
        again = []
        record(options, again.append)
        assert [line.split()[0] for line in again] == ["0002"]
        assert report(corpus, [evaluate("naive", NAIVE, corpus)]).count("| own quota |") == 2

    def test_what_others_use_rejects_an_attempt_which_is_made_again(self, options):
        said = []
        one = replace(options, kinds=("nothing",), most_outside=-9.0, seconds=1.0)
        corpus = record(one, said.append)
        assert not list(corpus)
        assert len(corpus.rejected) == len(said) == 1
        record(replace(one, most_outside=9.0, seconds=None))
        assert len(list(corpus)) == 1

    def test_sigterm_leaves_nothing_behind(self, options):
        command = [sys.executable, "-m", "benchmarks.detection", "record", "--quiet", "0"]
        command += ["--out", str(options.out), "--kind", "disk"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not list(options.out.glob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM
        assert not leftovers()

    def test_what_a_killed_run_left_is_removed(self):
        folder = f"/sys/fs/cgroup/cpu/{groups.NODE}"
        os.makedirs(folder)
        sleeper = subprocess.Popen(["sleep", "1000"])
        Path(f"{folder}/cgroup.procs").write_text(str(sleeper.pid))
        Path(MEMORY_FOLDER, f"{groups.TOP}-killed").mkdir()
        with groups.node_groups() as made, memory_folder() as memory:
            assert list(memory.parent.glob(f"{groups.TOP}-*")) == [memory]
            with pytest.raises(UnusableError, match="another run"), groups.node_groups():
                pass
            assert sleeper.wait(10) == -signal.SIGKILL
            assert all(Path(path).exists() for path in made.procs(groups.VICTIM))
        assert not leftovers()


def test_a_session_that_comes_first_gives_its_place_back():
    need_root()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with session.first():
        assert os.getpriority(os.PRIO_PROCESS, 0) == -20
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_what_was_recorded_for_tuning_is_found_named_and_laid_to_the_right_task():
    """Not what was recorded for scoring: nobody is to be tempted to tune a detector on that."""
    corpus = Corpus(ROOT / "benchmarks/detection/corpus/tuning")
    evaluation = evaluate("interference", NAIVE.with_name("interference.yaml"), corpus)
    assert {kind.kind for kind in evaluation.score.kinds.values()} == set(KINDS)
    assert {one.name: one.failures for one in evaluation.judged if one.failures} == {}
    assert evaluation.score.false_accusations == 0


def test_the_report_of_the_guide_judges_all_detectors_and_a_model(capsys):
    corpus = ROOT / "benchmarks/detection/corpus"
    assert (
        main(["report", "--corpus", str(corpus / "scored"), "--train", str(corpus / "tuning")]) == 0
    )
    said = capsys.readouterr().out
    for name in ("cpi", "interference", "naive", "model"):
        assert f"\n## {name}\n" in said
    assert "learned from another corpus" in said
