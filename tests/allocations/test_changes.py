"""From what is wanted to writes: only what differs, in an order that works, and back again."""

from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.api import Write
from wca.allocations.changes import Change, Wanted, inverse, ordered, plan
from wca.allocations.knobs import knob_of
from wca.allocators import AllocationType

PARENT, CHILD = ("/cg/p", 1), ("/cg/p/c", 2)


def change(group, name, new, **more):
    return Change(f"{group[0]}/{name}", new, group, **more)


def wanted(type_, *changes, grows=False, task_id="a"):
    return Wanted(task_id, type_, changes, grows)


def brief(writes):
    return [(write.path, write.old, write.new) for write in writes]


def test_only_what_differs_for_the_kernel_is_written():
    shares, quota = change(PARENT, "cpu.shares", "2"), change(PARENT, "cpu.cfs_quota_us", "-1")
    current = {shares.path: "1024", quota.path: "-1"}
    made = plan([wanted("cpu_shares", shares), wanted("cpu_quota", quota)], current)
    assert brief(made.writes) == [(shares.path, "1024", "2")]


def test_children_shrink_before_their_parents_and_grow_after_them():
    paths = [change(group, "cpu.cfs_quota_us", "50000") for group in (PARENT, CHILD)]
    current = {one.path: "80000" for one in paths}
    shrinking = plan([wanted("cpu_quota", one, task_id=one.path) for one in paths], current)
    assert [one.cgroup for one in shrinking.writes] == [CHILD, PARENT]
    growing = [wanted("cpu_quota", one, grows=True, task_id=one.path) for one in paths[::-1]]
    assert [one.cgroup for one in plan(growing, current).writes] == [PARENT, CHILD]


def test_what_shrinks_makes_room_before_anything_grows():
    up, down = change(PARENT, "cpu.shares", "9"), change(CHILD, "cpu.shares", "3")
    current = {up.path: "5", down.path: "5"}
    made = plan([wanted("cpu_shares", up, grows=True), wanted("cpu_shares", down)], current)
    assert [one.path for one in made.writes] == [down.path, up.path]


def test_pages_begin_to_move_with_their_cpuset_before_it_changes_and_end_to_after_it():
    amount = knob_of(AllocationType.CPUSET_MEMORY_MIGRATE, 1).amount
    mems = change(CHILD, "cpuset.mems", "0")
    for new, old in (("1", "0"), ("0", "1")):
        switch = change(CHILD, "cpuset.memory_migrate", new)
        current = {mems.path: "0-1", switch.path: old}
        for grows in (False, True):
            both = [
                wanted("cpuset_mems", mems, grows=grows),
                wanted("cpuset_memory_migrate", switch, grows=amount(new) > amount(old)),
            ]
            names = [one.type for one in plan(both, current).writes]
            assert (names[0] == "cpuset_memory_migrate") == (new == "1")


def test_a_burst_shrinks_before_its_quota_and_grows_after_it():
    burst, quota = (
        change(PARENT, "cpu.cfs_burst_us", "10"),
        change(PARENT, "cpu.cfs_quota_us", "20"),
    )
    current = {burst.path: "15", quota.path: "15"}
    for grows, names in ((False, ["cpu_burst", "cpu_quota"]), (True, ["cpu_quota", "cpu_burst"])):
        both = [
            wanted("cpu_quota", quota, grows=grows),
            wanted("cpu_burst", burst, grows=grows),
        ]
        assert [one.type for one in plan(both, current).writes] == names


def test_a_weight_is_set_before_the_idle_class_and_after_it_was_left():
    shares, idle = change(PARENT, "cpu.shares", "9"), change(PARENT, "cpu.idle", "1")
    current = {shares.path: "10", idle.path: "0"}
    for grows, names in ((False, ["cpu_shares", "cpu_idle"]), (True, ["cpu_idle", "cpu_shares"])):
        both = [wanted("cpu_idle", idle, grows=grows), wanted("cpu_shares", shares, grows=grows)]
        assert [one.type for one in plan(both, current).writes] == names


def test_period_and_quota_change_so_that_there_is_never_more_in_between():
    def writes(old_period, new_period):
        period = change(PARENT, "cpu.cfs_period_us", new_period)
        quota = change(PARENT, "cpu.cfs_quota_us", "500")
        current = {period.path: old_period, quota.path: "700"}
        return [
            one.path.rpartition("/")[2]
            for one in plan([wanted("cpu_quota", period, quota)], current).writes
        ]

    assert writes("1000", "100000") == ["cpu.cfs_period_us", "cpu.cfs_quota_us"]
    assert writes("100000", "1000") == ["cpu.cfs_quota_us", "cpu.cfs_period_us"]


def test_of_two_that_want_one_file_otherwise_the_first_has_it_and_the_second_is_told():
    first, second = change(PARENT, "cpu.shares", "2"), change(PARENT, "cpu.shares", "3")
    third = change(CHILD, "cpu.shares", "3")
    current = {first.path: "1024", third.path: "1024"}
    made = plan(
        [
            wanted("cpu_shares", first),
            wanted("cpu_weight", second),
            wanted("cpu_weight", third, task_id="b"),
        ],
        current,
    )
    assert made.conflicts == {("a", "cpu_weight"): "cpu_shares of a"}
    assert {write.new for write in made.writes} == {"2", "3"}


def test_two_that_want_the_same_in_one_file_are_one_write():
    one = change(PARENT, "cpu.shares", "2")
    made = plan([wanted("cpu_shares", one), wanted("cpu_weight", one)], {one.path: "1024"})
    assert (len(made.writes), made.conflicts) == (1, {})


PATHS = st.sampled_from(
    [
        f"{group}/{name}"
        for group in ("/cg/p", "/cg/p/c", "/cg/q")
        for name in ("cpu.max", "pids.max")
    ]
)


def applied(state, writes):
    for write in writes:
        assert state[write.path] == write.old, "a write is about what is there"
        state = state | {write.path: write.new}
    return state


@given(st.dictionaries(PATHS, st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans())))
def test_taking_all_back_is_as_if_nothing_had_been(files):
    """And doing all leads to what is wanted."""
    current = {path: str(old) for path, (old, _, _) in files.items()}
    requests = [
        Wanted(path, "t", [Change(path, str(new), (path.rpartition("/")[0], 1))], grows)
        for path, (_, new, grows) in files.items()
    ]
    writes = plan(requests, current).writes
    done = applied(current, writes)
    assert done == {path: str(new) for path, (_, new, _) in files.items()}
    assert applied(done, inverse(writes)) == current


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=8))
def test_the_order_is_the_same_whatever_the_order_of_the_requests(groups):
    found = []
    for place, (depth, grows) in enumerate(groups):
        folder = "/cg" + "/x" * depth
        write = Write(f"{folder}/f{place}", "1", "2", str(place), "t", (folder, 1))
        found.append((Wanted(str(place), "t", [], grows), [write]))
    directions = {one.task_id: one.grows for one, _ in found}
    writes = ordered(found)
    assert [directions[one.task_id] for one in writes] == sorted(directions.values())
    for grows in (False, True):
        depths = [w.cgroup[0].count("/") for w in writes if directions[w.task_id] is grows]
        assert depths == sorted(depths, reverse=not grows)


class Kernel:
    """The rules of ``cpu.idle``: it hides the weight, and leaving it sets the default."""

    def __init__(self, shares):
        self.files = {"/g/cpu.shares": shares, "/g/cpu.idle": "0"}

    def write(self, path, new):
        if path.endswith("shares"):
            assert self.files["/g/cpu.idle"] == "0", "EINVAL"
        elif new != self.files[path]:
            self.files["/g/cpu.shares"] = "3" if new == "1" else "1024"
        self.files[path] = new


@given(st.integers(2, 262_144).map(str))
def test_leaving_the_idle_class_brings_back_the_weight_that_was_there(shares):
    kernel, group = Kernel(shares), ("/g", 1)
    before = dict(kernel.files)
    idle = wanted(
        "cpu_idle",
        Change("/g/cpu.shares", "3", group, implied=True),
        Change("/g/cpu.idle", "1", group),
    )
    writes = plan([idle], kernel.files).writes
    for write in writes:
        if not write.implied:
            kernel.write(write.path, write.new)
    assert kernel.files == {"/g/cpu.shares": "3", "/g/cpu.idle": "1"}
    for write in inverse(writes):
        assert kernel.files[write.path] == write.old
        kernel.write(write.path, write.new)
    assert kernel.files == before
