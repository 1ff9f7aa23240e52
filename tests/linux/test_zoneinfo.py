"""Zones of memory."""

import re

import pytest

from wca.linux.parse import Malformed, parse_key_numbers
from wca.linux.zoneinfo import PER_NODE, parse_zoneinfo

# Of a machine with two nodes; the first zone of a node has the node's own numbers before its own.
TEXT = b"""\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 90134
      nr_mapped    13338
  pages free     3867
        min      41
        managed  3976
        protection: (0, 2981, 7893, 7893, 7893)
      nr_free_pages 3867
      numa_hit     2
  pagesets
    cpu: 0
              count:    77
              high:  0
  vm stats threshold: 6
  node_unreclaimable:  0
  start_pfn:           1
Node 0, zone  Movable
  pages free     0
        min      0
Node 4, zone   Normal
  per-node stats
      nr_inactive_anon 5
  pages free     130023140
        boost    0
"""


def test_numbers_of_a_node_and_of_its_zones_are_kept_apart():
    assert parse_zoneinfo(TEXT) == {
        "0": {
            PER_NODE: {"nr_inactive_anon": 90134, "nr_mapped": 13338},
            "DMA": {"free": 3867, "min": 41, "managed": 3976, "nr_free_pages": 3867, "numa_hit": 2},
            "Movable": {"free": 0, "min": 0},
        },
        "4": {PER_NODE: {"nr_inactive_anon": 5}, "Normal": {"free": 130023140, "boost": 0}},
    }


def test_a_pattern_of_ones_own_chooses():
    chosen = parse_zoneinfo(TEXT, re.compile(r"\s+(min|free)\s+(\d+)"))
    assert chosen == {
        "0": {"DMA": {"free": 3867, "min": 41}, "Movable": {"free": 0, "min": 0}},
        "4": {"Normal": {"free": 130023140}},
    }


def test_a_pattern_whose_second_group_is_no_number_is_said_to_be_so():
    with pytest.raises(Malformed, match="expected a number after 'cpu', got ':'"):
        parse_zoneinfo(TEXT, re.compile(r"\s+(cpu)(:)"))


@pytest.mark.parametrize("data", [b"", b"  pages free 5\n", b"Node 0, zone DMA\n", b"\xff" * 9])
def test_what_has_no_zones_is_malformed(data):
    with pytest.raises(Malformed, match="expected zones with numbers"):
        parse_zoneinfo(data)


def test_all_numbers_of_a_file_of_keys():
    assert parse_key_numbers(b"nr_free_pages 5\npgfault 7\n") == {"nr_free_pages": 5, "pgfault": 7}


@pytest.mark.parametrize("data", [b"a\n", b"a b\n", b" 5\n", b"a 5 6\n", b"\n"])
def test_a_line_without_key_or_number_is_malformed(data):
    with pytest.raises(Malformed):
        parse_key_numbers(data)
