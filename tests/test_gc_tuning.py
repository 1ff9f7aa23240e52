"""A sample comes and goes without a search for garbage."""

import gc

import pytest

from wca.gc_tuning import raise_gc_threshold


@pytest.fixture
def searches():
    """How often Python looked for garbage, by generation."""
    threshold, found = gc.get_threshold(), []

    def record(phase, info):
        if phase == "start":
            found.append(info["generation"])

    gc.collect()
    gc.callbacks.append(record)
    yield found
    gc.callbacks.remove(record)
    gc.set_threshold(*threshold)


def test_a_sample_of_a_thousand_tasks_starts_no_search(searches):
    raise_gc_threshold()
    for _ in range(20):
        sample = [{"task_mem_numa_pages": {"0": number}} for number in range(1000)]
    assert len(sample) == 1000
    assert searches == []


def test_cycles_are_still_found(searches):
    raise_gc_threshold()
    for _ in range(50_000):
        cycle = []
        cycle.append(cycle)
    assert 0 in searches
