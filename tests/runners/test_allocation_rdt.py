"""AllocationRunner and resctrl: what an allocator sees, what is exported, what the options do."""

import json

import pytest

from tests.allocations.rdt_node import L3, MB, RdtNode
from tests.runners.test_allocation import AsksAsPersonsDo, Tasks, values
from wca.allocators import AllocationConfiguration, AllocationType, RDTAllocation
from wca.errors import StartError
from wca.nodes import Task
from wca.runners import AllocationRunner
from wca.testing.clock import FakeClock
from wca.testing.control_files import ControlFiles
from wca.testing.storage import RecordingStorage

T = AllocationType
RDT = RDTAllocation


@pytest.fixture
def node(tmp_path):
    node = RdtNode(tmp_path / "root", resources=(L3, MB))
    node.task("web")
    node.task("batch")
    return node


@pytest.fixture
def run(node, tmp_path):
    """run(allocator, iterations, **options): the batches of allocations."""

    def runner(allocator, **options):
        return AllocationRunner(
            allocator=allocator,
            node=Tasks(*(Task(name, name, f"/{name}", {"app": name}) for name in node.tasks)),
            clock=FakeClock(),
            hold=str(tmp_path / "hold"),
            journal=str(tmp_path / "journal"),
            kernel=node.tree.kernel,
            files=ControlFiles(node.resctrl),
            rdt_enabled=False,
            **{"act": True, "allocations_storage": RecordingStorage(), **options},
            metrics_storage=RecordingStorage(),
            anomalies_storage=RecordingStorage(),
        )

    def run(allocator, iterations=1, **options):
        one = runner(allocator, **options)
        one.stop_after(iterations)
        assert one.run() == 0
        return one.allocations_storage.batches

    run.runner = runner
    return run


class Watches(AsksAsPersonsDo):
    """Looks at the kernel at each call."""

    def __init__(self, node, *answers):
        super().__init__(*answers)
        self.node, self.saw = node, []

    def allocate(self, platform, tasks_data):
        self.saw.append(self.node.everything()[0])
        return super().allocate(platform, tasks_data)


ASKED = {"batch": {T.RDT: RDT("be", "L3:0=f", "MB:1=15")}}


def test_an_allocator_sees_what_is_in_force_and_gets_what_it_asks_for(run, node):
    before, allocator = node.everything(), AsksAsPersonsDo(ASKED)
    run(allocator, 2)
    first, second = (tasks for _, tasks in allocator.seen)
    assert first["batch"].allocations[T.RDT] == RDT("", "L3:0=7ff;1=7ff", "MB:0=100;1=100")
    assert second["batch"].allocations[T.RDT] == RDT("be", "L3:0=f;1=7ff", "MB:0=100;1=20")
    assert second["web"].allocations == first["web"].allocations
    assert node.everything() == before, "and all is given back at the end"


def test_metrics_are_those_of_what_is_in_force(run):
    batches = run(AsksAsPersonsDo(ASKED), 2)
    for batch in batches:  # in the interval in which it is applied, and later
        group = {"app": "batch", "group_name": "be"}
        assert values(batch, "allocation_rdt_l3_cache_ways", domain_id="0", **group) == [4]
        assert values(batch, "allocation_rdt_l3_mask", domain_id="1", **group) == [0x7FF]
        assert values(batch, "allocation_rdt_mb", domain_id="1", **group) == [20]
        (mask,) = (
            one
            for one in batch
            if one.name == "allocation_rdt_l3_mask"
            and (one.labels["app"], one.labels["domain_id"]) == ("web", "0")
        )
        assert mask.labels["allocation_type"] == "rdt_l3_mask"
        assert mask.labels["group_name"] == "/"


def test_a_record_says_from_what_to_what(run, tmp_path):
    run(AsksAsPersonsDo(ASKED), records=str(tmp_path / "records"))
    records = [json.loads(line) for line in (tmp_path / "records").read_text().splitlines()]
    (record,) = (one for one in records if one["type"] == "allocation")
    assert record["outcome"] == "applied"
    assert record["from"]["l3"] == "L3:0=7ff;1=7ff"
    assert (record["to"]["name"], record["to"]["l3"]) == ("be", "L3:0=f")
    assert record["writes"][0] == {
        "path": "/sys/fs/resctrl/wca-group.be",
        "from": "absent",
        "to": "present",
    }


def test_the_root_group_has_its_rows_while_the_agent_acts(run, node):
    before, allocator = node.everything(), Watches(node, {})
    config = AllocationConfiguration(default_rdt_l3="L3:0=ff", default_rdt_mb="MB:0=50")
    run(allocator, 2, allocation_configuration=config)
    assert allocator.saw[1][""] == ["L3:0=ff;1=7ff", "MB:0=50;1=100"]
    assert node.everything() == before
    run(allocator, 2, allocation_configuration=config, act=False)
    assert allocator.saw[3] == before[0]


@pytest.mark.parametrize(
    ("options", "resources", "sentence"),
    [
        ({"rdt_mb_control_required": True}, (L3,), "rdt_mb_control_required: resctrl controls no memory bandwidth here"),
        ({"rdt_cache_control_required": True}, (MB,), "rdt_cache_control_required: resctrl controls no L3 cache here"),
        ({"allocation_configuration": AllocationConfiguration(default_rdt_mb="MB:0=9")}, (L3, MB), "default_rdt_l3 or default_rdt_mb: MB: 9 of domain 0 is not from 10 to 100 (percent)"),
        ({"allocation_configuration": AllocationConfiguration(default_rdt_l3="L3=f")}, (L3, MB), "default_rdt_l3 or default_rdt_mb: L3: a domain is a number, got 'L3'"),
    ],
)  # fmt: skip
def test_what_the_machine_cannot_do_keeps_it_from_starting(
    tmp_path, run, node, options, resources, sentence
):
    (tmp_path / "other").mkdir()
    other = RdtNode(tmp_path / "other", resources=resources)
    one = run.runner(AsksAsPersonsDo({}), **options)
    one._files = ControlFiles(other.resctrl)
    assert sentence in one.check()
    with pytest.raises(StartError) as refused:
        one.run()
    assert str(refused.value) == sentence


def test_what_it_can_do_does_not(run):
    run(AsksAsPersonsDo({}), rdt_mb_control_required=True, rdt_cache_control_required=True)


@pytest.mark.parametrize(("act", "left"), [(True, {"gold"}), (False, {"gold", "wca-task.old"})])
def test_groups_of_our_prefix_are_removed_at_the_start_when_it_acts(run, node, act, left):
    for name in ("gold", "wca-task.old"):
        node.resctrl.make(f"/sys/fs/resctrl/{name}")
    run(AsksAsPersonsDo({}), remove_all_resctrl_groups=True, act=act)
    assert node.groups() == left


def test_without_resctrl_everything_else_is_as_it_was(run, node, tmp_path):
    mounts = tmp_path / "root/proc/self/mountinfo"
    lines = mounts.read_text().splitlines(keepends=True)
    mounts.write_text("".join(line for line in lines if "resctrl" not in line))
    allocator = AsksAsPersonsDo({"batch": {**ASKED["batch"], T.CPU_WEIGHT: 10}})
    (batch,) = run(allocator)
    ((_, tasks),) = allocator.seen
    assert T.RDT not in tasks["batch"].allocations
    assert values(batch, "allocation_requests", allocation_type="rdt", outcome="failed") == [1]
    assert values(batch, "allocation_requests", allocation_type="cpu_weight") == [1]
