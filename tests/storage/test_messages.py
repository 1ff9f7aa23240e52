"""Texts cut into messages: nothing lost, nothing twice, each message valid and below the bound."""

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser

from tests.storage.encoding_strategies import good, helps, labels, names, numbers, odd
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding import Encoder
from wca.storage.encoding.messages import Messages
from wca.testing import check_exposition

NOW = 1_700_000_000.0

counters = st.builds(Metric, names, numbers, labels, st.just("counter"), helps)
batches = st.lists(good | counters | odd, max_size=30)
few_names = st.sampled_from(["a", "b", "c"])
large_families = st.lists(
    st.builds(Metric, few_names, numbers, labels, st.sampled_from([None, "gauge"])), max_size=60
)
sizes = st.integers(1, 600) | st.just(900_000)


def encode(metrics):
    return Encoder(timestamps=True).encode(metrics, NOW)


def split(metrics, max_size=900_000):
    return Messages(max_size).split(encode(metrics), NOW)


def bodies(parcels):
    return [(parcel.body, parcel.samples) for parcel in parcels]


def lines(text):
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def types(text):
    """Type by name, as a reader finds them; a message repeats what it needs."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.MULTILINE))


def counter_family(name, count, value=1, width=1):
    return [Metric(name, value, {"i": f"{i:0{width}}"}, "counter", "Help.") for i in range(count)]


def assert_complete(parcels, encoded):
    texts = [parcel.body.decode() for parcel in parcels]
    assert sorted(line for text in texts for line in lines(text)) == sorted(lines(encoded.text))
    for parcel, text in zip(parcels, texts, strict=True):
        assert check_exposition(text) == []
        assert not text.startswith("\n")
        assert len(lines(text)) == parcel.samples > 0
        known, mentioned = (
            types(encoded.text),
            {line.split("{")[0].split(" ")[0] for line in lines(text)},
        )
        assert types(text) == {name: known[name] for name in mentioned if name in known}


@given(batches | large_families, sizes)
def test_every_series_is_in_one_message_which_is_valid_by_itself(metrics, max_size):
    encoded = encode(metrics)
    assert_complete(Messages(max_size).split(encoded, NOW), encoded)


@given(batches | large_families, sizes)
def test_only_a_line_that_is_too_long_by_itself_makes_a_message_too_large(metrics, max_size):
    for parcel in split(metrics, max_size):
        assert len(parcel.body) <= max_size or parcel.samples == 1


@given(batches, sizes)
def test_counters_and_others_never_share_a_message(metrics, max_size):
    for parcel in split(metrics, max_size):
        text = parcel.body.decode()
        found = {kind == "counter" for kind in types(text).values()}
        assert len(found) <= 1
        assert bool(parcel.supersedes) <= (found == {True})


@given(st.lists(batches, min_size=2, max_size=4), sizes)
def test_kept_cuts_are_those_of_a_new_start(sequence, max_size):
    encoder, kept = Encoder(timestamps=True), Messages(max_size)
    for metrics in sequence:
        for _ in range(2):
            found = kept.split(encoder.encode(metrics, NOW), NOW)
            assert bodies(found) == bodies(split(metrics, max_size))


@given(st.lists(st.builds(Metric, names, st.floats(0, 1), labels, st.just("gauge")), max_size=20))
def test_a_reader_of_others_finds_the_values(metrics):
    encoded = encode(metrics)
    families = [
        family
        for parcel in Messages(300).split(encoded, NOW)
        for family in parser.text_string_to_metric_families(parcel.body.decode())
    ]
    samples = [sample for family in families for sample in family.samples]
    assert len(samples) == len(encoded.heads)
    assert {sample.timestamp for sample in samples} <= {NOW}


def test_an_empty_batch_makes_no_message():
    assert split([]) == []
    assert split([Metric("bad-name", 1)]) == []


def test_a_small_batch_is_one_message_for_counters_and_one_for_the_others():
    counters, gauges = split(
        [Metric("a", 1, type="counter"), Metric("b", 2, type="gauge"), Metric("c", 3)]
    )
    assert counters.body == b"# TYPE a counter\na 1 1700000000000\n"
    assert gauges.body == b"# TYPE b gauge\nb 2 1700000000000\nc 3 1700000000000\n"
    assert (counters.samples, gauges.samples) == (1, 2)
    assert (counters.created, gauges.created) == (NOW, NOW)


def test_families_stay_whole_where_they_fit():
    parcels = split([m for name in "abcdef" for m in counter_family(name, 3)], max_size=500)
    assert len(parcels) > 1
    owners = [set(types(parcel.body.decode())) for parcel in parcels]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 6


def test_a_large_family_repeats_its_help_and_type():
    parcels = split(counter_family("a", 200), max_size=1000)
    assert len(parcels) > 5
    for parcel in parcels:
        assert parcel.body.startswith(b"# HELP a Help.\n# TYPE a counter\na{")


def test_messages_are_filled():
    parcels = split(counter_family("a", 5_000, value=1.25, width=100), max_size=100_000)
    assert all(len(parcel.body) > 70_000 for parcel in parcels[:-1])


def test_five_thousand_metrics_in_large_lines_are_complete():
    metrics = [
        Metric(f"m{i}", i, {"task": "t" * 100}, "counter", "x" * 60, timestamp=NOW)
        for i in range(5000)
    ]
    parcels = split(metrics, max_size=100_000)
    assert_complete(parcels, encode(metrics))
    assert sum(parcel.samples for parcel in parcels) == 5000


def test_whole_numbers_of_hundreds_of_digits_do_not_break_the_bound():
    metrics = counter_family("a", 40, value=10**300)
    parcels = split(metrics, max_size=2_000)
    assert_complete(parcels, encode(metrics))
    assert all(len(parcel.body) <= 2_000 for parcel in parcels)


def test_a_bound_that_is_made_smaller_makes_smaller_messages():
    messages, encoder = Messages(900_000), Encoder(timestamps=True)
    metrics = counter_family("a", 200)
    assert len(messages.split(encoder.encode(metrics, NOW), NOW)) == 1
    messages.max_size = 1_000
    found = messages.split(encoder.encode(metrics, NOW), NOW)
    assert bodies(found) == bodies(split(metrics, 1_000))
    assert len(found) > 5


def test_a_batch_in_columns_is_split_like_its_metrics():
    block = tuple(Series(f"m{i}", {"k": "v"}, "counter" if i % 2 else "gauge") for i in range(50))
    batch = Batch(NOW)
    batch.add(block, range(50))
    assert split(batch, 300) == split(list(batch), 300)
