"""Counters in messages of text that wait: a later message replaces earlier ones, and no count is lost."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.spool_parts import spools
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.encoding import Encoder
from wca.storage.encoding.messages import Messages

NOW = 1_700_000_000.0
LABELS = {i: {"i": i} for i in "abcde"}


class Run:
    """What one run of an agent makes of its batches."""

    def __init__(self, max_size=900_000):
        self.encoder, self.messages = Encoder(timestamps=True), Messages(max_size)

    def split(self, values, step=0, name="c_total", type_="counter"):
        """The messages of a batch: value by label ``i``, so many seconds after NOW."""
        now = NOW + step
        metrics = [Metric(name, value, LABELS[i], type_) for i, value in values.items()]
        return self.messages.split(self.encoder.encode(metrics, now), now)

    def names(self, values, step=0, **options):
        return [parcel.supersedes for parcel in self.split(values, step, **options)]


def samples(parcels):
    """Name, label ``i`` and value of each sample."""
    for parcel in parcels:
        for name, i, value in re.findall(
            r'^(\w+)\{i="(\w)"\} (\S+)', parcel.body.decode(), re.MULTILINE
        ):
            yield name, i, float(value)


def increase(values):
    """What a counter has counted from the first of these values on, as a reader sees it."""
    return sum(now - last if now >= last else now for last, now in itertools.pairwise(values))


@settings(max_examples=200, deadline=None)
@given(
    history=st.lists(
        st.tuples(
            st.booleans(),
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1),
        ),
        max_size=14,
    ),
    max_size=st.integers(60, 200),
)
def test_merging_changes_nothing_that_was_counted(history, max_size):
    """Series come and go, begin anew (0) while others grow by so much, and the agent starts anew."""
    run, values, sent = Run(max_size), dict.fromkeys("abc", 9), []
    for step, (restarted, growth) in enumerate(history):
        if restarted:
            run = Run(max_size)
        for i, by in growth.items():
            values[i] = values[i] + by if by else 1
        sent += run.split({i: values[i] for i in growth}, step)
    last = {parcel.supersedes: number for number, parcel in enumerate(sent)}
    merged = [p for n, p in enumerate(sent) if not p.supersedes or last[p.supersedes] == n]
    courses = []
    for parcels in (sent, merged):
        course = {i: [] for i in values}
        for _, i, value in samples(parcels):
            course[i].append(value)
        courses.append({i: (increase(course[i]), course[i][:1], course[i][-1:]) for i in course})
    assert courses[0] == courses[1]


def test_a_full_queue_keeps_what_a_counter_had_before_it_began_anew():
    """Delivered 100; then, with the target away, 500, 0 and 50: 450 are counted in all."""
    run, queue = Run(), MemoryQueue(10**6, 3)
    (delivered,) = run.split({"a": 100})
    dropped = []
    for step, value in enumerate([300, 500, 0, 20, 50], 1):
        dropped += queue.put(run.split({"a": value}, step), NOW)
    waiting = [one.parcel for one in queue.take(10, NOW)[0]]
    course = [value for _, _, value in samples([delivered, *waiting])]
    assert course == [100, 500, 0, 50]
    assert increase(course) == 450
    assert {one.reason for one in dropped} == {"merged"}


def test_the_first_value_of_a_series_that_begins_in_an_outage_is_kept():
    run, queue = Run(max_size=60), MemoryQueue(10**6, 4)
    for step in range(6):
        values = {"a": step} if step < 2 else {"a": step, "b": 10 * step}
        queue.put(run.split(values, step), NOW)
    waiting = [one.parcel for one in queue.take(10, NOW)[0]]
    assert [value for _, i, value in samples(waiting) if i == "b"] == [20, 50]


def test_counters_of_another_run_do_not_replace_those_in_the_spool(tmp_path):
    path = str(tmp_path / "spool")
    with spools(path) as make:
        spool = make()
        run = Run()
        for step, value in enumerate([100, 500]):
            spool.put(run.split({"a": value}, step), NOW)
        spool.close()
        full = 2 * len(run.split({"a": 1}, 0)[0].body) + 5
        spool, run = make(max_bytes=2 * full), Run()
        dropped = []
        for step, value in enumerate([0, 10, 20, 50], 2):
            dropped += spool.put(run.split({"a": value}, step), NOW)
        waiting = [one.parcel for one in spool.take(10, NOW)[0]]
    assert [value for _, _, value in samples(waiting)] == [100, 500, 0, 50]
    assert [one.reason for one in dropped] == ["merged", "merged"]


class TestNames:
    def test_the_same_counters_have_the_same_name_whatever_their_values(self):
        run = Run()
        first, *later = (run.names({"a": 10**step, "b": 1}, step) for step in range(5))
        assert first == [""]
        (name,) = {name for names in later for name in names}
        assert name

    def test_growing_values_move_no_series_to_another_message(self):
        run = Run(max_size=100)
        run.names(dict.fromkeys("abcde", 1))
        small = run.names(dict.fromkeys("abcde", 1), 1)
        assert len(small) > 2
        assert run.names(dict.fromkeys("abcde", 1.2345678901234567e300), 2) == small
        assert len(set(small)) == len(small)

    def test_another_series_gives_another_name(self):
        run = Run()
        few, many = ([run.names(v, s)[0] for s in range(2)] for v in ({"a": 1}, {"a": 2, "b": 1}))
        assert few[1] != many[1]
        assert few[1]
        assert many[1]

    def test_only_the_message_in_which_a_counter_begins_stands_for_itself(self):
        run = Run(max_size=40)
        first, before, during, after = (
            run.names({"a": a, "b": b}, step)
            for step, (a, b) in enumerate([(5, 0), (6, 1), (1, 2), (2, 3)])
        )
        assert first == ["", ""]
        assert during[0] == ""
        assert after[0] not in ("", before[0])
        assert before[1] == during[1] == after[1] != ""

    def test_a_counter_that_begins_twice_within_a_millisecond_has_two_names(self):
        run = Run()
        names = [run.names({"a": value})[0] for value in (5, 6, 1, 2, 1, 2)]
        assert names[0] == names[2] == names[4] == ""
        assert len({names[1], names[3], names[5], ""}) == 4

    def test_a_storage_that_gets_batches_of_several_kinds_in_turn_merges_all_the_same(self):
        run, found = Run(), {"c_total": [], "d_total": []}
        for step in range(8):
            name = ("c_total", "d_total")[step % 2]
            found[name] += run.names({"a": step}, step, name=name)
        for names in found.values():
            assert names[0] == ""
            assert len(set(names[1:])) == 1

    def test_a_series_that_was_missing_for_long_begins_anew(self):
        run = Run()
        names = [run.names({"a": 1}, 0), run.names({"a": 2}, 1)]
        run.names({"b": 1}, 2)
        names += [run.names({"a": 3}, 3602), run.names({"a": 4}, 3603)]
        assert names[2] == [""]
        assert names[3] != names[1]

    @pytest.mark.parametrize("type_", ["gauge", None])
    def test_what_goes_up_and_down_supersedes_nothing(self, type_):
        run = Run()
        assert [run.names({"a": 1}, step, type_=type_) for step in range(2)] == [[""], [""]]

    def test_values_of_every_kind_are_followed(self):
        """Of a batch with an odd value among them, the values are texts."""
        run, names = Run(), []
        for step, value in enumerate([1, 2, 10**30, 1.5, True, float("nan"), 3]):
            names += run.names({"a": value, "b": float("inf")}, step)
        assert [bool(name) for name in names] == [False, True, True, False, False, True, True]

    def test_a_batch_in_columns_has_them_as_well(self):
        run, names = Run(), []
        block = (Series("c", LABELS["a"], "counter"), Series("g", LABELS["a"], "gauge"))
        for step in range(3):
            batch = Batch(NOW + step)
            batch.add(block, [step, step])
            found = run.messages.split(run.encoder.encode(batch, NOW), NOW + step)
            names.append([parcel.supersedes for parcel in found])
        assert names[0] == ["", ""]
        assert names[1] == names[2] == [names[1][0], ""]
        assert names[1][0]
