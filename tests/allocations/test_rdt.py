"""Cache and memory bandwidth: on a file system with the kernel's rules."""

import errno
import itertools

import pytest

from tests.allocations.rdt_node import L3, MB, POINT, RdtNode, Resource
from wca.allocations.envelope import Envelope
from wca.allocations.resctrl.opening import remove_all_groups
from wca.allocators import RDTAllocation as Rdt
from wca.linux.resctrl.values import Place

OWN = "wca-task.batch"


@pytest.fixture
def node(tmp_path):
    node = RdtNode(tmp_path)
    node.task("web", app="web")
    node.task("batch", app="batch")
    return node.act()


def test_a_task_gets_a_group_of_its_own_and_gives_it_back(node):
    before = node.everything()
    assert node.ask(batch=Rdt(l3="L3:0=f", mb="MB:0=20;1=33")) == {"batch": "applied"}
    assert node.rows(OWN) == ["L3:0=f;1=7ff", "MB:0=20;1=40"]
    assert node.where("batch") == {OWN}
    assert node.where("web") == {""}
    assert node.in_force("batch") == Rdt(None, "L3:0=f;1=7ff", "MB:0=20;1=40")
    assert node.in_force("web") == Rdt("", "L3:0=7ff;1=7ff", "MB:0=100;1=100")
    assert node.ask(batch=Rdt(l3="L3:0=f", mb="MB:0=20;1=33")) == {"batch": "unchanged"}
    assert node.ask(batch=node.in_force("batch")) == {"batch": "unchanged"}
    assert set(node.acting.undo()) == {"restored"}
    assert node.everything() == before
    assert node.journal.entries() == []
