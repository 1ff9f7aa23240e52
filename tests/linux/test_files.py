"""The one object through which kernel files are read."""

import dataclasses
import logging
import os
import resource
import signal

import pytest

from wca.errors import NotAvailable, TargetGone, WcaError
from wca.linux.files import (
    Calls,
    Kernel,
    KernelFile,
    TransientFile,
    raise_descriptor_limit,
)


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(str(tmp_path))
    yield kernel
    kernel.close()


def write(kernel_root, path, content):
    place = kernel_root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_a_path_is_looked_up_below_the_root(kernel, tmp_path):
    write(tmp_path, "/proc/stat", b"cpu 1\n")
    assert kernel.read("/proc/stat") == b"cpu 1\n"
    assert kernel.exists("/proc/stat")
    assert not kernel.exists("/proc/other")


def test_an_open_file_is_read_again_with_one_call_and_nothing_else(kernel, tmp_path):
    write(tmp_path, "/proc/stat", b"first\n")
    file = kernel.open("/proc/stat")
    assert file.read() == b"first\n"
    write(tmp_path, "/proc/stat", b"second\n")
    before = dataclasses.replace(kernel.calls)
    assert file.read() == b"second\n"
    assert kernel.calls == dataclasses.replace(before, reads=before.reads + 1)


@pytest.mark.parametrize("size", [0, 1, 478, 479, 480, 3584, 3585, 4095, 4096, 4097, 8192, 70_000])
def test_a_file_of_any_size_is_read_whole(kernel, tmp_path, size):
    content = bytes(index % 251 for index in range(size))
    write(tmp_path, "/file", content)
    file = kernel.open("/file")
    assert [file.read(), file.read()] == [content, content]
    assert kernel.read("/file") == content


def test_a_long_file_that_comes_in_one_piece_costs_one_read_once_the_buffer_has_grown(
    kernel, tmp_path
):
    write(tmp_path, "/file", b"x" * 20_000)
    file = kernel.open("/file")
    file.read()
    before = kernel.calls.reads
    file.read()
    assert kernel.calls.reads == before + 1


def test_a_file_that_grows_and_shrinks_is_always_whole(kernel, tmp_path):
    write(tmp_path, "/file", b"")
    file = kernel.open("/file")
    for size in (10, 5000, 3590, 100, 9000, 4090, 4096, 0):
        write(tmp_path, "/file", b"y" * size)
        assert len(file.read()) == size


@pytest.mark.parametrize("path", ["/proc/self/smaps", "/proc/kallsyms"])
def test_a_file_that_the_kernel_gives_page_by_page_is_read_to_its_end(path):
    kernel = Kernel()
    with open(path, "rb") as file:
        expected = file.read().count(b"\n")
    kept = kernel.open(path)
    try:
        lines = kept.read().count(b"\n")
    finally:
        kept.close()
    assert lines == pytest.approx(expected, rel=0.05)
    assert lines * 20 > 8192, "the file is too short for what this test is about"


def test_a_missing_file_is_not_available_with_its_name_in_the_reason(kernel):
    for call in (kernel.open, kernel.read):
        with pytest.raises(NotAvailable, match="/proc/nothing does not exist"):
            call("/proc/nothing")


def test_a_folder_cannot_be_read_and_says_why(kernel, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotAvailable, match="folder cannot be read"):
        kernel.read("/folder")


def test_a_process_that_ended_is_gone():
    kernel = Kernel()
    pid = os.fork()
    if pid == 0:
        signal.pause()
    file = kernel.open(f"/proc/{pid}/stat")
    assert file.read().startswith(str(pid).encode())
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    with pytest.raises(TargetGone, match=f"/proc/{pid}/stat"):
        file.read()
    file.close()


def test_closing_gives_the_descriptor_back_and_is_safe_twice(kernel, tmp_path):
    write(tmp_path, "/file", b"x")
    before = open_descriptors()
    file = kernel.open("/file")
    assert open_descriptors() == before + 1
    file.close()
    file.close()
    assert open_descriptors() == before
    with pytest.raises(NotAvailable):
        file.read()


def test_closing_the_kernel_closes_every_file(tmp_path):
    write(tmp_path, "/file", b"x")
    before = open_descriptors()
    kernel = Kernel(str(tmp_path))
    for _ in range(10):
        kernel.open("/file")
    kernel.close()
    kernel.close()
    assert open_descriptors() == before


def test_beyond_the_descriptors_allowed_a_file_is_opened_for_each_read(tmp_path, caplog):
    write(tmp_path, "/file", b"x")
    kernel = Kernel(str(tmp_path), max_kept=2)
    before = open_descriptors()
    with caplog.at_level(logging.WARNING):
        files = [kernel.open("/file") for _ in range(5)]
    assert open_descriptors() == before + 2
    assert [file.read() for file in files] == [b"x"] * 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "LimitNOFILE" in caplog.text
    os.remove(tmp_path / "file")
    with pytest.raises(TargetGone):
        files[-1].read()
    kernel.close()
    assert open_descriptors() == before


def test_when_the_process_has_no_descriptor_left_opening_still_gives_a_readable_file(tmp_path):
    write(tmp_path, "/file", b"x")
    kernel = Kernel(str(tmp_path), max_kept=10_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
        file = kernel.open("/file")
        with pytest.raises(NotAvailable, match="does not exist"):
            kernel.open("/nothing")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert file.read() == b"x"


def test_the_limit_of_descriptors_is_raised_to_the_hard_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(256, soft // 2), hard))
        assert raise_descriptor_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_folders_are_listed_in_order_and_absent_ones_are_told_from_empty_ones(kernel, tmp_path):
    for name in ("b", "a"):
        (tmp_path / "folder" / name).mkdir(parents=True)
    write(tmp_path, "/folder/file", b"")
    assert kernel.listdir("/folder") == ["a", "b", "file"]
    assert kernel.subfolders("/folder") == ["a", "b"]
    assert kernel.listdir("/nothing") == []
    assert kernel.subfolders("/folder/a") == []
    assert kernel.subfolders("/nothing") is None


def test_every_kind_of_call_is_counted(kernel, tmp_path):
    write(tmp_path, "/file", b"x")
    kernel.exists("/file")
    kernel.listdir("/")
    kernel.open("/file").read()
    kernel.read("/file")
    assert kernel.calls == Calls(opens=2, reads=3, stats=1, listdirs=1)


def test_descriptors_that_others_use_count_against_those_that_are_kept(tmp_path):
    (tmp_path / "number").write_text("1\n")
    kernel = Kernel(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = []
    try:
        others.append(os.open("/dev/null", os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (others[0] + 300, hard))
        assert type(kernel.open("/number")) is KernelFile
        others += [os.open("/dev/null", os.O_RDONLY) for _ in range(180)]
        opened = kernel.open("/number")
        assert type(opened) is TransientFile
        assert opened.read() == b"1\n"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in others:
            os.close(descriptor)
        kernel.close()


def test_a_lack_of_descriptors_is_a_failure_and_not_a_file_that_is_missing(tmp_path):
    (tmp_path / "number").write_text("1\n")
    kernel = Kernel(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(WcaError, match="Too many open files") as failed:
            kernel.read("/number")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not isinstance(failed.value, NotAvailable)


def test_a_link_to_a_folder_is_one_unless_it_is_told_otherwise(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    kernel = Kernel(str(tmp_path))
    assert kernel.subfolders("/") == ["folder", "link"]
    assert kernel.subfolders("/", links=False) == ["folder"]
