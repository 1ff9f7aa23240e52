"""An encoder that is kept writes what a new one would write, with less work."""

import copy
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.encoding_strategies import label_values, numbers, odd, times
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding import Encoder
from wca.storage.encoding.prometheus import in_one_piece


class CountedLabels(dict):
    """A mapping that counts how often it is read."""

    reads = 0

    def items(self):
        self.reads += 1
        return super().items()


@st.composite
def sequences(draw):
    """Batches as a loop makes them: mostly the same series, with the same label mappings."""
    pool = draw(st.lists(odd, min_size=1, max_size=6))
    batches = []
    for _ in range(draw(st.integers(2, 5))):
        change = draw(st.sampled_from(["values", "series", "equal labels"]))
        if change == "series":
            pool = draw(st.permutations(pool))[: draw(st.integers(0, len(pool)))] + draw(
                st.lists(odd, max_size=2)
            )
        if change == "equal labels":
            pool = [copy.deepcopy(metric) for metric in pool]
        plain = draw(st.booleans())  # plain values take the fastest way
        batches.append([changed(draw, metric, plain=plain) for metric in pool])
    return batches


def changed(draw, metric, *, plain):
    return Metric(
        metric.name,
        draw(st.integers(0, 9) | st.floats(0, 1)) if plain else draw(numbers),
        metric.labels,
        metric.type,
        metric.help,
        timestamp=5.0 if plain else draw(times),
    )


@given(sequences(), st.booleans(), st.sampled_from([None, [], ["a", "b"]]))
def test_a_kept_encoder_writes_what_a_new_one_writes(batches, timestamps, only_labels):
    kept = Encoder(timestamps=timestamps, only_labels=only_labels)
    for batch in batches:
        fresh = Encoder(timestamps=timestamps, only_labels=only_labels)
        assert kept.encode(batch, now=1.5) == fresh.encode(batch, now=1.5)


@st.composite
def batches_of_blocks(draw):
    """Batches in columns: blocks that stay, come and go, as tasks do; some as plain lists."""
    blocks = draw(st.lists(st.lists(series, max_size=4).map(tuple), min_size=1, max_size=4))
    sequence = []
    for _ in range(draw(st.integers(2, 5))):
        batch = Batch(draw(st.sampled_from([5.0, 6.5, math.nan])))
        for block in draw(st.permutations(blocks))[: draw(st.integers(0, len(blocks)))]:
            number = draw(
                st.sampled_from([st.integers(0, 9) | st.floats(0, 1), numbers, any_value])
            )
            batch.add(block, draw(st.lists(number, min_size=len(block), max_size=len(block))))
        sequence.append(list(batch) if draw(st.integers(0, 4)) == 0 else batch)
    return sequence


series = odd.map(lambda metric: Series(metric.name, metric.labels, metric.type, metric.help))
any_value = numbers | st.sampled_from([None, "1", 10**400, -(10**400), math.inf, -math.inf])


@given(batches_of_blocks(), st.booleans())
def test_a_batch_in_columns_is_written_as_the_list_of_its_metrics(batches, timestamps):
    kept = Encoder(timestamps=timestamps)
    for batch in batches:
        expected = Encoder(timestamps=timestamps).encode(list(batch), now=1.5)
        encoded = kept.encode(batch, now=1.5)
        assert encoded.text == expected.text
        assert [(id(one.metric), one.reason) for one in encoded.rejected] == [
            (id(one.metric), one.reason) for one in expected.rejected
        ]


def test_the_series_of_a_batch_in_columns_are_looked_at_once():
    labels = CountedLabels(task="t")
    block = (Series("a", labels), Series("b", labels))
    encoder = Encoder()
    for value in range(5):
        batch = Batch(1.0)
        batch.add(block, [value, value])
        assert encoder.encode(batch).text == f'a{{task="t"}} {value}\nb{{task="t"}} {value}\n'
    assert labels.reads == 1


def test_a_batch_that_has_grown_since_it_was_encoded_is_written_whole():
    encoder, batch = Encoder(), Batch(1.0)
    for name in ("a", "b"):
        batch.add((Series(name, {}),), [1])
        text = encoder.encode(batch).text
    assert text == "a 1\nb 1\n"


@pytest.mark.parametrize("lines", [0, 1, 255, 256, 257, 600])
def test_a_long_text_comes_in_chunks_of_whole_lines(lines):
    metrics = [Metric("a", value, {"i": str(value), "x": "é"}) for value in range(lines)]
    chunks = list(Encoder().encode(metrics).chunks())
    expected = "".join(f'a{{i="{value}",x="é"}} {value}\n' for value in range(lines))
    assert b"".join(chunks).decode() == expected
    assert all(chunk.endswith(b"\n") for chunk in chunks)


@given(st.lists(label_values, min_size=2, max_size=20))
def test_labels_made_anew_for_every_batch_are_never_mixed_up(values):
    # Each mapping may get the address of the one before, which is gone by then.
    kept = Encoder()
    for value in values:
        batch = [Metric("a", 1, {"x": value})]
        assert kept.encode(batch) == Encoder().encode(batch)


def test_labels_are_read_once_while_the_series_stay():
    labels = CountedLabels(task="t")
    encoder = Encoder()
    for value in range(5):
        batch = [Metric(name, value, labels) for name in ("a", "b")]
        assert encoder.encode(batch).text == f'a{{task="t"}} {value}\nb{{task="t"}} {value}\n'
    assert labels.reads == 1


def test_labels_are_not_read_again_when_another_series_appears():
    labels = CountedLabels(task="t")
    encoder = Encoder()
    encoder.encode([Metric("a", 1, labels)])
    assert encoder.encode([Metric("a", 2, labels), Metric("b", 1)]).text == 'a{task="t"} 2\nb 1\n'
    assert labels.reads == 1


def test_labels_of_a_task_that_went_are_let_go():
    labels = CountedLabels(task="t")
    encoder = Encoder()
    encoder.encode([Metric("a", 1, labels)])
    encoder.encode([])
    encoder.encode([Metric("a", 1, labels)])
    assert labels.reads == 2


def test_a_gone_series_leaves_the_next_text():
    encoder = Encoder()
    encoder.encode([Metric("a", 1), Metric("b", 1)])
    assert encoder.encode([Metric("b", 2)]).text == "b 2\n"


def test_a_rejected_series_is_reported_for_every_batch():
    encoder = Encoder()
    for _ in range(3):
        assert len(encoder.encode([Metric("bad-name", 1), Metric("a", 1)]).rejected) == 1


def test_a_text_in_one_piece_is_not_held_twice():
    tracemalloc.start()
    try:
        text = in_one_piece(bytes([letter]) * 100_000 for letter in range(100))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(text) == 10_000_000
    assert most < 1.5 * len(text)
