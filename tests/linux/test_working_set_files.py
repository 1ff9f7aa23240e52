"""Files that tell which memory was used lately: smaps_rollup and lru_gen."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import write_kernel_file
from wca.linux.lru_gen import (
    Generation,
    LruMemcg,
    ages_pages,
    aging_command,
    pages_since,
    parse_lru_gen,
)
from wca.linux.parse import Malformed
from wca.linux.smaps import parse_referenced_bytes

ROLLUP = b"""55823d108000-7ffe1cbbd000 ---p 00000000 00:00 0                          [rollup]
Rss:                1604 kB
Pss:                 223 kB
Private_Dirty:       112 kB
Referenced:         1024 kB
Anonymous:           112 kB
"""
# As Linux 6.1 prints it.
LRU = b"""memcg     1 /
 node     0
          0      12345          7          8
          1       1234          0          9
memcg    27 /pod/a b
 node     0
          4       9000        100         10
          5       5000          0          0
          6         12         20          3
 node     1
          2          0          1          1
"""


def test_a_kilobyte_of_smaps_has_1024_bytes():
    assert parse_referenced_bytes(ROLLUP) == 1024 * 1024


@pytest.mark.parametrize(
    "data", [b"", b"Referenced:\n", b"Referenced: x kB\n", b"Referenced: 5\n", b"Rss: 5 kB\n"]
)
def test_a_rollup_without_the_number_is_malformed(data):
    with pytest.raises(Malformed):
        parse_referenced_bytes(data)


def test_a_write_reaches_the_file(tmp_path):
    path = tmp_path / "clear_refs"
    path.touch()
    write_kernel_file(str(path), b"1\n")
    assert path.read_bytes() == b"1\n"


def test_a_write_that_fails_says_why(tmp_path):
    with pytest.raises(NotAvailable, match="does not exist"):
        write_kernel_file(str(tmp_path / "absent"), b"1\n")
    with pytest.raises(NotAvailable, match="clear_refs cannot be written: Invalid argument"):
        write_kernel_file("/proc/self/clear_refs", b"99\n")


def test_generations_by_group_and_node():
    assert parse_lru_gen(LRU) == [
        LruMemcg(1, "/", {0: [Generation(0, 15), Generation(1, 9)]}),
        LruMemcg(
            27,
            "/pod/a b",
            {
                0: [Generation(4, 110), Generation(5, 0), Generation(6, 23)],
                1: [Generation(2, 2)],
            },
        ),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"x\n",
        b" node 0\n",
        b"memcg 1 /\nmemcg x /\n",
        b"memcg 1 /\n node 0\n 1 2 3\n",
        b"memcg 1 /\n node 0\n 1 2 3 4 5\n",
        b"memcg 1 /\n 1 2 3 4\n",
    ],
)
def test_lru_gen_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_lru_gen(data)


def test_the_command_looks_at_anonymous_pages_even_without_swap():
    assert aging_command(27, 1, 6) == b"+ 27 1 6 1 1\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(b"0x0007\n", True), (b"0x0003\n", True), (b"0x0000\n", False), (b"0x0001\n", False)],
)
def test_page_tables_have_to_be_searched(text, wanted):
    assert ages_pages(text) is wanted


@pytest.mark.parametrize("data", [b"", b"y\n", b"7\n", b"0x\n", b"0x7 0x7\n"])
def test_a_switch_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        ages_pages(data)


GENERATIONS = {0: [Generation(4, 100), Generation(5, 10), Generation(6, 1)], 1: [Generation(2, 7)]}


def test_pages_of_the_marked_generation_and_later_ones_count():
    assert pages_since({0: GENERATIONS[0]}, {0: 5}) == 11
    assert pages_since({0: GENERATIONS[0]}, {0: 6}) == 1
    assert pages_since({0: GENERATIONS[0]}, {0: 7}) == 0


def test_a_node_that_was_not_there_before_counts_whole():
    assert pages_since(GENERATIONS, {0: 6}) == 8


def test_a_mark_that_has_become_the_oldest_tells_nothing_any_more():
    assert pages_since(GENERATIONS, {0: 4, 1: 2}) is None
    assert pages_since(GENERATIONS, {0: 5, 1: 1}) is None


WORDS = [b"memcg ", b" node ", b"0", b"12", b" ", b"\n", b"/a", b"9" * 30, LRU, ROLLUP, b"0x7"]
WORDS += [b"Referenced:", b" kB\n"]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=30).map(b"".join))
def test_garbage_is_malformed_and_nothing_worse(data):
    for parse in (parse_referenced_bytes, parse_lru_gen, ages_pages):
        with contextlib.suppress(Malformed):
            parse(data)


def test_a_process_that_has_ended_is_gone(real_cgroups):
    worker = real_cgroups.worker(real_cgroups.make("short"))
    path = f"/proc/{worker.pid}/clear_refs"
    write_kernel_file(path, b"1\n")
    worker.stop()
    with pytest.raises((TargetGone, NotAvailable)):
        write_kernel_file(path, b"1\n")
