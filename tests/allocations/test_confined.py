"""Undo writes below the mounts of cgroups and resctrl, and nowhere else."""

import os

import pytest

from wca.allocations.confined import ConfinedFiles, control_roots


@pytest.fixture
def root(tmp_path):
    group = tmp_path / "root" / "group"
    group.mkdir(parents=True)
    (group / "cpu.shares").write_text("1024\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "cpu.shares").write_text("secret")
    return tmp_path / "root"


@pytest.fixture
def files(root):
    return ConfinedFiles([str(root)])


def test_a_file_below_a_root_is_read_and_written(files, root):
    path = f"{root}/group/cpu.shares"
    assert files.read(path) == "1024"
    files.write(path, "2")
    assert files.read(path) == "2"
    assert files.inode(f"{root}/group") == os.stat(root / "group").st_ino
    assert files.inode(str(root)) == os.stat(root).st_ino
    assert files.inode(f"{root}/none") is None


@pytest.mark.parametrize("path", ["/etc/hosts", "{root}-2/x", "{root}/../secret/cpu.shares", "cpu.shares", "{root}/./group/cpu.shares"])  # fmt: skip
def test_what_lies_elsewhere_is_refused(files, root, path):
    path = path.format(root=root)
    for call in (
        lambda: files.read(path),
        lambda: files.write(path, "1"),
        lambda: files.inode(path),
    ):
        with pytest.raises(PermissionError, match="outside of what undo may write"):
            call()


@pytest.mark.parametrize("link", ["group-2", "group/cpu.weight"])
def test_no_symbolic_link_is_followed(files, root, link):
    folder = link == "group-2"
    target = root.parent / "secret" if folder else root.parent / "secret" / "cpu.shares"
    (root / link).symlink_to(target)
    path = f"{root}/{link}/cpu.shares" if folder else f"{root}/{link}"
    with pytest.raises(OSError, match=r"Not a directory|Too many levels of symbolic links"):
        files.write(path, "1")
    assert (root.parent / "secret" / "cpu.shares").read_text() == "secret"


def test_a_file_that_is_not_there_is_not_made(files, root):
    with pytest.raises(FileNotFoundError):
        files.write(f"{root}/group/cpu.weight", "1")
    assert not (root / "group" / "cpu.weight").exists()


def test_another_file_system_below_a_root_is_not_written():
    below = control_roots()[0]
    with pytest.raises(PermissionError, match="lies on another file system"):
        ConfinedFiles([below.rpartition("/")[0]]).read(f"{below}/cgroup.procs")


def test_a_root_that_is_not_mounted_says_nothing_of_what_is_below(tmp_path):
    with pytest.raises(PermissionError, match="not mounted"):
        ConfinedFiles([f"{tmp_path}/none"]).inode(f"{tmp_path}/none/group")


def test_the_roots_are_where_the_kernel_says():
    types = {line.split()[1]: line.split()[2] for line in open_lines("/proc/mounts")}
    assert control_roots()
    assert {types[root] for root in control_roots()} <= {"cgroup", "cgroup2", "resctrl"}


def open_lines(path):
    with open(path) as file:
        return file.readlines()
