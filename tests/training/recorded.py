"""Recordings of a simulated machine, and what was trained from them."""

import json

from tests.detectors.node_simulator import Simulator
from tests.docs.pages import blocks
from wca.detectors.interfering.judged import JUDGED
from wca.detectors.modelling.model import Parameters
from wca.recording import RecordingWriter, read_recording
from wca.recording.labels import read_episodes
from wca.testing.detectors import a_platform
from wca.training import Source, train

NOW = a_platform().timestamp
PARAMETERS = {
    "application_label": "application",
    "min_cpu": 0.05,
    "samples": 60,
    "components": 4,
    "span": 3.0,
    "budget": 0.05,
    "share": 0.2,
}
PSI, DELAY, THROTTLED, COST, CPI, MPKI, PSI_IO, REFAULTS, MAJOR, FULL, READ = range(len(JUDGED))


class Records:
    """A detector that only writes down what it sees."""

    def __init__(self, path):
        self.writer = RecordingWriter(str(path))

    def detect(self, platform, tasks):
        self.writer.add(platform, tasks)
        return [], []


def record(path, *phases, seed=1, begin=0, drop=()):
    """A recording of phases, each so many seconds and tasks by id."""
    records = Records(path)
    simulator = Simulator(records, seed, drop=drop)
    simulator.pause(begin)
    for seconds, tasks in phases:
        simulator.run(seconds, tasks)
    records.writer.close()
    return path


def episode(start, end, verdict="cpu neighbour", victim="web", **more):
    return {
        "start": NOW + start,
        "end": NOW + end,
        "kind": str(verdict),
        "victim": victim,
        "verdict": verdict,
        **more,
    }


def labels(*episodes):
    return {"version": 1, "episodes": list(episodes)}


def write_labels(path, *episodes):
    path.write_text(json.dumps(labels(*episodes)))
    return path


def trained(*paths, episodes=None, **parameters):
    read = None if episodes is None else read_episodes(labels(*episodes))
    sources = [Source(read_recording(str(path)), read) for path in paths]
    return train(sources, Parameters(**{**PARAMETERS, **parameters}))


def the_load(model, application="web"):
    """What is known at the load that was read most."""
    return max(model.applications[application].values(), key=lambda one: one.samples)


def training_commands():
    """Those that the guides print."""
    lines = [line for _, _, text in blocks("sh") for line in text.splitlines()]
    return [line for line in lines if line.startswith(".venv/bin/wca train")]
