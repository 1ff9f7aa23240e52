"""What waits in memory stays within its bounds, and what makes room is said."""

import collections
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.delivery_parts import parcel
from wca.storage.delivery import Dropped
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.delivery.options import Order, WhenFull
from wca.storage.spool import Spool

STEPS = st.one_of(
    st.tuples(st.just("put"), st.lists(st.sampled_from(["", "x", "y"]), max_size=3)),
    st.tuples(st.just("take"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["settle", "release"]), st.sets(st.integers(1, 12), max_size=4)),
)


def names(waiting):
    return [one.parcel.body.decode() for one in waiting]


def queue(max_bytes=1000, max_messages=1000, **options):
    return MemoryQueue(max_bytes, max_messages, **options)


def test_parcels_come_out_in_the_order_in_which_they_were_put():
    kept = queue()
    kept.put([parcel("a"), parcel("b")], 0)
    kept.put([parcel("c")], 0)
    assert names(kept.take(2, 0)[0]) == ["a", "b"]
    assert names(kept.take(2, 0)[0]) == ["c"]


def test_the_newest_can_go_first():
    kept = queue(order=Order.NEWEST)
    kept.put([parcel("a"), parcel("b"), parcel("c")], 0)
    assert names(kept.take(2, 0)[0]) == ["c", "b"]


def test_what_was_released_waits_in_its_old_place():
    kept = queue()
    kept.put([parcel("a"), parcel("b")], 0)
    taken, _ = kept.take(1, 0)
    kept.release([taken[0].number])
    assert names(kept.take(2, 0)[0]) == ["a", "b"]


def test_what_was_settled_waits_no_more():
    kept = queue()
    kept.put([parcel("a", samples=3, created=5.0), parcel("bb", created=6.0)], 0)
    assert kept.size == (2, 4, 3, 5.0)
    taken, _ = kept.take(1, 0)
    kept.settle([taken[0].number])
    assert kept.size == (1, 1, 2, 6.0)


@pytest.mark.parametrize("bounds", [{"max_messages": 2}, {"max_bytes": 2}])
def test_the_oldest_make_room(bounds):
    kept = queue(**bounds)
    kept.put([parcel("a", samples=7), parcel("b")], 0)
    assert kept.put([parcel("c")], 0) == [Dropped("queue_full", 7)]
    assert names(kept.take(9, 0)[0]) == ["b", "c"]


def test_what_has_just_come_can_be_refused_instead():
    kept = queue(max_messages=2, when_full=WhenFull.DROP_NEWEST)
    kept.put([parcel("a")], 0)
    assert kept.put([parcel("b"), parcel("c", samples=4)], 0) == [Dropped("queue_full", 5)]
    assert names(kept.take(9, 0)[0]) == ["a"]


def test_states_that_a_later_one_replaces_go_first_the_oldest_and_no_more_than_needed():
    kept = queue(max_messages=5)
    kept.put([parcel("g1"), parcel("c1", 3, supersedes="x"), parcel("d1", 5, supersedes="y")], 0)
    kept.put([parcel("d2", 7, supersedes="y"), parcel("c2", supersedes="x")], 0)
    assert kept.put([parcel("d3", supersedes="y")], 0) == [Dropped("merged", 3)]
    assert kept.put([parcel("g2"), parcel("g3")], 0) == [Dropped("merged", 12)]
    assert kept.put([parcel("g4")], 0) == [Dropped("queue_full", 1)]
    assert names(kept.take(9, 0)[0]) == ["c2", "d3", "g2", "g3", "g4"]


def test_only_as_many_bytes_are_merged_as_are_needed():
    kept = queue(max_bytes=10)
    kept.put([parcel(text * 3, supersedes="x") for text in "abc"], 0)
    assert kept.put([parcel("dddd", supersedes="x")], 0) == [Dropped("merged", 1)]
    assert names(kept.take(9, 0)[0]) == ["bbb", "ccc", "dddd"]


@pytest.mark.parametrize("when_full", list(WhenFull))
def test_a_parcel_that_is_larger_than_the_bound_drives_nothing_else_out(when_full):
    kept = queue(max_bytes=5, when_full=when_full)
    kept.put([parcel("a")], 0)
    assert kept.put([parcel("b"), parcel("c" * 6, samples=4)], 0) == [Dropped("queue_full", 4)]
    kept.take(1, 0)
    assert kept.put([parcel("d" * 5)], 0) == [Dropped("queue_full", 1)]  # "a" needs its place
    assert names(kept.take(9, 0)[0]) == ["b"]


def test_without_merging_a_state_is_a_parcel_like_any_other():
    kept = queue(max_messages=2, when_full=WhenFull.DROP_OLDEST)
    kept.put([parcel("g1"), parcel("c1", supersedes="x")], 0)
    assert kept.put([parcel("c2", supersedes="x")], 0) == [Dropped("queue_full", 1)]
    assert names(kept.take(9, 0)[0]) == ["c1", "c2"]


def test_for_a_target_that_keeps_no_history_only_the_last_state_waits():
    kept = queue(history=False)
    kept.put([parcel("a", supersedes="x")], 0)
    assert kept.put([parcel("b", supersedes="x")], 0) == [Dropped("merged", 1)]
    assert names(kept.take(9, 0)[0]) == ["b"]


def test_what_is_being_sent_never_makes_room():
    kept = queue(max_messages=1)
    kept.put([parcel("a", supersedes="x")], 0)
    kept.take(1, 0)
    assert kept.put([parcel("b", supersedes="x")], 0) == [Dropped("queue_full", 1)]
    assert kept.size.parcels == 1


def test_what_is_too_old_is_given_up():
    kept = queue(max_age=10)
    kept.put([parcel("a", created=100.0), parcel("b", created=105.0)], 105)
    taken, dropped = kept.take(9, 110.5)
    assert names(taken) == ["b"]
    assert dropped == [Dropped("expired", 1)]


def test_what_is_too_old_is_not_sent_though_it_came_after_what_is_younger():
    kept = queue(max_age=10)
    kept.put(
        [parcel("a", created=200.0), parcel("b", created=100.0), parcel("c", created=201.0)], 0
    )
    taken, dropped = kept.take(2, 205.0)
    assert names(taken) == ["a", "c"]
    assert dropped == [Dropped("expired", 1)]
    assert kept.size.parcels == 2


def test_what_is_being_sent_does_not_become_too_old():
    kept = queue(max_age=10)
    kept.put([parcel("a", created=100.0), parcel("b", created=100.0)], 100.0)
    kept.take(1, 100.0)
    assert kept.put([], 200.0) == [Dropped("expired", 1)]
    assert kept.size.parcels == 1


def test_an_old_state_that_could_not_be_sent_does_not_follow_the_new_one():
    kept = queue(order=Order.NEWEST, history=False)
    kept.put([parcel("a", samples=3, supersedes="x")], 0)
    kept.take(1, 0)
    kept.put([parcel("b", supersedes="x")], 0)
    kept.release([1])
    taken, dropped = kept.take(9, 0)
    assert names(taken) == ["b"]
    assert dropped == [Dropped("merged", 3)]


def test_the_end_gives_up_what_waits_and_what_is_being_sent():
    kept = queue()
    kept.put([parcel("a"), parcel("b", samples=2)], 0)
    kept.take(1, 0)
    assert kept.close() == [Dropped("closed", 3)]
    assert kept.close() == []
    assert kept.size == (0, 0, 0, None)


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 5), st.integers(0, 40), st.sampled_from(["", "x", "y"])),
            max_size=4,
        ),
        max_size=20,
    ),
    st.sampled_from(list(WhenFull)),
    st.booleans(),
)
def test_the_bounds_hold_and_no_sample_is_unaccounted_for(puts, when_full, history):
    kept = MemoryQueue(100, 5, when_full=when_full, history=history)
    given_, dropped = 0, 0
    for number, put in enumerate(puts):
        parcels = [
            parcel("b" * length, samples, float(number), name) for samples, length, name in put
        ]
        given_ += sum(one.samples for one in parcels)
        dropped += sum(samples for _, samples in kept.put(parcels, float(number)))
        assert kept.size.parcels <= 5
        assert kept.size.bytes <= 100
        assert given_ == dropped + kept.size.samples
    waiting = [one.parcel for one in kept.take(99, 0)[0]]
    assert sum(one.samples for one in waiting) == kept.size.samples
    assert sum(len(one.body) for one in waiting) == kept.size.bytes


@given(st.lists(STEPS, max_size=30), st.sampled_from(list(Order)))
def test_what_is_merged_is_what_a_later_one_that_waits_replaces(steps, order):
    kept, waiting, taken = queue(order=order, history=False), {}, set()
    for step, argument in steps:
        dropped = []
        if step == "put":
            waiting |= {len(waiting) + 1 + n: name for n, name in enumerate(argument)}
            dropped = kept.put([parcel("", 1, 0.0, name) for name in argument], 0.0)
        elif step == "take":
            batch, dropped = kept.take(argument, 0.0)
        else:
            numbers = argument & taken
            getattr(kept, step)(numbers)
            taken -= numbers
            waiting |= dict.fromkeys(numbers if step == "settle" else (), None)
        if step in ("put", "take"):
            alive = {number: name for number, name in waiting.items() if name is not None}
            merged = {
                number
                for number, name in alive.items()
                if name and number not in taken and name in [alive[n] for n in alive if n > number]
            }
            assert sum(samples for _, samples in dropped) == len(merged)
            waiting |= dict.fromkeys(merged)
        if step == "take":
            taken |= {one.number for one in batch}
        assert kept.size.parcels == sum(name is not None for name in waiting.values())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("put"),
                st.lists(
                    st.tuples(st.integers(0, 12), st.sampled_from(["", "x", "y"])), max_size=4
                ),
            ),
            st.tuples(st.just("take"), st.integers(1, 3)),
            st.tuples(st.sampled_from(["settle", "release"]), st.integers(0, 3)),
        ),
        max_size=25,
    ),
    st.sampled_from(list(WhenFull)),
    st.sampled_from(list(Order)),
    st.booleans(),
)
def test_what_makes_room_is_what_makes_room_in_a_spool(steps, when_full, order, history):
    options = {"when_full": when_full, "order": order, "history": history}
    with tempfile.TemporaryDirectory() as folder:
        kept, spool = queue(max_bytes=20, **options), Spool(f"{folder}/s", max_bytes=20, **options)
        spool.open()
        taken = []
        for number, (step, argument) in enumerate(steps):
            if step == "put":
                parcels = [parcel("b" * size, 2**number, 1.0, name) for size, name in argument]
                assert given_up(kept.put(parcels, 1.0)) == given_up(spool.put(parcels, 1.0))
            elif step == "take":
                (ours, dropped), (theirs, lost) = (one.take(argument, 1.0) for one in (kept, spool))
                assert [one.parcel for one in ours] == [one.parcel for one in theirs]
                assert given_up(dropped) == given_up(lost)
                taken += zip(ours, theirs, strict=True)
            else:
                done, taken = taken[:argument], taken[argument:]
                getattr(kept, step)([one.number for one, _ in done])
                getattr(spool, step)([one.number for _, one in done])
            assert kept.size[:3] == spool.size[:3]
        spool.close()


def given_up(dropped):
    """Samples by reason, where a full queue and a full spool are one."""
    counted = collections.Counter()
    for reason, samples in dropped:
        counted[reason.removeprefix("queue_").removeprefix("spool_")] += samples
    return counted
