"""Which perf events are counted at the same time: groups that the processor has counters for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from wca.linux.perf.events import KNOWN_EVENTS, PerfEvent

__all__ = ["RATIOS", "group_events"]

#: The two sides of ratios, by name of the events: only what was counted at the same time compares.
RATIOS = (
    ("task_instructions", "task_cycles"),
    ("task_cache_misses", "task_cache_references"),
    ("task_cache_misses", "task_instructions"),
    ("task_branch_misses", "task_branches"),
    *(
        (name, name.removesuffix(f"_{one}_misses") + f"_{many}")
        for one, many in (("load", "loads"), ("store", "stores"), ("prefetch", "prefetches"))
        for name in KNOWN_EVENTS
        if name.endswith(f"_{one}_misses")
    ),
)


def group_events(events: Iterable[PerfEvent], size: int) -> list[tuple[PerfEvent, ...]]:
    """Put events into groups that the kernel counts at the same time.

    Software events are one group: they need no counter. The others go into groups of at most
    ``size``, the sides of a ratio into one. Where a side has two partners and the group has no
    room for all three, the ratio that ``RATIOS`` names first is kept together.

    Args:
        events: each once.
        size: counters that one group may need, at least 1.
    """
    left = {event.name: event for event in events}
    software = tuple(left.pop(name) for name in list(left) if left[name].software)
    groups: list[list[PerfEvent]] = []
    for unit in _units(left, size):
        room = next((group for group in groups if len(group) + len(unit) <= size), None)
        if room is None:
            groups.append([left[name] for name in unit])
        else:
            room += [left[name] for name in unit]
    return [group for group in (software, *map(tuple, groups)) if group]


def _units(names: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    """What belongs together and fits, in the order of the first of each."""
    unit_of: Mapping[str, list[str]] = {name: [name] for name in names}
    for one, other in RATIOS:
        if one in unit_of and other in unit_of:
            first, second = unit_of[one], unit_of[other]
            if first is not second and len(first) + len(second) <= size:
                first += second
                unit_of = {**unit_of, **dict.fromkeys(second, first)}
    seen: set[int] = set()
    for unit in unit_of.values():
        if id(unit) not in seen:
            seen.add(id(unit))
            yield unit
