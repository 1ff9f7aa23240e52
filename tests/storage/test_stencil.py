"""A text with gaps, filled in, is the text that its pieces make."""

from hypothesis import given
from hypothesis import strategies as st

from tests.storage.encoding_strategies import label_values
from wca.metrics import Metric
from wca.storage.encoding import Encoder
from wca.storage.encoding.stencil import Stencil

finite = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.tuples(label_values, label_values, finite), max_size=300),
    st.sampled_from([None, 5.0]),
)
def test_a_whole_text_is_the_text_of_its_parts(rows, now):
    metrics = [
        Metric("a", value, {"i": str(i), "x": text}, "gauge", help_)
        for i, (text, help_, value) in enumerate(rows)
    ]
    encoder = Encoder(timestamps=now is not None)
    for _ in range(2):  # the second time from what was kept
        encoded = encoder.encode(metrics, now)
        half = len(encoded.heads) // 2
        parts = [*encoded.chunks(0, half), *encoded.chunks(half)]
        assert b"".join(encoded.chunks()) == b"".join(parts)


def test_percent_signs_and_odd_letters_stay_what_they_are():
    stencil = Stencil(['a{x="%a%%é"} ', "b "])
    assert b"".join(stencil.fill([1, -0.5], "\n")).decode() == 'a{x="%a%%é"} 1\nb -0.5\n'


def test_a_text_with_times_and_one_without_come_from_the_same_lines():
    stencil = Stencil(["a ", "b "])
    for ending in ("\n", " 5\n", " 6\n", "\n"):
        assert b"".join(stencil.fill((1, 2), ending)).decode() == f"a 1{ending}b 2{ending}"


def test_no_lines_are_no_text():
    assert list(Stencil([]).fill([], "\n")) == []
