"""Going over to another configuration: what stays, what is closed, and what happens on failure."""

import contextlib
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from wca.allocations.files import KernelFiles
from wca.allocators import AllocationType, Allocator
from wca.collectors import Collector
from wca.components import load_registry
from wca.config.inherited import takes_fields_of
from wca.config.loader import load_again, load_text
from wca.detectors import AnomalyDetector, ContendedResource, ContentionAnomaly
from wca.errors import StartError
from wca.nodes import Node, Task
from wca.runners import AllocationRunner
from wca.storage import Storage
from wca.testing.kernel import KernelTree

SECONDS = 10


class Journal:
    """What was done to parts, in order; of the test that runs."""

    entries: ClassVar[list[str]] = []


class Part:
    """Has a name, and says when it is started and closed."""

    def __init__(self, name: str = "part", fails: bool = False):
        self.name, self.fails = name, fails

    def start(self):
        if self.fails:
            raise StartError(f"{self.name} cannot be had: get one")
        Journal.entries.append(f"start {self.name}")

    def close(self, timeout=0.0):
        Journal.entries.append(f"close {self.name}")


class Sink(Part, Storage):
    """A storage; ``only`` is something that one storage alone can have."""

    blocking = False

    def __init__(self, name: str = "sink", fails: bool = False, only: str | None = None):
        super().__init__(name, fails)
        self.holds = frozenset([only] if only else ())
        self.batches = []

    def store(self, metrics):
        self.batches.append({one.name: one.value for one in metrics})
        self.batches[-1]["all"] = [(one.name, dict(one.labels), one.value) for one in metrics]


class Counts(Part, Collector):
    """Counts how often its probe was read."""

    scope = "node"
    emits = ("platform_vmstat_pgfaults",)

    def attach(self, target):
        Journal.entries.append(f"attach {self.name}")
        return Probe(self.name)


class CountsToo(Counts):
    emits = ("platform_vmstat_numa_pages_migrated",)


class Waits(Counts):
    blocking = True
    emits = ("platform_vmstat_pgmigrate_fail",)


class Probe:
    def __init__(self, name):
        self.name, self.reads = name, 0

    def read(self, out):
        self.reads += 1
        known = self.name == "a"
        out["platform_vmstat_pgfaults" if known else "platform_vmstat_pgmigrate_success"] = (
            self.reads
        )

    def close(self):
        Journal.entries.append(f"detach {self.name}")


class Learns(Part, AnomalyDetector):
    """Finds as many anomalies as it has been asked."""

    def __init__(self, name: str = "detector"):
        super().__init__(name)
        self.asked = 0

    def detect(self, platform, tasks_data):
        self.asked += 1
        return [ContentionAnomaly(ContendedResource.CPUS, "task")], []

    def dump_state(self):
        return {"asked": self.asked}

    def load_state(self, state):
        Journal.entries.append(f"load {state['asked'] > 0}")
        self.asked = state["asked"]


class Weighs(Part, Allocator):
    """Asks for the same all the time."""

    def __init__(self, shares: float, name: str = "allocator"):
        super().__init__(name)
        self.shares = shares

    def allocate(self, platform, tasks_data):
        return {task: {AllocationType.SHARES: self.shares} for task in tasks_data}, [], []


class OneTask(Part, Node):
    def get_tasks(self):
        return [Task("web", "web", "/web", {"app": "web"})]


class Tree:
    """The kernel of the test that runs."""

    now: ClassVar[KernelTree]


class ActingRunner(AllocationRunner):
    """Acts on that kernel."""

    @takes_fields_of(AllocationRunner)
    def __init__(self, **options):
        super().__init__(kernel=Tree.now.kernel, files=KernelFiles(Tree.now.root), **options)


CLASSES = (Sink, Counts, CountsToo, Waits, Learns, Weighs, OneTask, ActingRunner)


class File:
    """A configuration that can be changed."""

    def __init__(self, text):
        self.registry = load_registry((), ())
        for cls in CLASSES:
            self.registry.add(cls)
        self.text = text
        self.now = load_text(text, self.registry)

    def next(self):
        return load_text(self.text, self.registry, before=self.now)

    def again(self, works):
        return load_again(self.now, works, self.registry)

    def settle(self, loaded):
        self.now = loaded


class Run:
    """A runner at work on a thread of its own."""

    def __init__(self, text):
        self.file = File(text)
        self.runner = self.file.now.runner
        self.runner.reload_from(self.file)
        self.code = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        self.code = self.runner.run()

    @property
    def now(self):
        return self.file.now.runner

    def reload(self, text):
        """The file is changed, and the agent told."""
        Journal.entries.clear()
        self.file.text = text
        self.runner.reload()
        return list(Journal.entries)

    def end(self):
        self.runner.stop()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def start():
    """start(text): a run that has measured something."""
    Journal.entries.clear()
    with contextlib.ExitStack() as stack:

        def start(text):
            run = Run(text)
            stack.callback(run.end)
            wait_for(lambda: run.now.metrics_storage.batches)
            return run

        yield start


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def more(storage, number=2):
    """Wait for batches that are measured from now on."""
    wanted = len(storage.batches) + number
    wait_for(lambda: len(storage.batches) >= wanted)
    return storage.batches[-1]


BASE = """
runner: !MeasurementRunner
  node: !OneTask {name: node}
  interval: 20ms
  collectors: [!Counts {name: a}]
  metrics_storage: !Sink {name: s}
"""


def test_a_file_that_says_the_same_changes_nothing(start):
    run = start(BASE)
    first, runner = run.now.metrics_storage, run.now
    assert run.reload("# a comment\n" + BASE) == []
    assert run.now is runner
    assert more(first)["wca_config_last_reload_successful"] == 1


def test_only_the_storage_that_changed_is_closed_and_its_successor_starts_before(start):
    run = start(BASE)
    before = run.now
    assert run.reload(BASE.replace("name: s", "name: t")) == ["start t", "close s"]
    assert run.now.node is before.node
    assert run.now.collectors[0] is before.collectors[0]
    batch = more(run.now.metrics_storage)
    reads = batch["platform_vmstat_pgfaults"]
    assert more(run.now.metrics_storage)["platform_vmstat_pgfaults"] > reads > 2


def test_a_storage_that_cannot_start_leaves_everything_as_it_was(start):
    run = start(BASE)
    runner, storage = run.now, run.now.metrics_storage
    text = BASE.replace("name: s", "name: t, fails: true").replace("node}", "other}")
    assert run.reload(text) == ["close t"]
    assert run.now is runner
    assert more(storage)["wca_config_last_reload_successful"] == 0
    assert run.reload(BASE) == []
    assert more(storage)["wca_config_last_reload_successful"] == 1


def test_what_only_one_can_have_is_given_up_first_and_taken_again_when_the_new_one_fails(start):
    only = BASE.replace("name: s", "name: s, only: port")
    run = start(only)
    assert run.reload(only.replace("name: s", "name: t")) == ["close s", "start t"]
    storage = run.now.metrics_storage
    failing = only.replace("name: s", "name: u, fails: true")
    assert run.reload(failing) == ["close t", "close u", "start t"]
    assert run.now.metrics_storage is not storage
    assert more(run.now.metrics_storage)["wca_config_last_reload_successful"] == 0


def test_a_bad_file_is_refused_with_every_problem_and_nothing_stops(start, caplog):
    run = start(BASE)
    assert run.reload(BASE.replace("20ms", "5h").replace("!OneTask", "!OneTasks")) == []
    said = [one.message for one in caplog.records if one.levelname == "ERROR"]
    assert "interval: " in said[0] + said[1]
    assert "unknown component !OneTasks" in said[0] + said[1]
    assert said[2] == "the configuration from before stays in force"
    assert more(run.now.metrics_storage)["wca_config_last_reload_successful"] == 0


def test_another_runner_needs_a_restart(start, caplog):
    run = start(BASE)
    detecting = BASE.replace("!MeasurementRunner", "!DetectionRunner\n  detector: !Learns {}")
    assert run.reload(detecting) == []
    assert "!MeasurementRunner cannot become !DetectionRunner while it runs" in caplog.text


COMPOSED = BASE.replace(
    "!Sink {name: s}",
    "!FilterStorage {exclude: [x], storages: [!Sink {name: s}, !Sink {name: t}]}",
)


def test_a_storage_inside_one_that_changes_runs_on(start):
    Journal.entries.clear()
    run = Run(COMPOSED)
    try:
        inner = run.now.metrics_storage.storages[0]
        wait_for(lambda: inner.batches)
        assert run.reload(COMPOSED.replace("[x]", "[y]")) == []
        assert run.reload(COMPOSED.replace("name: t", "name: u")) == ["start u", "close t"]
        assert run.now.metrics_storage.storages[0] is inner
        alone = COMPOSED.replace("name: t", "name: u")
        alone = alone[: alone.index("!FilterStorage")] + "!Sink {name: s}\n"
        assert run.reload(alone) == ["close u"]
        assert run.now.metrics_storage is inner
        assert run.reload(COMPOSED) == ["start t"]
        assert run.now.metrics_storage.storages[0] is inner
        more(inner)
        Journal.entries.clear()
    finally:
        run.end()
    assert sorted(Journal.entries) == ["close a", "close node", "close s", "close t", "detach a"]


def test_a_collector_that_stays_goes_on_counting_whatever_comes_and_goes_beside_it(start):
    run = start(BASE)
    with_more = BASE.replace("[!Counts {name: a}]", "[!CountsToo {name: b}, !Counts {name: a}]")
    assert run.reload(with_more) == ["start b", "attach b"]
    changed = with_more.replace("name: b", "name: c")
    assert run.reload(changed) == ["detach b", "start c", "attach c", "close b"]
    assert run.reload(BASE) == ["detach c", "close c"]
    assert more(run.now.metrics_storage)["platform_vmstat_pgfaults"] > 2


def test_a_collector_with_a_thread_of_its_own_goes_on_as_well(start):
    text = BASE.replace("[!Counts {name: a}]", "[!Waits {name: w}]")
    run = start(text)
    wait_for(lambda: "attach w" in Journal.entries)
    assert run.reload(text.replace("name: s", "name: t")) == ["start t", "close s"]
    failing = text.replace("name: w", "name: v").replace("name: s", "name: u, fails: true")
    run.reload(failing)
    assert run.now.collectors[0].name == "w"
    batch = more(run.now.metrics_storage)
    assert batch["platform_vmstat_pgmigrate_success"] > 0


def test_another_interval_and_other_labels_restart_no_counter(start):
    run = start(BASE)
    storage = run.now.metrics_storage
    text = BASE.replace("20ms", "30ms").replace("  node:", "  extra_labels: {zone: z}\n  node:")
    before = storage.batches[-1]["platform_vmstat_pgfaults"]
    assert run.reload(text) == []
    more(storage)
    labels, value = next(
        (labels, value)
        for name, labels, value in storage.batches[-1]["all"]
        if name == "platform_vmstat_pgfaults"
    )
    assert labels["zone"] == "z"
    assert value > before


def test_what_was_made_in_place_of_a_field_that_is_left_out_stays(start):
    text = BASE.replace("  collectors: [!Counts {name: a}]\n", "  vmstat: pgfault\n")
    run = start(text)
    before = run.now.collectors
    run.reload(text.replace("name: s", "name: t"))
    assert run.now.collectors == before
    run.reload(text.replace("pgfault", "pgmaj.*"))
    changed = [one for one in run.now.collectors if one not in before]
    assert [type(one).__name__ for one in changed] == ["NodeVmstatCollector"]


DETECTING = """
runner: !DetectionRunner
  node: !OneTask {name: node}
  interval: 20ms
  collectors: []
  detector: !Learns {name: detector}
  state: FOLDER/state
  metrics_storage: !Sink {name: s}
  anomalies_storage: !Sink {name: anomalies}
"""


def test_a_detector_that_stays_keeps_what_it_has_learned_and_its_counts(start, tmp_path):
    text = DETECTING.replace("FOLDER", str(tmp_path))
    run = start(text)
    anomalies = run.now.anomalies_storage
    wait_for(lambda: len(anomalies.batches) > 3)
    detector, count = run.now.detector, anomalies.batches[-1]["anomaly_count"]
    run.reload(text.replace("name: s}", "name: t}"))
    assert run.now.detector is detector
    assert more(anomalies)["anomaly_count"] > count
    asked = detector.asked
    run.reload(text.replace("20ms", "30ms"))
    more(anomalies)
    assert run.now.detector.asked > asked
    assert "load True" not in Journal.entries  # it has not been given what it knows already


def test_a_detector_that_changes_takes_up_the_state_of_the_one_before(start, tmp_path):
    text = DETECTING.replace("FOLDER", str(tmp_path))
    run = start(text)
    wait_for(lambda: run.now.detector.asked > 2)
    done = run.reload(text.replace("name: detector", "name: other"))
    assert done == ["start other", "load True", "close detector"]
    assert (tmp_path / "state").exists()


ACTING = """
runner: !ActingRunner
  node: !OneTask {name: node}
  interval: 20ms
  collectors: []
  act: true
  hold: FOLDER/hold
  journal: FOLDER/journal
  allocator: !Weighs {shares: 2.0}
  metrics_storage: !Sink {name: s}
  anomalies_storage: !Sink {name: anomalies}
  allocations_storage: !Sink {name: allocations}
"""


@pytest.fixture
def tree(tmp_path):
    Tree.now = KernelTree(tmp_path / "root", layout="v2")
    Tree.now.add_task("/web")
    return Tree.now


def test_what_is_in_force_stays_so_unless_what_acts_changes_and_is_given_back_then(start, tree):
    text = ACTING.replace("FOLDER", str(tree.root))
    weight = next(Path(tree.root).glob("**/web/cpu.weight"))
    original = weight.read_text()
    run = start(text)
    wait_for(lambda: weight.read_text() != original)
    granted, inode = weight.read_text(), Path(tree.root, "journal").stat().st_ino
    run.reload(text.replace("name: s}", "name: t}"))
    assert weight.read_text() == granted
    assert Path(tree.root, "journal").stat().st_ino == inode
    run.reload(text.replace("20ms", "30ms"))
    assert weight.read_text() == granted
    allocations = run.now.allocations_storage
    assert more(allocations)["allocations_undone"] == 0
    run.reload(text.replace("shares: 2.0", "shares: 3.0"))
    wait_for(lambda: weight.read_text() not in (granted, original))
    run.reload(text.replace("act: true", "act: false"))
    assert weight.read_text().strip() == original.strip()


def test_the_journal_of_an_agent_that_acts_cannot_be_changed(start, tree, caplog):
    text = ACTING.replace("FOLDER", str(tree.root))
    run = start(text)
    runner = run.now
    run.reload(text.replace("/journal", "/other"))
    assert run.now is runner
    assert "journal cannot be changed while the agent acts" in caplog.text


def test_an_allocator_that_cannot_be_used_gives_way_to_the_one_before(start, tree, tmp_path):
    text = ACTING.replace("FOLDER", str(tree.root))
    weight = next(Path(tree.root).glob("**/web/cpu.weight"))
    original = weight.read_text()
    run = start(text)
    wait_for(lambda: weight.read_text() != original)
    granted = weight.read_text()
    failing = text.replace("shares: 2.0", "shares: 3.0").replace(
        "name: s}", "name: s, fails: true}"
    )
    run.reload(failing)
    wait_for(lambda: weight.read_text() == granted)
    assert more(run.now.metrics_storage)["wca_config_last_reload_successful"] == 0
