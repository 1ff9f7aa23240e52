"""Counters that wait for a receiver of remote write or OTLP: a later request replaces earlier ones."""

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http_receiver import Reply
from tests.storage.push_parts import (
    attributes,
    decode_otlp,
    decode_v1,
    decode_v2,
    points_of,
    settled,
    until,
)
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.storage import OTLPStorage, RemoteWriteStorage
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.encoding.protobuf.otlp import OTLPEncoder
from wca.storage.encoding.protobuf.remote_write import RemoteWriteEncoder

NOW = 1.7e9
FORMATS = ("remote write 1.0", "remote write 2.0", "OTLP")
formats = pytest.mark.parametrize("format_", FORMATS)
#: The same objects in each batch, as collectors have them: by these series are known again.
LABELS = {i: {"i": i} for i in [*map(str, range(20)), *"abcde"]}


def encoder(format_, most=2000):
    if format_ == "OTLP":
        return OTLPEncoder({}, {}, most)
    return RemoteWriteEncoder(1 if format_ == FORMATS[0] else 2, most)


def samples(format_, body):
    """Name, label ``i``, value and seconds after ``NOW`` of each sample in a request."""
    if format_ == "OTLP":
        for metric in decode_otlp(body)[1]:
            for point in points_of(metric):
                value = getattr(point, point.WhichOneof("value") or "flags")
                when = point.time_unix_nano / 1e9 - NOW
                yield metric.name, attributes(point.attributes).get("i"), value, when
        return
    for labels, bits, when in (decode_v1 if format_ == FORMATS[0] else decode_v2)(body)[0]:
        (value,) = struct.unpack("<d", struct.pack("<Q", bits))
        yield dict(labels)["__name__"], dict(labels).get("i"), value, when / 1000 - NOW


def counter(value, step=0, i="0"):
    return Metric("c_total", value, LABELS[i], "counter", timestamp=NOW + step)


def gauge(value, step=0, i="0"):
    return Metric("g", value, LABELS[i], "gauge", timestamp=NOW + step)


def parcels_of(one, *batches):
    """The requests of each batch."""
    return [one.encode(batch, NOW)[0] for batch in batches]


def names(parcels):
    return [parcel.supersedes for parcel in parcels if parcel.samples]


@formats
@given(
    makers=st.lists(st.sampled_from([counter, gauge]), max_size=12),
    type_=st.sampled_from(["gauge", None]),
    most=st.integers(1, 5),
)
def test_a_request_holds_counters_alone_or_none_of_them(format_, makers, type_, most):
    one = encoder(format_, most)
    for step in range(2):
        batch = [make(1, step, str(i)) for i, make in enumerate(makers)]
        for metric in batch:
            metric.type = metric.type if metric.name == "c_total" else type_
        parcels, _ = one.encode(batch, NOW)
        count = {("c_total",): 0, ("g",): 0, (): 0}
        for parcel in parcels:
            found = tuple({name for name, *_ in samples(format_, parcel.body)})
            count[found] += 1
            assert bool(parcel.supersedes) == (step > 0 and found == ("c_total",))
        for name, make in (("c_total", counter), ("g", gauge)):
            assert count[(name,)] == -(-makers.count(make) // most)


def increase(values):
    """What a counter has counted from the first of these values on, as a receiver sees it."""
    return sum(now - last if now >= last else now for last, now in itertools.pairwise(values))


@formats
@settings(max_examples=60)
@given(
    history=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1), max_size=12
    ),
    most=st.integers(1, 4),
)
def test_merging_changes_nothing_that_was_counted(format_, history, most):
    """Though series come and go, and begin anew (0) while others grow by so much."""
    one, values, sent = encoder(format_, most), dict.fromkeys("abc", 9), []
    for step, growth in enumerate(history):
        for i, by in growth.items():
            values[i] = values[i] + by if by else 1
        sent += one.encode([counter(values[i], step, i) for i in growth], NOW)[0]
    last = {parcel.supersedes: number for number, parcel in enumerate(sent)}
    merged = [p for n, p in enumerate(sent) if not p.supersedes or last[p.supersedes] == n]
    courses = []
    for parcels in (sent, merged):
        course = {i: [] for i in values}
        for parcel in parcels:
            for _, i, value, _ in samples(format_, parcel.body) if parcel.samples else ():
                course[i].append(value)
        courses.append({i: (increase(course[i]), course[i][:1], course[i][-1:]) for i in course})
    assert courses[0] == courses[1]


@formats
class TestNames:
    def test_the_same_counters_have_the_same_name_whatever_their_values(self, format_):
        _, *later = parcels_of(encoder(format_), *([counter(10**s, s)] for s in range(5)))
        (name,) = {name for parcels in later for name in names(parcels)}
        assert name

    def test_another_series_gives_another_name(self, format_):
        one = encoder(format_)
        _, (few,), _, (many,) = [
            names(parcels)
            for parcels in parcels_of(
                one,
                *([counter(1, step, i) for i in tasks] for step, tasks in enumerate(["a", "a"])),
                *([counter(2, step, i) for i in "ab"] for step in (2, 3)),
            )
        ]
        assert few != many

    def test_every_request_has_its_own(self, format_):
        batches = ([counter(step, step, str(i)) for i in range(10)] for step in range(2))
        found = names(parcels_of(encoder(format_, 3), *batches)[-1])
        assert len(set(found)) == 4

    @pytest.mark.parametrize("restarted", ["a", "c", "ab", "bd", "abc", "abcde"])
    def test_a_request_in_which_a_counter_begins_stands_for_itself(self, format_, restarted):
        first, before, during, after = (
            names(parcels)
            for parcels in parcels_of(
                encoder(format_, 2),
                *(
                    [counter(value if i in restarted else step, step, i) for i in "abcde"]
                    for step, value in enumerate([5, 6, 1, 2])
                ),
            )
        )
        assert first == ["", "", ""]
        for number, held in enumerate(["ab", "cd", "e"]):
            if set(held) & set(restarted):
                assert during[number] == ""
                assert after[number] not in ("", before[number])
            else:
                assert before[number] == during[number] == after[number]

    def test_a_counter_that_comes_and_goes_costs_others_nothing(self, format_):
        one, found = encoder(format_, 1), []
        for step in range(6):
            batch = [counter(step, step, i) for i in ("ab" if step % 2 else "a")]
            found.append(names(parcels_of(one, batch)[0]))
        assert len({one[0] for one in found[1:]}) == 1
        assert [one[1:] for one in found] == [[], [""], [], [""], [], [""]]

    def test_what_ends_a_series_stands_for_itself(self, format_):
        one = encoder(format_)
        *_, parcels = parcels_of(
            one, [counter(1, 0, "a"), counter(1, 0, "b")], [counter(1, 1, "a")], [counter(1, 2)]
        )
        ends = [parcel for parcel in [*parcels, *one.farewell(NOW)] if not parcel.samples]
        assert [parcel.supersedes for parcel in ends] == [""] * len(ends)
        assert ends

    def test_a_run_that_begins_later_has_other_names(self, format_):
        """What the agent itself counts begins anew with each run."""
        (_, first), (_, again), (_, later) = (
            parcels_of(encoder(format_), [counter(1, step)], [counter(1, step + 1)])
            for step in (0, 0, 5)
        )
        assert names(first) == names(again)
        assert names(first) != names(later)


def test_each_format_has_names_of_its_own():
    batches = [[counter(1, step)] for step in range(2)]
    found = {names(parcels_of(encoder(one), *batches)[-1])[0] for one in FORMATS}
    assert len(found) == len(FORMATS)


@formats
def test_what_ends_counters_and_gauges_is_one_request(format_):
    one = encoder(format_)
    one.encode([counter(1), gauge(1)], NOW)
    assert len(one.farewell(NOW)) == 1


@formats
def test_a_full_queue_gives_up_older_states_of_counters_first(format_):
    one, queue = encoder(format_), MemoryQueue(10**6, 10)
    dropped = []
    for step in range(8):
        (parcels,) = parcels_of(one, [counter(step, step), gauge(step, step)])
        dropped += queue.put([parcel for parcel in parcels if parcel.samples], NOW)
    assert {drop.reason for drop in dropped} == {"merged"}
    waiting, _ = queue.take(20, NOW)
    found = [next(samples(format_, entry.parcel.body)) for entry in waiting]
    assert [value for name, _, value, _ in found if name == "g"] == list(range(8))
    assert [value for name, _, value, _ in found if name == "c_total"] == [0, 7]


@pytest.fixture
def storages(receiver):
    made = []

    def make(format_, **queue):
        options = {
            "names": Names.WCA,
            "queue": {"first_retry": 0.02, "longest_retry": 0.05, **queue},
        }
        if format_ == "OTLP":
            made.append(OTLPStorage(f"{receiver.url}/v1/metrics", compression="none", **options))
        else:
            version = float(format_.split()[-1])
            made.append(RemoteWriteStorage(f"{receiver.url}/write", version=version, **options))
        return made[-1]

    yield make
    for storage in made:
        storage.close(0.1)


TAKEN = Reply(200, {"X-Prometheus-Remote-Write-Samples-Written": "99"})


class TestAnOutage:
    """The receiver takes the first batch, is away for twenty, and is there again for the last."""

    def through(self, format_, storage, receiver):
        """The values of the counter and of the gauge that arrive, and the account."""
        receiver.reply(TAKEN)
        storage.store([counter(0), gauge(0)])
        settled(storage)
        receiver.reply(Reply(503))
        for step in range(1, 21):
            storage.store([counter(step * step, step), gauge(step, step)])
        until(lambda: storage.failing)
        before = len(receiver.requests)
        receiver.reply(TAKEN)
        account = settled(storage)
        found = [
            one for request in receiver.requests[before:] for one in samples(format_, request.body)
        ]
        for name in ("c_total", "g"):
            times = [when for what, _, _, when in found if what == name]
            assert times == sorted(times)
        assert account.delivered + sum(account.dropped.values()) == 42
        return [
            list(dict.fromkeys(value for what, _, value, _ in found if what == name))
            for name in ("c_total", "g")
        ], account.dropped

    @formats
    def test_it_costs_the_course_of_counters_first(self, format_, storages, receiver):
        storage = storages(format_, max_messages=25)
        (counters, gauges), dropped = self.through(format_, storage, receiver)
        assert set(dropped) == {"merged"}
        assert gauges == list(range(1, 21))
        assert len(counters) < 10
        assert counters[-1] == 400

    @formats
    def test_a_long_one_leaves_the_last_counters_and_the_newest_gauges(
        self, format_, storages, receiver
    ):
        storage = storages(format_, max_messages=6)
        (counters, gauges), dropped = self.through(format_, storage, receiver)
        assert set(dropped) == {"merged", "queue_full"}
        assert counters[-1] == 400
        assert gauges[-4:] == [17, 18, 19, 20]
        assert len(counters) + len(gauges) <= 8
