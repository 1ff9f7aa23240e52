"""Batches as OTLP requests, read again with OpenTelemetry's own classes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage import encoding_strategies as strategies
from tests.storage.push_parts import attributes, bits, decode_otlp, points_of
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding.protobuf.otlp import OTLPEncoder
from wca.storage.encoding.series import clean_text

NOW = 1.7e9
MILLION = 1_000_000

batches = st.lists(strategies.good | strategies.odd, max_size=8)


def encoder(**options):
    return OTLPEncoder({"service.name": "wca"}, {}, **options)


def metrics_of(parcels):
    return [one for part in parcels for one in decode_otlp(part.body)[1]]


def rows_of(parcels):
    """Name, attributes, value and time of each point that has a value."""
    return sorted(
        (
            metric.name,
            sorted(attributes(point.attributes).items()),
            value_of(point),
            point.time_unix_nano,
        )
        for part in parcels
        if part.samples
        for metric in decode_otlp(part.body)[1]
        for point in points_of(metric)
    )


def value_of(point):
    """Text, in which no two numbers are the same and NaN is itself."""
    kind = point.WhichOneof("value")
    return str(point.as_int) if kind == "as_int" else f"double {bits(point.as_double):x}"


def ends_of(parcels):
    """Name and attributes of each series that has ended, and when."""
    found = {}
    for part in parcels:
        for metric in decode_otlp(part.body)[1] if not part.samples else ():
            for point in points_of(metric):
                assert (point.flags, point.WhichOneof("value")) == (1, None)
                key = metric.name, tuple(attributes(point.attributes).items())
                found[key] = point.time_unix_nano
    return found


def expected(metric):
    value = metric.value
    whole = isinstance(value, int) and -(2**63) <= value < 2**63
    time = NOW if metric.timestamp is None else metric.timestamp
    return (
        str(metric.name),
        sorted((key, clean_text(text)) for key, text in metric.labels.items() if text),
        str(int(value)) if whole else f"double {bits(float(value)):x}",
        round(time * 1000) * MILLION,
    )


def counter(value, time=NOW, name="c_total", start=None, **labels):
    return Metric(name, value, labels, "counter", "Help.", "seconds", None, time, start)


def gauge(name="g", value=1, time=NOW, **labels):
    return Metric(name, value, labels, "gauge", "Help.", timestamp=time)


def starts(parcels):
    """Seconds after ``NOW`` at which each counter starts, by its label ``i`` or its name."""
    return {
        attributes(point.attributes).get("i", metric.name): point.start_time_unix_nano / 1e9 - NOW
        for metric in metrics_of(parcels)
        for point in points_of(metric)
        if metric.HasField("sum")
    }


@given(batch=batches)
def test_every_sample_is_written_as_it_is_or_rejected_with_a_reason(batch):
    parcels, rejected = encoder().encode(batch, NOW)
    left_out = [one.metric for one in rejected]
    kept = [metric for metric in batch if not any(metric is one for one in left_out)]
    assert rows_of(parcels) == sorted(map(expected, kept))
    assert sum(parcel.samples for parcel in parcels) == len(kept)
    assert all(one.reason for one in rejected)


@given(st.lists(strategies.good, max_size=30), st.integers(1, 7), st.integers(1, 600))
def test_requests_keep_their_bounds_and_lose_nothing(batch, most, size):
    parcels, _ = encoder(max_points=most, max_bytes=size).encode(batch, NOW)
    assert rows_of(parcels) == rows_of(encoder().encode(batch, NOW)[0])
    for part in parcels:
        points = [point for one in decode_otlp(part.body)[1] for point in points_of(one)]
        assert len(points) == part.samples <= most
    assert all(one.name and points_of(one) for one in metrics_of(parcels))


@settings(max_examples=30)
@given(sequence=st.lists(batches, min_size=2, max_size=4))
def test_what_was_written_before_changes_nothing_but_ends_and_starts(sequence):
    kept = encoder()
    for batch in sequence:
        assert rows_of(kept.encode(batch, NOW)[0]) == rows_of(encoder().encode(batch, NOW)[0])


def test_a_batch_of_columns_is_written_as_the_same_list():
    block = tuple(Series(name, {"host": "n"}, "gauge", "Help.") for name in ("b", "a"))
    kept = encoder()
    for step in range(3):
        batch = Batch(NOW + step)
        batch.add(block, [step, 0.5])
        ours = rows_of(kept.encode(batch, 0)[0])
        assert ours == rows_of(encoder().encode(list(batch), 0)[0])


class TestWhatAMetricIs:
    def test_a_counter_is_a_monotonic_sum_of_cumulative_temporality(self):
        (one,) = metrics_of(encoder().encode([counter(5)], NOW)[0])
        assert (one.sum.is_monotonic, one.sum.aggregation_temporality) == (True, 2)
        assert (one.name, one.description) == ("c_total", "Help.")

    def test_everything_else_is_a_gauge(self):
        batch = [gauge(), Metric("unknown", 1.5, timestamp=NOW)]
        found = metrics_of(encoder().encode(batch, NOW)[0])
        assert [one.HasField("gauge") for one in found] == [True, True]

    def test_the_series_of_a_name_are_one_metric(self):
        batch = [gauge(i="1"), gauge("other"), gauge(i="2")]
        found = metrics_of(encoder().encode(batch, NOW)[0])
        assert [(one.name, len(points_of(one))) for one in found] == [("g", 2), ("other", 1)]

    @pytest.mark.parametrize(
        ("unit", "ucum"),
        [
            ("bytes", "By"),
            ("bytes_per_second", "By/s"),
            ("seconds", "s"),
            ("timestamp", "s"),
            ("numeric", ""),
            (None, ""),
            ("ticks", "{ticks}"),
            ("percent", "{percent}"),
        ],
    )
    def test_units_are_those_of_ucum(self, unit, ucum):
        (one,) = metrics_of(encoder().encode([Metric("a", 1, unit=unit)], NOW)[0])
        assert one.unit == ucum

    @pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63), 2**63, 0.5, -0.0, math.inf])
    def test_whole_numbers_stay_exact_where_64_bits_hold_them(self, value):
        ((*_, text, _),) = rows_of(encoder().encode([gauge(value=value)], NOW)[0])
        assert text == expected(gauge(value=value))[2]


class TestStartTimes:
    def test_a_start_that_is_known_is_told(self):
        assert starts(encoder().encode([counter(5, start=NOW - 60)], NOW)[0]) == {"c_total": -60}

    def test_a_start_that_is_not_known_is_the_time_of_the_first_value(self):
        one = encoder()
        for step in range(3):
            parcels, _ = one.encode([counter(step, NOW + step), gauge(time=NOW + step)], NOW)
            assert starts(parcels) == {"c_total": 0}

    def test_a_counter_that_goes_down_has_begun_anew(self):
        one = encoder()
        found = [
            starts(
                one.encode(
                    [counter(value, NOW + step, i="a"), counter(step, NOW + step, i="b")], NOW
                )[0]
            )
            for step, value in enumerate([5, 7, 2, 3, 3, 1])
        ]
        assert [one["a"] for one in found] == [0, 0, 2, 2, 2, 5]
        assert {one["b"] for one in found} == {0}

    def test_it_stays_while_other_series_come_and_go(self):
        one = encoder()
        for step in range(4):
            others = [counter(1, NOW + step, i=str(i)) for i in range(step % 2, step + 1)]
            parcels, _ = one.encode([*others, counter(step, NOW + step, i="kept")], NOW)
            assert starts(parcels)["kept"] == 0

    def test_a_counter_that_has_begun_anew_with_others_is_seen(self):
        one = encoder()
        one.encode([counter(5, i="a")], NOW)
        parcels, _ = one.encode([counter(1, NOW + 1, i="a"), counter(1, NOW + 1, i="b")], NOW)
        assert starts(parcels) == {"a": 1, "b": 1}

    def test_a_series_that_comes_back_starts_again(self):
        one = encoder()
        one.encode([counter(5, i="a"), gauge()], NOW)
        one.encode([gauge(time=NOW + 1)], NOW)
        parcels, _ = one.encode([counter(6, NOW + 2, i="a"), gauge(time=NOW + 2)], NOW)
        assert starts(parcels) == {"a": 2}

    def test_one_that_says_when_it_began_keeps_its_word_though_it_goes_down(self):
        one, said, silent = encoder(), {"i": "said"}, {"i": "silent"}
        for step, value in enumerate([5, 3]):
            told = Metric(
                "c_total", value, said, "counter", timestamp=NOW + step, start_time=NOW - 9
            )
            untold = Metric("c_total", value, silent, "counter", timestamp=NOW + step)
            parcels, _ = one.encode([told, untold], NOW)
            assert starts(parcels) == {"said": -9, "silent": step}

    def test_gauges_have_none(self):
        (one,) = metrics_of(encoder().encode([gauge()], NOW)[0])
        assert points_of(one)[0].start_time_unix_nano == 0

    def test_each_kind_of_batch_has_its_own(self):
        one = encoder()
        for step in range(3):
            for name in ("one_total", "two_total"):
                parcels, _ = one.encode([counter(step, NOW + step, name)], NOW)
                assert starts(parcels) == {name: 0}


class TestEnds:
    def test_a_series_that_is_missing_gets_a_point_without_a_value(self):
        one = encoder()
        one.encode([gauge(i="1"), gauge(i="2"), counter(1)], NOW)
        parcels, _ = one.encode([gauge(i="1", time=NOW + 1)], NOW)
        time = round((NOW + 1) * 1000) * MILLION
        assert ends_of(parcels) == {("g", (("i", "2"),)): time, ("c_total", ()): time}
        assert ends_of(one.encode([gauge(i="1", time=NOW + 2)], NOW)[0]) == {}

    def test_the_farewell_ends_every_series_once(self):
        one = encoder()
        one.encode([gauge(i="1"), counter(1)], NOW)
        assert len(ends_of(one.farewell(NOW + 5))) == 2
        assert one.farewell(NOW + 5) == []


FACTS = {"host": "node-7", "cpu_model": "Xeon", "sockets": "2", "wca_version": "9"}


class TestResource:
    def resource(self, encoder, *more):
        parcels, _ = encoder.encode([gauge(), *more], NOW)
        return decode_otlp(parcels[0].body)[0]

    def test_the_facts_about_the_machine_stand_there(self):
        facts = Metric("wca_information", 1, FACTS, "gauge", timestamp=NOW)
        one = encoder()
        told = {
            "service.name": "wca",
            "service.version": "9",
            "host.name": "node-7",
            "host.cpu.model.name": "Xeon",
            "wca.sockets": "2",
        }
        assert self.resource(one) == {"service.name": "wca"}
        assert self.resource(one, facts) == told
        assert self.resource(one) == told

    def test_what_the_user_says_wins(self):
        own = {"service.name": "mine", "host.name": "alias", "deployment": "test"}
        one = OTLPEncoder({"service.name": "wca", "host.name": "n"}, own)
        facts = Metric("wca_information", 1, {"host": "n"}, "gauge", timestamp=NOW)
        assert self.resource(one, facts) == own


def test_an_empty_batch_is_no_request():
    assert encoder().encode([], NOW) == ([], [])


def test_requests_are_compressed_as_asked():
    (part,), _ = encoder(compress=lambda body: body[::-1]).encode([gauge()], NOW)
    assert decode_otlp(part.body[::-1])[1]
