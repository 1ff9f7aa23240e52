"""The first detector of docs/detection.md, in examples/waits_for_cpu.py."""

import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from wca.nodes.static import StaticNode
from wca.runners import DetectionRunner
from wca.testing.clock import FakeClock
from wca.testing.detectors import DetectorContract, a_platform, a_task
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    sys.modules.pop("waits_for_cpu", None)


def detector():
    from waits_for_cpu import WaitsForCpu

    return WaitsForCpu()


class TestWaitsForCpu(DetectorContract):
    def detector(self):
        return detector()


def test_it_is_the_one_that_the_guide_prints_and_has_twenty_lines():
    code = (EXAMPLES / "waits_for_cpu.py").read_text()
    assert code in [text for page, _, text in blocks("python") if page == "detection.md"]
    assert len([line for line in code.splitlines() if line]) <= 20


def test_it_reports_who_waits_for_more_than_the_share():
    one, said = detector(), []
    for second, waited in enumerate((5.0, 5.1, 5.4, 5.5)):
        task = a_task("a", {"task_psi_cpu_some_seconds": waited})
        anomalies, _ = one.detect(a_platform(float(second)), {"a": task})
        said.append([found.contended_task_id for found in anomalies])
    assert said == [[], [], ["a"], []]


def test_it_works_in_a_runner(tmp_path):
    tree, storage = KernelTree(tmp_path, layout="hybrid"), RecordingStorage()
    tree.add_task("/a")
    runner = DetectionRunner(
        detector=detector(),
        node=StaticNode(tasks=["a"], kernel=tree.kernel),
        metrics_storage=RecordingStorage(),
        anomalies_storage=storage,
        kernel=tree.kernel,
        clock=FakeClock(),
    )
    runner.stop_after(2)
    assert runner.run() == 0
    assert storage.names == ["anomaly_count"]
    assert storage.batches[-1][0].value == 0
