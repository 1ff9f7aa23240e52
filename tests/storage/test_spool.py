"""The backlog on disk: what waits in it, in which order, and within which bounds."""

import os

import pytest

from tests.storage.spool_parts import NOW, numbers, parcel, spools, taken
from wca.storage.delivery.backlog import Dropped, Size
from wca.storage.delivery.options import Order, WhenFull
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "folder" / "spool")


@pytest.fixture
def make(path):
    with spools(path) as make:
        yield make


def test_parcels_come_back_as_they_were_the_oldest_first(make):
    spool = make(max_age=2 * NOW)
    parcels = [Parcel(bytes(range(256)) * 40, 7, NOW - 0.125, "é"), Parcel(b"", 0, -0.0, "")]
    assert spool.put(parcels, NOW) == []
    spool.put([parcel("c")], NOW)
    found, dropped = spool.take(2, NOW)
    assert [one.parcel for one in found] == parcels
    assert dropped == []
    assert taken(spool) == ["c"]


def test_the_newest_comes_first_where_that_is_asked_for(make):
    spool = make(order=Order.NEWEST)
    spool.put([parcel("a"), parcel("b")], NOW)
    spool.put([parcel("c")], NOW)
    assert taken(spool, 2) == ["c", "b"]
    spool.put([parcel("d")], NOW)
    assert taken(spool) == ["d", "a"]


def test_what_is_released_waits_in_its_old_place_and_what_is_settled_is_gone(make):
    spool = make()
    spool.put([parcel(text) for text in "abcd"], NOW)
    first, second, third = numbers(spool, 3)
    spool.settle([second])
    spool.release([third, first])
    assert taken(spool) == ["a", "c", "d"]


def test_the_next_run_finds_what_waited_and_what_was_being_sent(make):
    spool = make()
    spool.put([parcel("a", 3), parcel("b", 4)], NOW)
    spool.take(1, NOW)
    assert spool.close() == []
    assert spool.size == Size(2, 7, 2, NOW)
    with pytest.raises(OSError, match="is not open"):
        spool.put([parcel("c")], NOW)
    again = Spool(spool._file.place.path)
    assert again.open() == 7
    assert again.open() == 0  # it is open
    assert again.size == Size(2, 7, 2, NOW)
    assert taken(again) == ["a", "b"]
    again.close()
    assert spool.open() == 7


def test_close_is_safe_without_open_and_twice(path):
    spool = Spool(path)
    assert spool.close() == []
    assert not os.path.exists(os.path.dirname(path))
    spool.open()
    assert spool.close() == []
    assert spool.close() == []


def test_a_parcel_without_a_sensible_time_is_as_old_as_its_put(make):
    spool = make()
    spool.put([parcel("a", created=float("nan")), parcel("b", created=float("inf"))], NOW)
    assert [one.parcel.created for one in spool.take(2, NOW)[0]] == [NOW, NOW]


def test_a_name_may_be_any_text(make):
    spool = make(history=False)
    names = ["\ud800", "\ud801", "a\0b", "a\0c", "\U0001f600", "'", "%"]
    spool.put([parcel(str(number), name=name) for number, name in enumerate(names)], NOW)
    assert spool.put([parcel("again", name=name) for name in names], NOW) == [Dropped("merged", 7)]
    assert taken(spool) == ["again"] * 7


# Bounds


def test_the_oldest_make_room_but_not_what_is_being_sent(make):
    spool = make(max_bytes=4, when_full=WhenFull.DROP_OLDEST)
    spool.put([parcel(text, 10) for text in "abcd"], NOW)
    spool.take(1, NOW)
    assert spool.put([parcel("ef")], NOW) == [Dropped("spool_full", 20)]
    assert taken(spool) == ["d", "ef"]
    assert spool.size.bytes == 4


def test_what_a_later_parcel_says_too_goes_first_and_only_as_much_as_is_needed(make):
    spool = make(max_bytes=6)
    spool.put([parcel("0"), parcel("a", 1, name="x"), parcel("b", 2, name="x")], NOW)
    spool.put([parcel("c", 4, name="y"), parcel("d", 8, name="x"), parcel("e", 16)], NOW)
    assert spool.put([parcel("f", 32, name="y")], NOW) == [Dropped("merged", 1)]
    assert spool.put([parcel("gg", 64, name="x")], NOW) == [Dropped("merged", 6)]
    assert spool.put([parcel("h", name="x")], NOW) == [Dropped("merged", 8)]
    assert spool.put([parcel("i")], NOW) == [Dropped("merged", 64)]
    assert taken(spool) == ["0", "e", "f", "h", "i"]


def test_where_merging_does_not_make_enough_room_the_oldest_go(make):
    spool = make(max_bytes=4)
    spool.put([parcel("a", 1), parcel("b", 2, name="x"), parcel("c", 4, name="x")], NOW)
    assert spool.put([parcel("dd", 8), parcel("e", 16)], NOW) == [
        Dropped("merged", 2),
        Dropped("spool_full", 1),
    ]
    assert taken(spool) == ["c", "dd", "e"]


def test_what_has_just_come_makes_room_where_that_is_asked_for(make):
    spool = make(max_bytes=4, when_full=WhenFull.DROP_NEWEST)
    spool.put([parcel("a"), parcel("b")], NOW)
    assert spool.put([parcel("c", 3), parcel("de", 4)], NOW) == [Dropped("spool_full", 7)]
    assert spool.put([parcel("f")], NOW) == []
    assert taken(spool) == ["a", "b", "f"]


def test_a_parcel_that_is_larger_than_the_bound_drives_nothing_else_out(make):
    spool = make(max_bytes=4)
    spool.put([parcel("a"), parcel("b")], NOW)
    assert spool.put([parcel("12345", 5), parcel("c")], NOW) == [Dropped("spool_full", 5)]
    assert taken(spool) == ["a", "b", "c"]


def test_without_history_only_the_newest_state_waits(make):
    spool = make(history=False)
    spool.put([parcel("a", 1, name="x"), parcel("b", 2, name="y"), parcel("c", 4)], NOW)
    assert spool.put([parcel("d", 8, name="x")], NOW) == [Dropped("merged", 1)]
    assert taken(spool) == ["b", "c", "d"]


def test_an_old_state_that_could_not_be_sent_does_not_follow_the_new_one(make):
    spool = make(order=Order.NEWEST, history=False)
    spool.put([parcel("a", samples=3, name="x")], NOW)
    (number,) = numbers(spool)
    spool.put([parcel("b", name="x")], NOW)
    spool.release([number])
    found, dropped = spool.take(9, NOW)
    assert [one.parcel.body for one in found] == [b"b"]
    assert dropped == [Dropped("merged", 3)]
    assert spool.size.parcels == 1


def test_what_is_too_old_is_given_up_but_not_while_it_is_being_sent(make):
    spool = make(max_age=10)
    spool.put([parcel("a", 1, NOW), parcel("b", 2, NOW + 1), parcel("c", 4, NOW + 9)], NOW)
    (number,) = numbers(spool, 1, NOW + 5)
    found, dropped = spool.take(5, NOW + 12)
    assert [one.parcel.body for one in found] == [b"c"]
    assert dropped == [Dropped("expired", 2)]
    spool.release([number])
    assert spool.put([parcel("d", 8, NOW)], NOW + 12) == [Dropped("expired", 1)]
    assert spool.put([], NOW + 12) == [Dropped("expired", 8)]
    assert spool.size == Size(1, 4, 1, NOW + 9)


def test_more_than_is_given_up_in_one_go_expires(make):
    spool = make(max_age=10)
    spool.put([parcel("a") for _ in range(2500)], NOW)
    assert sum(one.samples for one in spool.put([], NOW + 20)) == 2500
    assert spool.size == Size(0, 0, 0, None)


@pytest.mark.parametrize("size", [300, 2050, 10_000, 200_000])
@pytest.mark.parametrize("when_full", [WhenFull.MERGE, WhenFull.DROP_OLDEST])
def test_the_file_stays_close_to_the_bound(make, path, size, when_full):
    bound = 2_000_000
    spool = make(max_bytes=bound, when_full=when_full)
    put = 0
    while put < 4 * bound:
        some = [Parcel(os.urandom(size), 1, NOW, name) for name in ("", "a", "b", "a")]
        spool.put(some, NOW)
        put += 4 * size
        if put % 3 == 0:
            spool.settle(numbers(spool, 2))
    assert spool.size.bytes <= bound
    assert os.path.getsize(path) <= 2.1 * bound
    assert os.path.getsize(f"{path}-wal") <= 4 * 2**20 + 2 * 4 * size + 2**20


def test_a_file_that_was_large_becomes_small_when_it_is_empty(make, path):
    spool = make()
    for _ in range(10):
        spool.put([Parcel(bytes(10**6), 1, NOW)] * 2, NOW)
    assert os.path.getsize(path) > 10 * 2**20
    while waiting := numbers(spool, 3):
        spool.settle(waiting)
    assert os.path.getsize(path) < 100_000
    assert os.path.getsize(f"{path}-wal") == 0
