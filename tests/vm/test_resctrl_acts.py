"""Acting with the kernel's own resctrl: two L3 domains of eleven ways, 8 CLOSIDs, MB in tens."""

import json
from pathlib import Path

import pytest

from tests.vm.guest import guest_script
from tests.vm.guest.schemata_rules import ROWS, answers
from wca.testing.resctrl import ResctrlTree
from wca.testing.schemata import Resource

pytestmark = pytest.mark.vm

ACTING = Path(__file__).parents[1] / "allocations" / "acting.py"
FULL = ["L3:0=7ff;1=7ff", "MB:0=100;1=100"]


@pytest.fixture(scope="module")
def seen(vm):
    """What the guest printed, from one boot."""
    files = {
        "/vm/src/acting.py": ACTING.read_text(),
        "/vm/src/schemata_rules.py": guest_script("schemata_rules.py"),
    }
    script = guest_script("resctrl_acts.py")
    done = vm(script, files=files, numa=True, rdt=True, timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_kernel_takes_what_the_tree_of_the_test_kit_takes(seen, tmp_path):
    tree = ResctrlTree(tmp_path, resources=[Resource("L3"), Resource("MB", least=10)])
    tree.make("/sys/fs/resctrl/gold")
    path = tmp_path / "sys/fs/resctrl/gold/schemata"
    assert seen["rules"] == answers(lambda text: tree.set_rows("gold", text), path.read_text)
    assert {text: answer for text, (answer, _) in seen["rules"].items()} == ROWS


def test_a_task_gets_a_group_of_its_own_which_is_read_back(seen):
    assert seen["before"] == [
        {"": FULL, "gold": ["L3:0=0ff;1=0ff", "MB:0=90;1=90"]},
        {"job": ["/"], "other": ["/"]},
        [],
    ]
    assert seen["own"] == {"job": "applied"}
    assert seen["own rows"] == ["L3:0=00f;1=03f", "MB:0=40;1=100"]
    assert seen["own where"] == [["wca-task.job"], ["/"]]
    assert seen["own in force"] == [None, "L3:0=f;1=3f", "MB:0=40;1=100", None, None]


def test_threads_that_come_later_follow(seen):
    assert seen["own late"] == ["/", "wca-task.job"], "one was started elsewhere, four were not"
    assert seen["own again"] == {"job": "unchanged"}
    assert seen["own followed"] == [["wca-task.job"], 6]


def test_a_mask_that_the_processor_does_not_take_is_a_sentence(seen):
    assert seen["gap"] == {
        "job": "failed: L3: the mask 5 of domain 0 has a gap, which this processor does not take"
    }


def test_everything_is_given_back_at_the_end(seen):
    assert seen["own undone"] == [["restored"] * 4, True]


def test_groups_are_shared_by_name_and_those_of_others_are_used_and_left(seen):
    assert seen["shared"] == {
        "job": "applied",
        "other": "failed: job says something else about the group be",
    }
    assert seen["named"] == {"job": "unchanged", "other": "applied"}
    gold = ["L3:0=0ff;1=0ff", "MB:0=50;1=90"]
    assert seen["named where"] == [["wca-group.be"], ["gold"], gold]
    assert seen["root"] == {"job": "applied"}
    root = ["L3:0=7ff;1=3ff", "MB:0=100;1=100"]
    assert seen["root rows"] == [root, ["gold"], ["/"]], "a group without a task is removed"
    assert seen["shared undone"] == [["restored"] * 3, True]


def test_the_guardian_gives_back_what_a_killed_agent_has_left(seen):
    assert seen["killed"] == {"job": "applied", "other": "applied"}
    full = "MB:0=100;1=100"
    gold = ["L3:0=001;1=0ff", "MB:0=90;1=90"]
    assert seen["killed rows"] == [["L3:0=00f;1=7ff", full], gold, ["gold"]]
    assert not seen["lease"], "not before the lease has ended"
    assert seen["guardian"]


def test_so_does_the_next_start(seen):
    assert seen["next start"] == [False, True]


def test_without_a_closid_left_a_request_fails_with_the_reason(seen):
    used = "failed: all 8 control groups (CLOSIDs) are in use, 1 of them by others and one as the root group"  # fmt: skip
    assert seen["many"] == {f"task{n}": "applied" if n < 6 else used for n in range(8)}
    assert seen["ENOSPC"] == {
        **{f"task{n}": "applied" for n in range(4)},
        **{
            f"task{n}": f"failed: wca-task.task{n}: No space left on device (Out of CLOSIDs)"
            for n in (4, 5)
        },
    }
    outcomes, as_before = seen["many undone"]
    assert as_before
    assert set(outcomes) <= {"restored", "already"}


def test_what_counts_are_the_groups_that_there_would_be_in_the_end(seen):
    assert set(seen["regrouped"].values()) == {"applied"}
    assert seen["regrouped groups"] == ["gold", "wca-group.be", "wca-task.task7"]


def test_groups_of_our_prefix_are_removed_on_demand_and_no_others(seen):
    assert seen["removed"] == [1, True]


def test_a_neighbour_of_the_memory_bandwidth_gets_a_fifth_of_it_until_that_is_given_back(seen):
    found, undone = seen["neighbour"]
    first = next(second for second, rows in enumerate(found) if rows)
    assert first == 24, "found in the 24th second, in force in the next"
    assert all(rows == ["L3:0=7ff;1=7ff", "MB:0=20;1=20"] for rows in found[first:])
    assert set(undone) <= {"restored", "already"}
    assert seen["neighbour given back"]


def test_the_whole_agent_acts_measures_in_its_groups_and_gives_back(seen):
    assert seen["agent acts"] == [True, True, ["L3:0=00f;1=7ff", "MB:0=20;1=100"]]
    code, as_before, told = seen["agent ends"]
    assert (code, as_before) == (0, True), told


def test_an_agent_that_was_killed_is_undone_by_hand(seen):
    assert seen["agent killed"] is False
    assert seen["agent undone"] == [[], True]


def test_the_numbers_for_the_documentation(seen):
    cost = seen["cost"]
    assert 0 < cost["read"] < cost["unchanged"]
    print(
        f"\nrdt, emulated: {cost['tasks']} tasks in groups of ours, an interval in which nothing "
        f"changes {cost['unchanged']:.0f} us for each, reading what is in force "
        f"{cost['read']:.0f} us"
    )
