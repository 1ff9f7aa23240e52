"""Cache and memory bandwidth: on a file system with the kernel's rules."""

import errno
import itertools

import pytest

from tests.allocations.rdt_node import POINT, RdtNode
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


def test_tasks_share_a_group_by_name_and_the_last_one_leaves_it_empty(node):
    shared = Rdt("be", "L3:0=3;1=3")
    assert node.ask(web=Rdt("be"), batch=shared) == {"web": "applied", "batch": "applied"}
    assert node.groups() == {"wca-group.be"}
    assert (node.where("web"), node.where("batch")) == ({"wca-group.be"},) * 2
    assert node.in_force("web").name == "be"
    node.ask(web=Rdt(""))
    assert node.ask() == {}
    assert node.groups() == {"wca-group.be"}
    node.ask(batch=Rdt(""))
    node.ask()
    assert node.groups() == set()
    assert node.journal.entries() == []


def test_a_group_is_removed_when_its_last_task_has_ended(node):
    node.ask(batch=Rdt(l3="3=f") if False else Rdt(l3="0=f"))
    node.end("batch")
    node.ask()
    assert node.groups() == set()
    assert node.journal.entries() == []


def test_threads_that_come_later_follow(node):
    node.ask(batch=Rdt("be", "L3:0=3"))
    node.fork("batch")
    node.add("batch", 3)
    assert node.where("batch") == {"", "wca-group.be"}
    assert node.in_force("batch").name == "be", "a few that came later are no other place"
    written = len(node.resctrl.written)
    assert node.ask(batch=Rdt("be", "L3:0=3")) == {"batch": "unchanged"}
    assert node.where("batch") == {"wca-group.be"}
    assert len(node.resctrl.written) == written + 3, "nothing is written for the others"
    node.ask()
    assert len(node.resctrl.written) == written + 3


def test_threads_that_end_or_begin_while_they_are_moved_cost_nothing(node):
    plain, fresh = node.resctrl.write_each, itertools.count(500)

    def racing(path, items):
        thread = next(fresh)
        if thread < 503:  # another one begins at each write
            node.resctrl.start(thread)
            node.members["batch"].append(thread)
            node._show("batch")
        if items == [node.members["batch"][0]]:
            return [OSError(errno.ESRCH, "No such process")]
        return plain(path, items)

    first = node.members["batch"][0]
    node.resctrl.write_each = racing
    answer = node.ask(batch=Rdt(l3="0=f"))
    assert answer["batch"].startswith("failed"), "that thread is still there, and not moved"
    assert node.groups() == set(), "and what was done is taken back"
    node.resctrl.write_each = plain
    assert first in node.members["batch"]
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "applied"}
    assert node.where("batch") == {OWN}


def test_one_thread_that_the_kernel_refuses_does_not_keep_the_others(node):
    plain, stuck = node.resctrl.write_each, node.members["batch"][0]
    node.resctrl.write_each = lambda path, items: (
        [OSError(errno.EPERM, "Operation not permitted")]
        if items == [stuck]
        else plain(path, items)
    )
    assert node.ask(batch=Rdt(l3="0=f"))["batch"].startswith(
        "failed: resctrl.group: Operation not permitted"
    )
    moved = {thread for path, thread in node.resctrl.written if path.endswith(f"{OWN}/tasks")}
    assert moved == set(node.members["batch"]) - {stuck}


def test_a_task_without_a_process_is_told(node):
    node.task("empty", threads=0)
    assert node.ask(empty=Rdt(l3="0=f")) == {"empty": "failed: it has no process"}


def test_between_two_processes_a_task_is_where_it_was(node):
    node.ask(batch=Rdt(l3="0=f"))
    for thread in node.members["batch"]:
        node.resctrl.end(thread)
    node.members["batch"].clear()
    node._show("batch")
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "unchanged"}
    node.add("batch")
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "applied"}, "the next one began elsewhere"
    assert node.where("batch") == {OWN}


# -- who says what


def test_two_that_want_different_things_of_one_group_are_not_both_served(node):
    node.task("third")
    asked = {"web": Rdt("be", "0=3"), "batch": Rdt("be", "0=7"), "third": Rdt("be", mb="0=50")}
    assert node.ask(**asked) == {
        "web": "applied",
        "batch": "failed: web says something else about the group be",
        "third": "applied",
    }
    assert node.rows("wca-group.be") == ["L3:0=3;1=7ff", "MB:0=50;1=100"]
    again = {name: asked[name] for name in ("batch", "third", "web")}
    assert node.ask(**again)["batch"].endswith("web says something else about the group be"), (
        "who was first goes on, in whatever order they ask"
    )
    assert node.ask(batch=Rdt("be", "0=7"))["batch"].startswith("failed"), "web is in it still"
    node.ask(web=Rdt(""))
    assert node.ask(batch=Rdt("be", "0=7")) == {"batch": "applied"}


def test_who_has_said_it_can_say_something_else(node):
    node.ask(web=Rdt("be", "0=3"), batch=Rdt("be", "0=3"))
    assert node.ask(web=Rdt("be", "0=7"), batch=Rdt("be", "0=7")) == {
        "web": "applied",
        "batch": "applied",
    }
    assert node.rows("wca-group.be")[0] == "L3:0=7;1=7ff"


def test_a_group_of_somebody_else_can_be_named_and_is_never_removed(node):
    node.resctrl.make(f"{POINT}/gold")
    node.resctrl.set_rows("gold", "L3:0=ff;1=ff\n")
    assert node.ask(batch=Rdt("gold", "L3:0=f")) == {"batch": "applied"}
    assert node.rows("gold")[0] == "L3:0=f;1=ff"
    assert node.where("batch") == {"gold"}
    node.acting.undo()
    assert node.rows("gold")[0] == "L3:0=ff;1=ff"
    assert node.where("batch") == {""}
    assert node.groups() == {"gold"}


def test_a_task_that_somebody_else_has_put_into_a_group_is_put_back_there(node):
    node.resctrl.make(f"{POINT}/gold")
    for thread in node.members["batch"]:
        node.resctrl.move(thread, Place("gold", ""))
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "applied"}
    assert set(node.acting.undo()) == {"restored"}
    assert (node.where("batch"), node.groups()) == ({"gold"}, {"gold"})


def test_what_somebody_else_does_meanwhile_is_theirs(node):
    node.ask(batch=Rdt(l3="0=f"))
    node.resctrl.make(f"{POINT}/gold")
    for thread in node.members["batch"]:
        node.resctrl.move(thread, Place("gold", ""))
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "rejected: foreign"}
    node.ask()
    assert (node.where("batch"), node.groups()) == ({"gold"}, {"gold"})
    assert node.journal.entries() == []


def test_rows_that_somebody_else_has_written_are_not_given_back(node):
    node.ask(batch=Rdt("", "0=f", "0=50"))
    node.resctrl.set_rows("", "L3:0=3\n")
    assert sorted(node.acting.undo()) == ["foreign", "restored"]
    assert node.rows() == ["L3:0=3;1=7ff", "MB:0=100;1=100"]


def test_the_root_group_has_its_rows_back_one_by_one(node):
    node.resctrl.set_rows("", "L3:1=3f\n")
    before = node.everything()
    assert node.ask(batch=Rdt("", "0=f", "1=10")) == {"batch": "applied"}
    assert node.rows() == ["L3:0=f;1=3f", "MB:0=100;1=10"]
    assert node.acting.undo() == ["restored", "restored"]
    assert node.everything() == before


# -- CLOSIDs


def test_groups_are_counted_as_they_would_be_in_the_end(node):
    node.resctrl.make(f"{POINT}/gold")  # of 4 one is the root's
    node.task("third")
    answer = node.ask(**{name: Rdt(l3="0=f") for name in node.tasks})
    assert answer == {
        "web": "applied",
        "batch": "applied",
        "third": "failed: all 4 control groups (CLOSIDs) are in use, 1 of them by others and one "
        "as the root group",
    }
    assert node.ask(web=Rdt("be"), batch=Rdt("be"), third=Rdt(l3="0=f")) == {
        "web": "applied",
        "batch": "applied",
        "third": "applied",
    }
    assert node.groups() == {"gold", "wca-group.be", "wca-task.third"}


def test_when_the_kernel_has_none_left_that_is_the_reason(node, monkeypatch):
    monkeypatch.setattr("wca.allocations.resctrl.interval.too_many", lambda *_: set())
    for name in "abc":
        node.resctrl.make(f"{POINT}/{name}")
    before = node.everything()
    assert node.ask(batch=Rdt(l3="0=f")) == {
        "batch": f"failed: {OWN}: No space left on device (Out of CLOSIDs)"
    }
    assert node.everything() == before
    assert node.journal.entries() == []


def test_groups_of_our_prefix_are_removed_on_demand_and_no_others(node):
    for name in ("gold", "wca-task.old", "wca-group.x"):
        node.resctrl.make(f"{POINT}/{name}")
    for place in ("mon_groups/theirs", "mon_groups/wca-old", "gold/mon_groups/wca-older"):
        node.resctrl.make(f"{POINT}/{place}")
    assert remove_all_groups(node.acting.files) == 4
    assert node.resctrl.groups() == {Place("gold", ""), Place("", "theirs")}


# -- what may not be


def test_a_protected_task_does_not_feel_what_is_asked_for_another(tmp_path):
    node = RdtNode(tmp_path)
    node.task("web", app="web")
    node.task("batch", app="batch")
    node.act(envelope=Envelope(protected={"app": "web"}))
    assert node.ask(batch=Rdt("", "0=f")) == {"batch": "rejected: protected"}
    assert node.ask(batch=Rdt("be", "0=f")) == {"batch": "applied"}
    assert node.ask(web=Rdt("be")) == {"web": "rejected: protected"}


@pytest.mark.parametrize(
    ("least", "asked", "outcome"),
    [
        (None, Rdt(l3="0=1"), "applied"),
        (0.2, Rdt(l3="0=3"), "rejected: minimums"),
        (0.2, Rdt(l3="0=7"), "applied"),
        (0.2, Rdt(mb="1=10"), "rejected: minimums"),
        (0.2, Rdt("", mb="1=20"), "applied"),
    ],
)
def test_everybody_keeps_a_share(tmp_path, least, asked, outcome):
    node = RdtNode(tmp_path)
    node.task("batch")
    minimums = {} if least is None else {"rdt": least}
    node.act(envelope=Envelope(minimums=minimums))
    assert node.ask(batch=asked) == {"batch": outcome}


def test_without_act_nothing_is_written(tmp_path):
    node = RdtNode(tmp_path)
    node.task("batch")
    before = node.everything()
    node.act(act=False, root_rows=Rdt("", "0=f"))
    (result,) = node.acting.results({"batch": {"rdt": Rdt(l3="0=f")}})
    assert result.outcome == "would"
    assert [(one.path, one.new) for one in result.writes] == [
        (f"{POINT}/{OWN}", "present"),
        (f"{POINT}/{OWN}/schemata:L3", "L3:0=f;1=7ff"),
        ("/sys/fs/cgroup/batch/resctrl.group", f"/{OWN}"),
    ]
    assert node.everything() == before


def test_while_it_is_held_nothing_is_written(node):
    before = node.everything()
    values = {"batch": {"rdt": Rdt(l3="0=f")}}
    assert node.acting.ask(values, held="hold") == {("batch", "rdt"): "rejected: hold"}
    assert node.everything() == before


# -- the root group's rows of the configuration


def test_the_root_group_has_what_the_configuration_says_while_the_agent_acts(tmp_path):
    node = RdtNode(tmp_path)
    node.task("batch")
    before = node.everything()
    node.act(root_rows=Rdt("", "L3:0=ff", "MB:1=55"))
    node.ask()
    assert node.rows() == ["L3:0=ff;1=7ff", "MB:0=100;1=60"]
    assert node.ask(batch=Rdt("", "0=f"))["batch"] == (
        "failed: default_rdt_l3 or default_rdt_mb says something else about the group root"
    )
    node.resctrl.set_rows("", "MB:1=20\n")
    for _ in range(3):
        node.ask()
    assert node.rows()[1] == "MB:0=100;1=20", "somebody else's stays"
    node.acting.undo()
    assert node.rows() == [before[0][""][0], "MB:0=100;1=20"]


def test_threads_leave_a_group_before_it_is_removed_whenever_it_was_made(node):
    node.resctrl.make(f"{POINT}/gold")
    for thread in node.members["batch"]:
        node.resctrl.move(thread, Place("gold", ""))
    node.ask(batch=Rdt(l3="0=f"))
    node.ask(batch=Rdt("be", "0=f"))
    node.acting.undo()
    assert (node.where("batch"), node.groups()) == ({"gold"}, {"gold"})


# -- whose it is


def test_a_task_that_was_started_again_goes_back_and_nobody_is_blamed(node):
    node.ask(batch=Rdt(l3="0=f"))
    for thread in node.members["batch"]:
        node.resctrl.move(thread, Place("", ""))
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "applied"}
    assert not node.acting.performer.foreign_writes
    assert node.where("batch") == {OWN}


def test_a_group_that_somebody_removes_is_theirs_for_an_hour(node):
    node.ask(batch=Rdt(l3="0=f"))
    node.resctrl.remove(f"{POINT}/{OWN}")
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "rejected: foreign"}
    (found,) = node.acting.performer.foreign_writes
    assert (found.entry.path, found.value) == (f"{POINT}/{OWN}", "absent")
    assert node.groups() == set()
    node.acting.now = 3601.0
    assert node.ask(batch=Rdt(l3="0=f")) == {"batch": "applied"}


def test_who_takes_a_task_out_of_a_group_costs_the_others_in_it_nothing(node):
    shared = Rdt("be", "0=f")
    node.ask(batch=shared, web=shared)
    node.resctrl.make(f"{POINT}/gold")
    for thread in node.members["batch"]:
        node.resctrl.move(thread, Place("gold", ""))
    assert node.ask(batch=shared, web=shared) == {"batch": "rejected: foreign", "web": "unchanged"}
    assert (node.where("web"), node.where("batch")) == ({"wca-group.be"}, {"gold"})
