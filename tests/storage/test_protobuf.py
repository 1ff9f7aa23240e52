"""Our few lines of protobuf against Google's library."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.proto import messages
from wca.storage.encoding.protobuf.wire import (
    block,
    double,
    fields,
    fixed64,
    key,
    number,
    text,
    varint,
)

PROMETHEUS = messages("types.proto", "remote.proto")
SAMPLE = PROMETHEUS["prometheus.Sample"]
LABEL = PROMETHEUS["prometheus.Label"]
METADATA = PROMETHEUS["prometheus.MetricMetadata"]
CHUNK = PROMETHEUS["prometheus.Chunk"]

int64s = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=300)


@given(st.floats(allow_nan=False), int64s)
def test_numbers_are_written_as_the_library_reads_them(value, time):
    message = SAMPLE.FromString(double(1, value) + number(2, time))
    assert (message.value, message.timestamp) == (value, time)


@given(texts, texts)
def test_texts_and_messages_are_written_as_the_library_reads_them(name, value):
    label = text(1, name) + text(2, value)
    series = PROMETHEUS["prometheus.TimeSeries"].FromString(block(1, label) + block(1, label))
    assert [(one.name, one.value) for one in series.labels] == [(name, value)] * 2


@given(st.integers(0, 3), texts, texts, texts)
def test_what_the_library_writes_is_written_here_byte_by_byte(type_, name, help_, unit):
    ours = [
        number(1, type_) if type_ else b"",
        *(text(field, one) for field, one in ((2, name), (4, help_), (5, unit)) if one),
    ]
    message = METADATA(type=type_, metric_family_name=name, help=help_, unit=unit)
    assert b"".join(ours) == message.SerializeToString()


@given(st.integers(0, 2**62), st.binary(max_size=300))
def test_fields_are_read_as_the_library_writes_them(time, data):
    chunk = CHUNK(min_time_ms=time, type=1, data=data)
    found = dict(fields(chunk.SerializeToString()))
    assert (found.get(1, 0), found[3], found.get(4, b"")) == (time, 1, data)


@given(st.lists(st.tuples(st.integers(1, 2**20), st.integers(0, 2**64 - 1) | st.binary())))
def test_what_is_written_is_read_again(pairs):
    message = b"".join(
        number(field, value) if isinstance(value, int) else block(field, value)
        for field, value in pairs
    )
    assert list(fields(message)) == pairs


def test_eight_and_four_bytes_are_read_as_bytes():
    assert list(fields(fixed64(3, 5) + key(4, 5) + b"abcd")) == [
        (3, b"\5\0\0\0\0\0\0\0"),
        (4, b"abcd"),
    ]


@given(st.binary(max_size=40))
def test_of_anything_else_nothing_but_a_value_error_comes(data):
    try:
        list(fields(data))
    except ValueError:
        return


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_message_that_is_cut_off_is_none(cut):
    message = text(1, "abcdef")[:cut]
    with pytest.raises(ValueError, match="ends within"):
        list(fields(message))
    with pytest.raises(DecodeError):
        LABEL.FromString(message)


def test_a_text_that_utf8_cannot_say_is_written_nevertheless():
    assert LABEL.FromString(text(1, "a\ud800b")).name == "a?b"


@given(int64s)
def test_a_number_is_at_most_ten_bytes_long(value):
    assert len(varint(value)) <= 10
