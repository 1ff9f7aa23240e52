"""AllocationRunner: what an allocator sees, what is done of what it asks for, and what is not."""

import contextlib
import json
import logging

import pytest

from tests.audit.test_system_journal import decode_native, listening
from wca.allocations.files import KernelFiles
from wca.allocators import AllocationType, Allocator, NOPAllocator
from wca.audit.system_journal import JOURNAL_SOCKET
from wca.components import load_registry
from wca.config.loader import load_text
from wca.detectors import ContendedResource, ContentionAnomaly
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.nodes import Node, Task
from wca.runners import AllocationRunner
from wca.storage import LogStorage
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

T = AllocationType


class Asks(Allocator):
    """Gives one answer after the other, the last one again and again; keeps what it saw."""

    def __init__(self, *answers):
        self.answers = list(answers) or [{}]
        self.seen = []

    def allocate(self, platform, tasks_data):
        self.seen.append((platform, tasks_data))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, tuple) or answer is None else (answer, [], [])


class AsksAsPersonsDo(Asks):
    decides = False


class Tasks(Node):
    def __init__(self, *tasks):
        self.tasks = list(tasks)

    def get_tasks(self):
        return self.tasks


@pytest.fixture(params=["v1_together", "v2", "hybrid"])
def tree(tmp_path, request):
    tree = KernelTree(tmp_path / "root", layout=request.param)
    tree.add_task("/web")
    tree.add_task("/batch")
    return tree


@pytest.fixture
def run(tree):
    """run(allocator, iterations, **options): the batches of allocations."""

    def run(allocator, iterations=1, **options):
        storages = {
            name: RecordingStorage()
            for name in ("metrics_storage", "anomalies_storage", "allocations_storage")
        }
        run.storages = storages
        tasks = [Task(name, name, f"/{name}", {"app": name}) for name in ("web", "batch")]
        options = {
            "node": Tasks(*tasks),
            "clock": FakeClock(),
            "act": True,
            "hold": str(tree.root) + "/hold",
            "journal": str(tree.root) + "/journal",
            **storages,
            **options,
        }
        runner = AllocationRunner(
            allocator=allocator, kernel=tree.kernel, files=KernelFiles(tree.root), **options
        )
        runner.stop_after(iterations)
        assert runner.run() == 0
        return options["allocations_storage"].batches

    return run


def values(batch, name, **labels):
    return [m.value for m in batch if m.name == name and labels.items() <= m.labels.items()]


def value(batch, name, **labels):
    (found,) = values(batch, name, **labels)
    return found


def weight(tree, task="batch"):
    """What the kernel has: the value of cpu_weight in the files."""
    groups = tree.groups(f"/{task}")
    name, folder = (
        ("cpu.shares", groups["cpu"]) if "cpu" in groups else ("cpu.weight", groups["v2"])
    )
    with open(f"{tree.root}{folder}/{name}") as file:
        return int(file.read())


class Watches(AsksAsPersonsDo):
    """Looks at the kernel at each call."""

    def __init__(self, tree, *answers):
        super().__init__(*answers)
        self.tree, self.weights = tree, []

    def allocate(self, platform, tasks_data):
        self.weights.append(weight(self.tree))
        return super().allocate(platform, tasks_data)


def test_an_allocator_sees_what_is_in_force(run):
    allocator = Asks()
    run(allocator)
    ((_, tasks),) = allocator.seen
    found = tasks["web"].allocations
    assert (found[T.QUOTA], found[T.CPU_WEIGHT], found[T.PIDS_MAX]) == (1.0, 100, 20)
    assert found[T.MEMORY_MAX] == "max"
    assert T.CPU_IDLE not in found, "what cannot be read is absent"


def test_what_is_asked_for_is_done_and_undone_at_the_end(run, tree):
    before = weight(tree)
    allocator = Watches(tree, {"batch": {T.CPU_WEIGHT: 10}})
    batches = run(allocator, 3)
    assert allocator.weights[0] == before
    assert allocator.weights[1] == allocator.weights[2] != before
    assert weight(tree) == before
    assert [value(batch, "allocations_count") for batch in batches] == [1, 0, 0]
    assert [value(batch, "allocations_total") for batch in batches] == [1, 1, 1]
    assert value(batches[0], "allocation_cpu_weight", task_id="batch", app="batch") == 10
    assert value(batches[1], "allocation_cpu_weight", task_id="batch") == 10
    assert value(batches[0], "allocation_cpu_weight", task_id="web") == 100
    assert value(batches[1], "allocations_in_force") == 1


def test_half_a_cpu_can_be_granted_without_a_word_about_the_period(run):
    allocator = Asks()
    run(allocator)
    share = 0.5 / allocator.seen[0][0].cpus
    for batch in run(AsksAsPersonsDo({"batch": {T.QUOTA: share}}), 2):
        assert value(batch, "allocation_cpu_quota", task_id="batch") == pytest.approx(share)


def test_nothing_is_written_unless_the_file_says_so(run, tree):
    before = weight(tree)
    allocator = Watches(tree, {"batch": {T.CPU_WEIGHT: 10}})
    batches = run(allocator, 2, act=False)
    assert set(allocator.weights) == {before}
    for batch in batches:
        assert value(batch, "allocations_count") == 0
        assert value(batch, "allocation_requests", outcome="would") == 1
        assert value(batch, "allocation_cpu_weight", task_id="batch") == 100
    assert AllocationRunner(node=Tasks()).act is False


def test_nothing_is_written_while_the_hold_file_is_there(run, tree):
    before = weight(tree)
    allocator = Watches(tree, {"batch": {T.CPU_WEIGHT: 10}})
    calls = []

    def allocate(platform, tasks_data, inner=allocator.allocate):
        calls.append(1)
        if len(calls) == 3:
            open(f"{tree.root}/hold", "w").close()
        return inner(platform, tasks_data)

    allocator.allocate = allocate
    batches = run(allocator, 5)
    assert allocator.weights[:3] == [before, allocator.weights[1], allocator.weights[1]]
    assert allocator.weights[3:] == [before, before]
    assert [value(batch, "allocations_held") for batch in batches] == [0, 0, 1, 1, 1]
    assert value(batches[2], "allocations_undone") == 1
    assert value(batches[3], "allocation_requests", outcome="rejected", clause="hold") == 1


def test_values_of_an_allocator_that_fails_on_and_on_are_given_back_after_the_lease(run, tree):
    before = weight(tree)
    allocator = Watches(tree, {"batch": {T.CPU_WEIGHT: 10}}, ValueError("broken"))
    run(allocator, 8, lease=3)
    ours = allocator.weights[1]
    assert ours != before
    assert allocator.weights[1:4] == [ours] * 3
    assert allocator.weights[6:] == [before] * 2


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("broken"),
        SystemExit(3),
        None,
        ({}, []),
        ([], [], []),
        ({"batch": 3}, [], []),
        ({3: {}}, [], []),
        ({"batch": {7: 1}}, [], []),
        ({}, 5, [object()]),
    ],
)
def test_an_answer_that_makes_no_sense_costs_itself(run, tree, answer, caplog):
    allocator = Watches(tree, answer, {"batch": {T.CPU_WEIGHT: 10}})
    batches = run(allocator, 2)
    assert value(batches[0], "allocations_count") == 0
    assert value(batches[1], "allocations_count") == 1
    assert any(record.levelno >= logging.ERROR for record in caplog.records)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"gone": {T.QUOTA: 0.5}}, "there is no such task"),
        ({"batch": {"cpu_qouta": 0.5}}, "there is no allocation type 'cpu_qouta'"),
        ({"batch": {T.QUOTA: 7}}, "expected a number from 0 to 1, got 7"),
        ({"batch": {T.QUOTA: object()}}, "expected a number from 0 to 1, got a object"),
        ({"batch": {T.RDT: None}}, "resctrl is not mounted"),
        ({"batch": {T.CPU_IDLE: 1}}, "cpu.idle is gone, or not on this kernel"),
    ],
)
def test_one_invalid_request_costs_that_request(run, tree, request_, reason, caplog):
    wanted = {"web": {T.CPU_WEIGHT: 10}}
    allocator = AsksAsPersonsDo({**request_, **wanted})
    (batch,) = run(allocator)
    assert value(batch, "allocations_count") == 1
    assert value(batch, "allocations_errors") == 1
    assert reason in caplog.text


def test_all_or_nothing_is_an_option(run, tree):
    allocator = AsksAsPersonsDo({"web": {T.CPU_WEIGHT: 10}, "batch": {T.CPU_WEIGHT: 20}})
    folder = tree.groups("/batch").get("cpu") or tree.groups("/batch")["v2"]
    failing = f"{folder}/{'cpu.shares' if 'cpu' in tree.groups('/x') else 'cpu.weight'}"

    class Refusing(KernelFiles):
        def write(self, path, text):
            if path == failing:
                raise OSError(16, "busy")
            super().write(path, text)

    for whole, performed in ((False, 1), (True, 0)):
        storage = RecordingStorage()
        runner = AllocationRunner(
            allocator=allocator,
            act=True,
            all_or_nothing=whole,
            hold=f"{tree.root}/hold",
            journal=f"{tree.root}/journal",
            node=Tasks(*(Task(n, n, f"/{n}") for n in ("web", "batch"))),
            clock=FakeClock(),
            kernel=tree.kernel,
            files=Refusing(tree.root),
            metrics_storage=RecordingStorage(),
            allocations_storage=storage,
            anomalies_storage=storage,
        )
        runner.stop_after(1)
        runner.run()
        assert value(storage.batches[0], "allocations_count") == performed


def test_an_allocator_that_decides_by_itself_has_four_decisions_a_day(run, tree):
    answers = [{"batch": {T.CPU_WEIGHT: 90 - step}} for step in range(6)]
    allocator = Asks(*answers)
    batches = run(allocator, 6, interval=30.0, lease=60.0)
    assert [value(batch, "allocations_count") for batch in batches] == [1, 1, 1, 1, 0, 0]
    assert value(batches[5], "allocation_requests", clause="decisions_per_day") == 1


def test_the_decisions_of_a_day_hold_within_one_interval_too(run, tree):
    names = [f"task{number}" for number in range(6)]
    for name in names:
        tree.add_task(f"/{name}")
    nodes = Tasks(*(Task(name, name, f"/{name}") for name in names))
    (batch,) = run(Asks({name: {T.CPU_WEIGHT: 90} for name in names}), node=nodes)
    assert value(batch, "allocations_count") == 4
    assert value(batch, "allocation_requests", clause="decisions_per_day") == 2


def test_values_are_given_back_before_a_storage_may_take_its_time(run, tree):
    before, seen = weight(tree), []

    class Slow(RecordingStorage):
        def flush(self, timeout):
            seen.append(weight(tree))

    run(AsksAsPersonsDo({"batch": {T.CPU_WEIGHT: 10}}), 2, metrics_storage=Slow())
    assert seen == [before]


def test_what_somebody_else_has_written_since_is_theirs(run, tree):
    groups = tree.groups("/batch")
    path = f"{groups['cpu']}/cpu.shares" if "cpu" in groups else f"{groups['v2']}/cpu.weight"

    class Foreign(Watches):
        def allocate(self, platform, tasks_data):
            if len(self.weights) == 2:
                tree.write(path, "77\n")
            return super().allocate(platform, tasks_data)

    allocator = Foreign(tree, {"batch": {T.CPU_WEIGHT: 10}})
    batches = run(allocator, 4)
    assert value(batches[3], "allocation_requests", outcome="rejected", clause="foreign") == 1
    assert weight(tree) == 77, "it is not given back either"


def test_each_storage_gets_its_own_and_one_for_all_gets_one_batch(run):
    answer = (
        {},
        [ContentionAnomaly(ContendedResource.CPUS, "web", ("batch",))],
        [Metric("own", 1)],
    )
    run(Asks(answer))
    found = {name: {m.name for m in one.batches[0]} for name, one in run.storages.items()}
    assert "wca_tasks" in found["metrics_storage"]
    assert {"anomaly", "anomaly_count", "own"} <= found["anomalies_storage"]
    assert {"allocations_count", "allocation_duration", "own"} <= found["allocations_storage"]
    assert not found["metrics_storage"] & found["allocations_storage"]
    shared = RecordingStorage()
    run(Asks(answer), 2, **dict.fromkeys(run.storages, shared))
    assert len(shared.batches) == 2
    for batch in shared.batches:
        assert values(batch, "own") == [1]
        assert values(batch, "wca_tasks") == [2]
        assert values(batch, "allocations_count") == [0]
    assert shared.started == shared.closed == 1


def test_each_decision_is_a_record_with_what_speaks_for_it(run, tmp_path):
    anomaly = ContentionAnomaly(ContendedResource.CPUS, "web", verdict="cpu neighbour")
    allocator = AsksAsPersonsDo(({"batch": {T.CPU_WEIGHT: 10, T.QUOTA: 3}}, [anomaly], []))
    run(allocator, 3, records=str(tmp_path / "records"))
    lines = [json.loads(line) for line in (tmp_path / "records").read_text().splitlines()]
    records = [line for line in lines if line["type"] == "allocation"]
    (back,) = [line for line in lines if line["type"] == "given back"]
    assert (back["task_id"], back["allocation_type"], back["outcome"]) == (
        *("batch", "cpu_weight"),
        "restored",
    )
    assert back["to"] == records[0]["writes"][0]["from"]
    assert [(one["allocation_type"], one["outcome"]) for one in records] == [
        ("cpu_weight", "applied"),
        ("cpu_quota", "failed"),
    ]
    first = records[0]
    assert (first["task_id"], first["from"], first["to"]) == ("batch", 100, 10)
    assert first["why"] == ["cpu neighbour: web"]
    assert first["allocator"] == "AsksAsPersonsDo"
    assert len(first["writes"]) == 1
    assert records[1]["reason"] == "expected a number from 0 to 1, got 3"


@pytest.mark.parametrize(
    ("reasons", "why"),
    [
        ({("batch", "cpu_weight"): "it disturbs web", ("gone", "x"): "y"}, ["it disturbs web"]),
        ({}, []),
        ("none", []),
        ({("batch", T.CPU_WEIGHT): 7}, []),
    ],
)
def test_an_allocator_may_say_why_it_asks(run, tmp_path, reasons, why):
    class Explains(AsksAsPersonsDo):
        def reasons(self):
            return reasons

    run(Explains({"batch": {T.CPU_WEIGHT: 10}}), records=str(tmp_path / "records"))
    record, *undone = map(json.loads, (tmp_path / "records").read_text().splitlines())
    assert record["why"] == why
    assert {one["type"] for one in undone} <= {"given back"}, undone


def test_an_allocator_of_the_first_releases_is_served(run, tree):
    class Old(Allocator):
        decides = False

        def allocate(
            self, platform, tasks_measurements, tasks_resources, tasks_labels, tasks_allocations
        ):
            self.seen = tasks_labels["web"]["app"], tasks_allocations["web"][T.CPU_WEIGHT]
            return {"batch": {T.CPU_WEIGHT: 10}}, [], []

    allocator = Old()
    (batch,) = run(allocator)
    assert allocator.seen == ("web", 100)
    assert value(batch, "allocations_count") == 1


def test_an_allocator_that_cannot_be_called_is_refused():
    class Wrong(Allocator):
        def allocate(self, platform):
            return {}, [], []

    with pytest.raises(ValidationError, match=r"allocate\(platform, tasks_data\)"):
        AllocationRunner(node=Tasks(), allocator=Wrong())


def test_a_lease_that_ends_between_two_intervals_is_refused():
    with pytest.raises(ValidationError, match="lease: 20 s is less than two intervals of 30 s"):
        AllocationRunner(node=Tasks(), interval=30.0)


def test_groups_are_not_both_kept_and_removed():
    with pytest.raises(ValidationError, match="leave one out"):
        AllocationRunner(node=Tasks(), at_start="adopt", remove_all_resctrl_groups=True)


def test_what_somebody_else_has_written_is_counted_and_recorded(run, tree, tmp_path):
    groups = tree.groups("/batch")
    path = f"{groups['cpu']}/cpu.shares" if "cpu" in groups else f"{groups['v2']}/cpu.weight"

    class Foreign(Watches):
        def allocate(self, platform, tasks_data):
            if len(self.weights) == 1:
                tree.write(path, "77\n")
            return super().allocate(platform, tasks_data)

    records = tmp_path / "records"
    allocator = Foreign(tree, {"batch": {T.CPU_WEIGHT: 10}}, {})
    batches = run(allocator, 3, records=str(records))
    counter = "allocations_foreign_writes_total"
    assert values(batches[0], counter) == []
    for batch in batches[1:]:
        assert value(batch, counter, allocation_type="cpu_weight", kind="other") == 1
        assert value(batch, "allocations_yielded") == 1
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    (found,) = [line for line in lines if line["type"] == "foreign write"]
    assert (found["task_id"], found["theirs"], found["outcome"]) == ("batch", "77", "yield")
    assert weight(tree) == 77


@pytest.mark.parametrize("options", [{}, {"act": False}, {"system_journal": False}])
def test_what_is_done_goes_to_the_journal_of_the_system_where_the_agent_acts(run, tree, options):
    told = []
    with listening(tree.root, JOURNAL_SOCKET) as listener:
        listener.setblocking(False)
        (batch,) = run(AsksAsPersonsDo({"batch": {T.CPU_WEIGHT: 10}}), **options)
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(decode_native(listener.recv(65536))["WCA_KIND"])
    assert told == ([] if options else ["allocation", "given back"])
    assert values(batch, "allocations_untold_total") == ([] if options else [0])


def test_what_was_given_up_to_somebody_else_is_not_in_force(run, tree):
    groups = tree.groups("/batch")
    path = f"{groups['cpu']}/cpu.shares" if "cpu" in groups else f"{groups['v2']}/cpu.weight"
    ours = []

    class Foreign(Watches):
        def allocate(self, platform, tasks_data):
            if len(self.weights) == 1:
                ours.append(weight(tree))
                tree.write(path, "77\n")
            if len(self.weights) == 3:  # the value that was ours once is theirs now
                tree.write(path, f"{ours[0]}\n")
            return super().allocate(platform, tasks_data)

    batches = run(Foreign(tree, {"batch": {T.CPU_WEIGHT: 10}}, {"batch": {T.CPU_WEIGHT: 20}}), 5)
    assert [value(batch, "allocations_in_force") for batch in batches] == [1, 0, 0, 0, 0]
    assert value(batches[4], "allocation_requests", outcome="rejected", clause="foreign") == 1
    assert weight(tree) == ours[0]


SEED = """
runner: !AllocationRunner
  config: !AllocationRunnerConfig
    node: !StaticNode {tasks: []}
    metrics_storage: &kafka_storage_instance !KafkaStorage
      topic: all_metrics
      broker_ips:
      - 127.0.0.1:9092
      - 127.0.0.2:9092
      max_timeout_in_seconds: 5.
    anomalies_storage: *kafka_storage_instance
    allocations_storage: *kafka_storage_instance
"""


def test_the_example_with_one_kafka_storage_in_three_fields_loads():
    runner = load_text(SEED, registry=load_registry()).runner
    assert runner.metrics_storage is runner.anomalies_storage is runner.allocations_storage
    assert isinstance(runner.allocator, NOPAllocator)
    assert runner.act is False


NESTED = """
runner: !AllocationRunner
  measurement_runner: !MeasurementRunner
    node: !StaticNode {tasks: []}
    interval: 2s
  allocator: !StaticAllocator
    rules: [{allocations: {cpu_quota: 0.5}}]
  act: true
  envelope: !Envelope {protected: {qos: Guaranteed}, decisions_per_day: 2}
  allocation_configuration: !AllocationConfiguration {cpu_quota_period: 10000}
"""


def test_fields_of_measuring_may_stand_below_measurement_runner():
    runner = load_text(NESTED, registry=load_registry()).runner
    assert (runner.interval, runner.act, runner.envelope.decisions_per_day) == (2.0, True, 2)
    assert runner.allocation_configuration.cpu_quota_period == 10_000


def test_what_is_left_out_goes_to_standard_output():
    runner = AllocationRunner(node=Tasks())
    assert isinstance(runner.allocations_storage, LogStorage)
    assert runner.allocations_storage is runner.anomalies_storage is runner.metrics_storage
    with_one = AllocationRunner(node=Tasks(), metrics_storage=RecordingStorage())
    assert with_one.allocations_storage is with_one.anomalies_storage


def test_limits_at_devices_are_seen_with_the_device_and_the_limit(run, tree):
    groups = tree.groups("/batch")
    if "blkio" in groups:
        for unit in ("bps", "iops"):
            for way in ("read", "write"):
                tree.write(f"{groups['blkio']}/blkio.throttle.{way}_{unit}_device", "")
        tree.write(f"{groups['blkio']}/blkio.throttle.read_bps_device", "8:0 500\n")
    else:
        tree.write(f"{groups['v2']}/io.max", "8:0 rbps=500 wbps=max riops=max wiops=max\n")
    (batch,) = run(Asks())
    labels = {"task_id": "batch", "device": "8:0"}
    assert value(batch, "allocation_io_max", limit="rbps", **labels) == 500
    assert values(batch, "allocation_io_max", limit="wbps", **labels) == []
