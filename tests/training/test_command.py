"""`wca train`: from recordings to a model that `wca detect` uses."""

import json
import os
import subprocess
import sys

import pytest

from tests.detectors.node_simulator import Sim
from tests.main.agent import run, write_config
from tests.training.recorded import episode, record, training_commands, write_labels
from wca.detectors.modelling.file import read_model

QUIET = {"web": Sim(), "batch": Sim(cpu=0.1, work=None)}
WORSE = {"web": Sim(psi=0.3, delay=0.5), "batch": Sim(cpu=1.8, work=None)}
CONFIG = """
runner: !DetectionRunner
  node: !StaticNode {{tasks: [web, batch]}}
  detector: !ModelDetector {{model: {model}}}
"""
REAL = """
runner: !MeasurementRunner
  interval: 50ms
  node: !StaticNode
    tasks: [{task}]
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics, overwrite: true}}
"""


def train(*options):
    done = run("train", *options)
    assert "Traceback" not in done.stderr
    return done


def detect(tmp_path, recording, model, *options):
    config = write_config(tmp_path, CONFIG.format(model=model))
    return run("detect", "--from", recording, "-c", config, *options)


@pytest.fixture
def quiet(tmp_path):
    return record(tmp_path / "quiet", (120, QUIET))


@pytest.fixture
def disturbed(tmp_path):
    """Three episodes of a neighbour, with labels."""
    path = record(tmp_path / "disturbed", *([(60, QUIET), (40, WORSE)] * 3), seed=2)
    episodes = [
        episode(100 * place + 60, 100 * place + 100, culprits=["batch"]) for place in range(3)
    ]
    return path, write_labels(tmp_path / "labels.json", *episodes)


def test_what_is_learned_from_a_quiet_recording_finds_what_is_not_quiet(tmp_path, quiet, disturbed):
    model = tmp_path / "model.json"
    done = train("--from", quiet, "--to", model)
    assert done.returncode == 0, done.stderr
    first, *applications = done.stdout.splitlines()
    assert first == f"{model}: 2 applications"
    assert [line.split(":")[0].strip() for line in applications] == ["batch", "web"]
    assert os.stat(model).st_mode & 0o777 == 0o600
    path, labels = disturbed
    done = detect(tmp_path, path, model, "--labels", labels, "--format", "json")
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)["score"]
    kind = score["kinds"]["cpu neighbour"]
    right = ("found", "verdict_first", "blame_right")
    assert {name: kind[name]["count"] for name in right} == dict.fromkeys(right, 3)
    assert score["false_alarms"] == 0


def test_labels_give_limits_that_find_the_labelled_episodes(tmp_path, disturbed):
    path, labels = disturbed
    model = tmp_path / "model.json"
    done = train("--from", path, "--labels", labels, "--to", model)
    assert done.returncode == 0, done.stderr
    assert "2 of them by labels" in done.stdout  # pressure and delay
    assert read_model(str(model)).episodes == 3
    done = detect(tmp_path, path, model, "--labels", labels, "--format", "json")
    assert json.loads(done.stdout)["score"]["kinds"]["cpu neighbour"]["found"]["count"] == 3


def test_a_model_of_several_recordings_is_the_same_again(tmp_path, quiet, disturbed):
    path, labels = disturbed
    nothing = write_labels(tmp_path / "nothing.json")
    for name in ("first", "second"):
        done = train("--from", quiet, path, "--labels", nothing, labels, "--to", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    model = read_model(str(tmp_path / "first"))
    assert [one.intervals for one in model.recordings] == [120, 300]


def test_options_are_in_the_model(tmp_path, quiet):
    options = {"span": 2.5, "budget": 0.1, "share": 0.5, "min-cpu": 0.01, "samples": 20}
    given = [text for name, value in options.items() for text in (f"--{name}", value)]
    model = tmp_path / "model"
    done = train("--from", quiet, "--to", model, "--application-label", "task_name", *given)
    assert done.returncode == 0, done.stderr
    parameters = read_model(str(model)).parameters
    assert parameters.application_label == "task_name"
    assert {name: getattr(parameters, name.replace("-", "_")) for name in options} == options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--samples", "0"], "'0' is not a whole number above zero"),
        (["--samples", "100000"], "no task has 100000 readings at one load without an episode"),
        (["--budget", "1"], "'1' is not a share below 1"),
        (["--span", "nan"], "'nan' is not a number from 0 on"),
        (["--share", "-1"], "'-1' is not a number from 0 on"),
        (["--labels", "a", "b"], "--labels: 2 files for 1 recordings"),
        (["--labels", "/nowhere"], "/nowhere: the labels cannot be read"),
    ],
)
def test_wrong_options_are_a_sentence_and_leave_the_model(tmp_path, quiet, options, said):
    model = tmp_path / "model"
    model.write_text("as it was")
    done = train("--from", quiet, "--to", model, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert model.read_text() == "as it was"


def test_a_model_never_takes_the_place_of_a_recording(tmp_path, quiet):
    before = quiet.read_bytes()
    link = tmp_path / "link"
    link.hardlink_to(quiet)
    for model in (quiet, link):
        done = train("--from", quiet, "--to", model)
        assert done.returncode == 2
        assert done.stderr == f"--to {model} is {quiet}, which is read: write another file\n"
    assert quiet.read_bytes() == before


def test_labels_of_another_time_are_refused(tmp_path, quiet):
    labels = tmp_path / "labels.json"
    episode = {"start": 5.0, "end": 6.0, "kind": "x"}
    labels.write_text(json.dumps({"version": 1, "episodes": [episode]}))
    done = train("--from", quiet, "--to", tmp_path / "model", "--labels", labels)
    assert done.returncode == 2
    assert "its episodes, from 5.0 to 6.0, are not in the time of what was recorded" in done.stderr


def test_files_that_cannot_be_used_are_a_sentence(tmp_path, quiet):
    done = train("--from", quiet, tmp_path / "none", "--to", tmp_path / "model")
    assert done.returncode == 1
    assert f"{tmp_path}/none" in done.stderr
    done = train("--from", quiet, "--to", tmp_path / "no" / "model")
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_a_recording_that_was_cut_is_learned_from_and_said(tmp_path, quiet):
    quiet.write_bytes(quiet.read_bytes()[:-12])
    done = train("--from", quiet, "--to", tmp_path / "model", "--samples", "20")
    assert done.returncode == 0, done.stderr
    assert "its end is missing" in done.stderr


@pytest.mark.parametrize("module", ["numpy", "sklearn", "threadpoolctl"])
def test_without_scikit_learn_it_is_one_sentence(tmp_path, quiet, module):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / f"{module}.py").write_text(f"raise ImportError('no {module}')")
    done = run(
        *("train", "--from", quiet, "--to", tmp_path / "model"), plugins=tmp_path / "without"
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"training needs scikit-learn (no {module}): install wca with its extra `train`, or "
        "scikit-learn\n"
    )


def test_a_model_that_was_damaged_ends_detection_with_a_sentence(tmp_path, quiet):
    model = tmp_path / "model"
    model.write_text('{"kind": "wca model", "version": 7}')
    done = detect(tmp_path, quiet, model)
    assert done.returncode == 1
    assert done.stderr == (
        f"ModelDetector cannot use its model: {model}: is a model of version 7, "
        "this wca reads 1: train it again\n"
    )
    checked = run("check", "-c", write_config(tmp_path, CONFIG.format(model=model)), "--here")
    assert checked.returncode == 1
    assert f"{model}: is a model of version 7" in checked.stderr


def test_real_tasks_are_recorded_learned_and_judged(tmp_path, real_cgroups):
    path = real_cgroups.make("busy")
    config = write_config(tmp_path, REAL.format(task=path[1:], folder=tmp_path), "real.yaml")
    recording, model = tmp_path / "recording", tmp_path / "model"
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        real_cgroups.place(path, spin.pid)
        done = run("record", "-c", config, "--to", recording, "--iterations", "60")
    finally:
        spin.kill()
        spin.wait()
    assert done.returncode == 0, done.stderr
    done = train(
        *("--from", recording, "--to", model, "--samples", "10", "--min-cpu", "0"),
    )
    assert done.returncode == 0, done.stderr
    (loads,) = read_model(str(model)).applications.values()
    assert sum(one.samples for one in loads.values()) > 30
    done = detect(tmp_path, recording, model)
    assert done.returncode == 0, done.stderr


def test_the_printed_commands_do_what_they_say(tmp_path, quiet, disturbed):
    path, labels = disturbed
    for name, given in {"quiet": quiet, "busy": path, "busy.json": labels}.items():
        given.rename(tmp_path / name)
    commands = training_commands()
    assert len(commands) == 2
    for line in commands:
        options = [word.replace("/var/lib/wca", str(tmp_path)) for word in line.split()[1:]]
        done = run(*options)
        assert done.returncode == 0, done.stderr
        assert read_model(str(tmp_path / "model.json"))
