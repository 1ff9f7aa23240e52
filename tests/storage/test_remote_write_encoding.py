"""Batches as remote write requests, read again with classes made from Prometheus' own schema."""

import copy
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage import encoding_strategies as strategies
from tests.storage.push_parts import STALE, bits, decode_v1, decode_v2, unpacked
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding.protobuf.remote_write import RemoteWriteEncoder
from wca.storage.encoding.series import clean_text

NOW = 1.7e9
DECODERS = {1: decode_v1, 2: decode_v2}
versions = pytest.mark.parametrize("version", [1, 2])

batches = st.lists(strategies.good | strategies.odd, max_size=8)


def encoder(version=1, **options):
    return RemoteWriteEncoder(version, **options)


def samples_of(parcels, version):
    """The series of all requests that are no markers."""
    return [one for part in parcels if part.samples for one in DECODERS[version](part.body)[0]]


def markers_of(parcels, version):
    found = [one for part in parcels if not part.samples for one in DECODERS[version](part.body)[0]]
    assert all(value == STALE for _, value, _ in found)
    return {labels: time for labels, _, time in found}


def expected(metric):
    """What a sample must be when it is read again."""
    labels = {"__name__": str(metric.name)}
    labels |= {key: clean_text(value) for key, value in metric.labels.items() if value}
    time = NOW if metric.timestamp is None else metric.timestamp
    return tuple(sorted(labels.items())), bits(metric.value), round(time * 1000)


def gauge(name="a", value=1, time=NOW, **labels):
    return Metric(name, value, labels, "gauge", "Help.", timestamp=time)


@versions
@given(batch=batches)
def test_every_sample_is_written_as_it_is_or_rejected_with_a_reason(version, batch):
    before = copy.deepcopy(batch)
    parcels, rejected = encoder(version).encode(batch, NOW)
    assert batch == before
    left_out = [one.metric for one in rejected]
    kept = [metric for metric in batch if not any(metric is one for one in left_out)]
    assert sorted(samples_of(parcels, version)) == sorted(map(expected, kept))
    assert sum(parcel.samples for parcel in parcels) == len(kept)
    assert all(one.reason for one in rejected)


@versions
@given(batch=batches)
def test_no_two_series_are_the_same_and_labels_are_sorted_and_not_empty(version, batch):
    series = [
        labels for labels, _, _ in samples_of(encoder(version).encode(batch, NOW)[0], version)
    ]
    assert len(set(series)) == len(series)
    for labels in series:
        assert list(labels) == sorted(labels)
        assert all(value for _, value in labels)


@versions
@settings(max_examples=30)
@given(sequence=st.lists(batches, min_size=2, max_size=4))
def test_what_was_written_before_changes_nothing_but_the_markers(version, sequence):
    kept = encoder(version)
    for batch in sequence:
        ours = samples_of(kept.encode(batch, NOW)[0], version)
        fresh = samples_of(encoder(version).encode(batch, NOW)[0], version)
        assert ours == fresh


@versions
@given(st.lists(strategies.good, max_size=30), st.integers(1, 7), st.integers(1, 400))
def test_requests_keep_their_bounds(version, batch, most, size):
    parcels, rejected = encoder(version, max_series=most, max_bytes=size).encode(batch, NOW)
    found = [part for part in parcels if part.samples]
    assert all(part.samples <= most for part in found)
    assert sum(part.samples for part in found) == len(batch) - len(rejected)
    for part in found:  # the series that reaches the bound is the last
        series = DECODERS[version](part.body)[0]
        last = sum(len(key) + len(value) for key, value in series[-1][0]) * 4 + 150
        assert len(series) == 1 or len(unpacked(part.body)) < size + last


@versions
def test_a_batch_of_columns_is_written_as_the_same_list(version):
    labels = {"host": "n"}
    block = tuple(Series(name, labels, "gauge", "Help.") for name in ("b", "a"))
    kept = encoder(version)
    for step in range(3):
        batch = Batch(NOW + step)
        batch.add(block, [step, 0.5])
        ours = samples_of(kept.encode(batch, 0)[0], version)
        assert ours == samples_of(encoder(version).encode(list(batch), 0)[0], version)
        assert {time for _, _, time in ours} == {round((NOW + step) * 1000)}


def test_labels_with_capitals_come_before_the_name():
    parcels, _ = encoder().encode([gauge(Zed="1", _a="2", z="3")], NOW)
    ((labels, _, _),) = samples_of(parcels, 1)
    assert [name for name, _ in labels] == ["Zed", "__name__", "_a", "z"]


@versions
def test_times_of_different_lengths_stand_in_one_request(version):
    times = [0, 1.5, 1e6, 1e9, 4e9, 1e10]
    parcels, _ = encoder(version).encode(
        [gauge(i=str(i), time=time) for i, time in enumerate(times)], NOW
    )
    assert [time for _, _, time in samples_of(parcels, version)] == [int(t * 1000) for t in times]


@versions
@pytest.mark.parametrize("time", [-1, 1e11, math.nan, "1"])
def test_a_time_that_is_none_costs_its_own_sample(version, time):
    parcels, rejected = encoder(version).encode([gauge(time=time), gauge("b")], NOW)
    assert len(samples_of(parcels, version)) == 1
    assert "timestamp" in rejected[0].reason


@versions
def test_an_empty_batch_is_no_request(version):
    assert encoder(version).encode([], NOW) == ([], [])


@versions
class TestEnds:
    def test_a_series_that_is_missing_gets_one_marker_at_the_time_of_the_batch(self, version):
        one = encoder(version)
        one.encode([gauge(task="a"), gauge(task="b")], NOW)
        parcels, _ = one.encode([gauge(task="a", time=NOW + 1)], NOW)
        ended = {(("__name__", "a"), ("task", "b")): round((NOW + 1) * 1000)}
        assert markers_of(parcels, version) == ended
        parcels, _ = one.encode([gauge(task="a", time=NOW + 2)], NOW)
        assert markers_of(parcels, version) == {}

    def test_markers_are_no_samples_and_travel_alone(self, version):
        one = encoder(version)
        one.encode([gauge(task="a"), gauge(task="b")], NOW)
        parcels, _ = one.encode([gauge(task="a", time=NOW + 1)], NOW)
        assert [part.samples for part in parcels if part.samples] == [1]

    def test_the_farewell_ends_every_series_once_and_later_than_its_last_sample(self, version):
        one = encoder(version)
        one.encode([gauge(task="a"), gauge(task="b"), gauge("c")], NOW)
        ended = markers_of(one.farewell(NOW - 100), version)
        assert len(ended) == 3
        assert set(ended.values()) == {round(NOW * 1000) + 1}
        assert one.farewell(NOW) == []

    def test_batches_of_different_kinds_end_only_their_own_series(self, version):
        one = encoder(version)
        for step in range(3):
            metrics = [gauge("m", i=str(i), time=NOW + step) for i in range(3)]
            anomalies = [gauge("anomalies", i=str(i), time=NOW + step) for i in range(3 - step)]
            assert markers_of(one.encode(metrics, NOW)[0], version) == {}
            assert len(markers_of(one.encode(anomalies, NOW)[0], version)) == (step > 0)

    def test_an_empty_batch_ends_nothing(self, version):
        """It is of no kind: which series would have been in it, nobody knows."""
        one = encoder(version)
        one.encode([gauge()], NOW)
        assert one.encode([], NOW) == ([], [])
        assert len(markers_of(one.farewell(NOW), version)) == 1

    def test_a_series_whose_value_cannot_be_written_has_ended_for_now(self, version):
        one = encoder(version)
        one.encode([gauge(task="a"), gauge(task="b")], NOW)
        parcels, rejected = one.encode([gauge(task="a"), gauge(value=None, task="b")], NOW)
        assert len(rejected) == len(markers_of(parcels, version)) == 1

    def test_kinds_that_never_come_back_are_forgotten(self, version):
        one = encoder(version)
        for i in range(150):
            one.encode([gauge(f"once_{i}", time=NOW + i)], NOW)
        one.encode([gauge("late", time=NOW + 8000)], NOW)
        assert len(markers_of(one.farewell(NOW), version)) == 1


BATCH = [
    Metric("a", 1, {"t": "1"}, "counter", "Of a.", "seconds", timestamp=NOW),
    Metric("a", 1, {"t": "2"}, "counter", "Of a.", "seconds", timestamp=NOW),
    Metric("b", 1, {}, None, None, "numeric", timestamp=NOW),
    Metric("c", 1, {}, "gauge", "Of c.", "timestamp", timestamp=NOW),
]
KNOWN = {"a": (1, "Of a.", "seconds"), "b": (0, "", ""), "c": (2, "Of c.", "seconds")}


class TestMetadata:
    def test_version_1_sends_it_at_first_and_after_a_minute(self):
        one = encoder()
        sent = []
        for seconds in (0, 1, 59, 60, 61, 130):
            batch = [copy.copy(metric) for metric in BATCH]
            for metric in batch:
                metric.timestamp = NOW + seconds
            parcels, _ = one.encode(batch, NOW)
            found = [decode_v1(part.body) for part in parcels if not part.samples]
            if found:
                ((series, metadata),) = found
                assert (series, metadata) == ([], KNOWN)
                sent.append(seconds)
        assert sent == [0, 60, 130]

    def test_version_1_sends_that_of_a_new_metric_at_once(self):
        one = encoder()
        one.encode(BATCH, NOW)
        parcels, _ = one.encode([*BATCH, gauge("new")], NOW)
        metadata = [decode_v1(part.body)[1] for part in parcels if not part.samples]
        assert metadata == [{"new": (2, "Help.", "")}]

    def test_version_1_sends_no_more_at_once_than_of_samples(self):
        batch = [gauge(f"m{i}") for i in range(5)]
        parcels, _ = encoder(max_series=2).encode(batch, NOW)
        sizes = [len(decode_v1(part.body)[1]) for part in parcels if not part.samples]
        assert sizes == [2, 2, 1]

    def test_version_2_has_it_in_each_series(self):
        parcels, _ = encoder(2).encode(BATCH, NOW)
        about = [one for part in parcels for one in decode_v2(part.body)[1]]
        assert [one[:4] for one in about] == [(name, *KNOWN[name]) for name in ("a", "a", "b", "c")]


class TestStart:
    def test_version_2_tells_since_when_a_counter_counts_where_that_is_known(self):
        batch = [
            Metric("known", 1, {}, "counter", timestamp=NOW, start_time=NOW - 10),
            Metric("unknown", 1, {}, "counter", timestamp=NOW),
            Metric("gauge", 1, {}, "gauge", timestamp=NOW, start_time=NOW - 10),
        ]
        parcels, _ = encoder(2).encode(batch, NOW)
        about = [one for part in parcels for one in decode_v2(part.body)[1]]
        starts = {name: start for name, *_, start in about}
        assert starts == {"known": round((NOW - 10) * 1000), "unknown": 0, "gauge": 0}

    def test_a_start_that_is_no_time_costs_its_own_sample(self):
        bad = Metric("bad", 1, {}, "counter", timestamp=NOW, start_time=-5.0)
        parcels, rejected = encoder(2).encode([bad, gauge()], NOW)
        assert len(samples_of(parcels, 2)) == len(rejected) == 1


def test_labels_that_are_freed_are_not_taken_for_new_ones_at_their_address():
    one = encoder()
    for step in range(50):
        labels = {"bad-name" if step % 2 else "good": "x"}
        _, rejected = one.encode([Metric("a", 1, labels, timestamp=NOW + step)], NOW)
        assert len(rejected) == step % 2
        del labels


@versions
def test_the_same_series_are_written_anew_for_times_of_another_length(version):
    kept, labels = encoder(version), {"a": "b"}
    for time in (0.0, 1.0, NOW, 2.0):
        metrics = [Metric("m", 1, labels, "gauge", timestamp=time)]
        found = samples_of(kept.encode(metrics, NOW)[0], version)
        assert found == [expected(one) for one in metrics]
