"""Limits at devices: each line of a file by itself, in the kernel and on the way back."""

import errno

import pytest

from tests.allocations.acting import Acting
from wca.allocations.confined import ConfinedFiles
from wca.allocations.devices import divided, line_of, with_device
from wca.allocations.files import KernelFiles
from wca.allocations.journal import Journal, undoable
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.errors import NotAvailable
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.io_limits import device_number
from wca.testing.kernel import KernelTree

T = AllocationType
EIGHT, OTHER = "8:0", "8:16"
FREE = "rbps=max wbps=max riops=max wiops=max"


class Devices(KernelFiles):
    """Files in which the kernel keeps a line for each device that has a limit."""

    def write(self, path, text):
        file, device = divided(path)
        if not device:
            return super().write(path, text)
        lines = [line for line in super().read(file).splitlines() if line.split()[0] != device]
        free = text in (f"{device} {FREE}", f"{device} 0")
        super().write(file, "\n".join(lines + ([] if free else [text])))
        return None


@pytest.fixture(params=["v2", "v1_together"])
def acting(tmp_path, request):
    tree = KernelTree(tmp_path / "root", layout=request.param)
    tree.add_task("/t")
    groups = tree.groups("/t")
    journal = Journal(str(tmp_path / "journal"), now=lambda: 90.0, boot="one")
    journal.open()
    acting = Acting(
        CgroupHierarchies(tree.kernel).locate, files=Devices(tree.root), journal=journal
    )
    acting.tasks = {"t": TaskData("t", "t", "/t")}
    acting.v1 = "blkio" in groups
    acting.names = (
        [
            f"blkio.throttle.{way}_{unit}_device"
            for unit in ("bps", "iops")
            for way in ("read", "write")
        ]
        if acting.v1
        else ["io.max"]
    )
    acting.folder = groups["blkio" if acting.v1 else "v2"]
    for name in acting.names:
        tree.write(f"{acting.folder}/{name}", "")
    acting.tree = tree
    yield acting
    journal.close()


def there(acting):
    """All that is in the files, by name."""
    return {name: acting.files.read(f"{acting.folder}/{name}") for name in acting.names}


def set_by_somebody(acting, device, rbps):
    path = f"{acting.folder}/{acting.names[0]}"
    line = f"{device} {rbps}" if acting.v1 else f"{device} rbps={rbps} wbps=max riops=max wiops=max"
    acting.files.write(with_device(path, device), line)


def read_limits(acting):
    limits = acting.groups.read(acting.tasks["t"])[T.IO_MAX]
    return {device: one["rbps"] for device, one in limits.items()}


def test_a_limit_is_of_one_device_and_gone_when_it_is_given_back(acting):
    before = there(acting)
    assert acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 500}}}}) == {("t", T.IO_MAX): "applied"}
    assert read_limits(acting) == {EIGHT: 500}
    assert acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 500}}}}) == {("t", T.IO_MAX): "unchanged"}
    acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 400}, OTHER: {"rbps": 9}}}})
    assert read_limits(acting) == {EIGHT: 400, OTHER: 9}
    assert set(acting.undo()) == {"restored"}
    assert there(acting) == before
    assert acting.journal.entries() == []


def test_the_line_that_was_there_comes_back_and_those_of_other_devices_stay(acting):
    set_by_somebody(acting, EIGHT, 700)
    set_by_somebody(acting, OTHER, 800)
    before = there(acting)
    acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 500, "wiops": 3}}}})
    assert read_limits(acting) == {OTHER: 800, EIGHT: 500}
    set_by_somebody(acting, OTHER, 801)
    acting.undo()
    assert read_limits(acting) == {OTHER: 801, EIGHT: 700}
    assert {name for name in acting.names if there(acting)[name]} == {
        name for name in acting.names if before[name]
    }


def test_no_limit_is_what_was_there_and_giving_it_back_ends_the_entry(acting):
    acting.ask({"t": {T.IO_MAX: "8:0 rbps=500"}})
    assert acting.ask({"t": {T.IO_MAX: "8:0 rbps=max"}}) == {("t", T.IO_MAX): "applied"}
    assert read_limits(acting) == {}
    assert acting.journal.entries() == []


def test_a_line_that_somebody_else_has_written_since_is_theirs_and_the_other_is_not(acting):
    acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 500}, OTHER: {"rbps": 9}}}})
    set_by_somebody(acting, EIGHT, 77)
    assert acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 400}}}}) == {
        ("t", T.IO_MAX): "rejected: foreign"
    }
    acting.undo()
    assert read_limits(acting) == {EIGHT: 77}


def test_undo_of_the_guardian_knows_lines_too(acting):
    line = "8:0 500" if acting.v1 else "8:0 rbps=500 wbps=max riops=max wiops=max"
    acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 500}}}})
    (entry,) = acting.journal.entries()
    confined, path = ConfinedFiles([acting.tree.root]), acting.tree.root + entry.path
    assert divided(entry.path)[1] == EIGHT
    assert confined.read(path) == entry.ours == line
    set_by_somebody(acting, OTHER, 9)
    assert confined.read(path) == line
    confined.write(path, entry.original)
    assert confined.read(path) == entry.original


def test_a_limit_of_another_device_is_no_step_on_the_way(acting):
    """What is in force for the device that is asked for is what steps are measured from."""
    set_by_somebody(acting, OTHER, 1000)
    acting.performer = Acting(acting.groups._locate, files=acting.kernel, decides=True).performer
    assert acting.ask({"t": {T.IO_MAX: {EIGHT: {"rbps": 10_000}}}}) == {("t", T.IO_MAX): "applied"}
    acting.now = 1000.0
    grow = {"t": {T.IO_MAX: {OTHER: {"rbps": 9_000}}}}
    assert acting.ask(grow) == {("t", T.IO_MAX): "rejected: grow_step"}


def test_on_cgroup_v1_containers_have_the_limit_because_it_does_not_hold_below(tmp_path):
    tree = KernelTree(tmp_path / "root", layout="v1_together")
    paths = ["/t", "/t/a", "/t/b"]
    files = {path: tree.groups(path)["blkio"] + "/blkio.throttle." for path in paths}
    for path in paths:
        tree.add_task(path)
        for unit in ("bps", "iops"):
            for way in ("read", "write"):
                tree.write(f"{files[path]}{way}_{unit}_device", "")
    acting = Acting(CgroupHierarchies(tree.kernel).locate, files=Devices(tree.root))
    acting.tasks = {"t": TaskData("t", "t", "/t", subcgroups_paths=paths[1:])}
    acting.ask({"t": {T.IO_MAX: "8:0 wbps=6"}})
    written = [acting.files.read(f"{files[path]}write_bps_device") for path in paths]
    assert written == ["", "8:0 6", "8:0 6"]


def test_a_line_is_known_by_path_and_device():
    path = with_device("/sys/fs/cgroup/b/io.max", "8:0")
    assert path == "/sys/fs/cgroup/b/io.max@8:0"
    assert divided(path) == ("/sys/fs/cgroup/b/io.max", "8:0")
    for other in ("/sys/fs/cgroup/a@8:0", "/cg/io.weight@8:0", "/cg/io.max", "/io.max@8:x"):
        assert divided(other) == (other, "")
    assert undoable(path)
    assert undoable("/sys/fs/cgroup/blkio/b/blkio.throttle.read_bps_device@8:0")
    assert not undoable("/sys/fs/cgroup/b/io.weight@8:0")
    assert line_of("8:16 rbps=1 wbps=2 riops=3 wiops=4", "8:0", "/io.max") == f"8:0 {FREE}"


def test_a_disk_has_a_name_and_a_part_of_it_is_none(tmp_path):
    tree = KernelTree(tmp_path)
    tree.write("/sys/class/block/sda/dev", "8:0\n")
    tree.write("/sys/class/block/sda1/dev", "8:1\n")
    tree.write("/sys/class/block/sda1/partition", "1\n")
    assert device_number(tree.kernel, "sda") == device_number(tree.kernel, "/dev/sda") == "8:0"
    for name, reason in {
        "sda1": "sda1 is a partition: name its disk",
        "sdb": "there is no block device 'sdb'",
        "../sda": "there is no block device '../sda'",
        "..": "there is no block device '..'",
    }.items():
        with pytest.raises(NotAvailable) as missing:
            device_number(tree.kernel, name)
        assert str(missing.value) == reason


class Weights(KernelFiles):
    """io.weight: a line for all devices, and one for each that has its own."""

    def write(self, path, text):
        file, _ = divided(path)
        if "\n" in text or len(text.split()) != 2:
            raise OSError(errno.EINVAL, "Invalid argument", path)
        rest = super().read(file).splitlines()[1:]
        super().write(file, "\n".join([text, *rest]))


def test_a_weight_is_that_of_all_devices_and_those_with_their_own_keep_it(tmp_path):
    tree = KernelTree(tmp_path / "root", layout="v2")
    tree.add_task("/t")
    path = f"{tree.groups('/t')['v2']}/io.weight"
    tree.write(path, "default 100\n8:0 50\n")
    made = Acting(CgroupHierarchies(tree.kernel).locate, files=Weights(tree.root))
    made.tasks = {"t": TaskData("t", "t", "/t")}
    assert made.groups.read(made.tasks["t"])[T.IO_WEIGHT] == 100
    assert made.ask({"t": {T.IO_WEIGHT: 20}}) == {("t", T.IO_WEIGHT): "applied"}
    assert made.files.read(path) == "default 20\n8:0 50"
    assert made.ask({"t": {T.IO_WEIGHT: 20}}) == {("t", T.IO_WEIGHT): "unchanged"}
    assert made.undo() == ["restored"]
    assert made.files.read(path) == "default 100\n8:0 50"
    assert undoable(f"{path}@default")
    assert not undoable(f"{path}@8:0")
