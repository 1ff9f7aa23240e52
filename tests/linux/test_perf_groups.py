"""Who shares a group: all that fits the counters, and both sides of every ratio."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.perf.events import KNOWN_EVENTS, parse_event
from wca.linux.perf.grouping import RATIOS, group_events
from wca.metrics.derived import EVENT_SOURCES

NAMES = st.sets(st.sampled_from(sorted(KNOWN_EVENTS)))
FOUR = ["task_cycles", "task_instructions", "task_cache_references", "task_cache_misses"]
PAIRS = [
    {"task_cycles", "task_instructions"},
    {"task_cache_references", "task_cache_misses"},
    {"task_branches", "task_branch_misses"},
    {"task_llc_loads", "task_llc_load_misses"},
    {"task_dtlb_stores", "task_dtlb_store_misses"},
]


def groups_of(names, size):
    return [
        [event.name for event in group] for group in group_events(map(parse_event, names), size)
    ]


@given(NAMES.filter(bool), st.integers(1, 8))
def test_groups_hold_every_event_once_and_fit_the_counters(names, size):
    events = [KNOWN_EVENTS[name] for name in sorted(names)]
    groups = group_events(events, size)
    assert sorted(event.name for group in groups for event in group) == sorted(names)
    for group in groups:
        kinds = {event.software for event in group}
        assert len(kinds) == 1
        assert kinds == {True} or len(group) <= size
    assert sum(group[0].software for group in groups) <= 1


@given(NAMES, st.integers(2, 8))
def test_pairs_share_a_group(names, size):
    events = [KNOWN_EVENTS[name] for name in sorted(names)]
    groups = [{event.name for event in group} for group in group_events(events, size)]
    for pair in PAIRS:
        if pair <= names:
            assert sum(pair <= group for group in groups) == 1


@given(st.permutations([*FOUR, *(f"raw__r{number:02x}01" for number in range(12))]), st.data())
def test_both_sides_of_every_derived_ratio_share_a_group_at_every_number_of_counters(names, data):
    size = data.draw(st.integers(4, 8))
    groups = [set(group) for group in groups_of(names, size)]
    for counters in EVENT_SOURCES.values():
        assert any(group.issuperset(counters) for group in groups)


@pytest.mark.parametrize("size", [2, 3])
def test_with_few_counters_the_ratio_of_two_pairs_is_given_up_first(size):
    groups = [set(group) for group in groups_of(FOUR, size)]
    assert {"task_cycles", "task_instructions"} in groups
    assert {"task_cache_references", "task_cache_misses"} in groups


@pytest.mark.parametrize("size", [2, 3])
def test_without_the_other_partners_it_is_kept(size):
    names = ["raw__r0101", "task_cache_misses", "raw__r0102", "task_instructions"]
    assert {"task_cache_misses", "task_instructions"} in map(
        set, (group[-2:] for group in groups_of(names, size))
    )


def test_with_one_counter_every_event_counts_alone():
    assert groups_of(FOUR, 1) == [[name] for name in FOUR]


def test_every_ratio_is_one_of_known_events_and_every_derived_one_is_among_them():
    assert {name for pair in RATIOS for name in pair} <= KNOWN_EVENTS.keys()
    pairs = {frozenset(pair) for pair in RATIOS}
    assert {
        frozenset(counters) for counters in EVENT_SOURCES.values() if len(counters) == 2
    } <= pairs
    assert len(RATIOS) == len(pairs)
