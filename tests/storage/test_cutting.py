"""Messages cut into pieces: nothing lost, nothing twice, each piece valid and below the bound."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.encoding_strategies import good, helps, labels, names, numbers
from tests.storage.test_messages import assert_complete
from wca.metrics import Metric
from wca.storage.delivery import Parcel
from wca.storage.encoding import Encoder
from wca.storage.encoding.cutting import SizeLimit, cut_json, cut_text
from wca.storage.encoding.documents import SeriesDocuments

NOW = 1_700_000_000.0
batches = st.lists(
    good
    | st.builds(Metric, names, numbers, labels, st.just("counter"), helps)
    | st.builds(Metric, st.sampled_from("ab"), numbers, labels, st.none()),
    max_size=30,
)
sizes = st.integers(1, 600) | st.just(900_000)


@settings(deadline=None)
@given(batches, sizes)
def test_every_series_of_a_text_is_in_one_piece_which_is_valid_by_itself(metrics, max_size):
    encoded = Encoder(timestamps=True).encode(metrics, NOW)
    pieces = cut_text(encoded.text.encode(), max_size)
    assert_complete([Parcel(*piece, NOW) for piece in pieces], encoded)
    for piece in pieces:
        assert len(piece.body) <= max_size or piece.samples == 1


@settings(deadline=None)
@given(batches)
def test_what_fits_is_one_piece(metrics):
    text = Encoder(timestamps=True).encode(metrics, NOW).text.encode()
    assert len(cut_text(text, len(text) + 100)) == bool(text)


@settings(deadline=None)
@given(batches, sizes)
def test_every_element_of_a_list_is_in_one_piece(metrics, max_size):
    encoding = SeriesDocuments(10**9).encode(metrics, NOW)
    for parcel in encoding.parcels:
        pieces = cut_json(parcel.body, max_size)
        found = [element for piece in pieces for element in json.loads(piece.body)]
        assert found == json.loads(parcel.body)
        assert [piece.samples for piece in pieces] == [len(json.loads(p.body)) for p in pieces]
        for piece in pieces:
            assert len(piece.body) <= max_size or piece.samples == 1
        assert [piece.body for piece in cut_json(parcel.body, 10**9)] == [parcel.body]


def test_help_and_type_are_repeated_for_their_family_only():
    text = b'# HELP a A.\n# TYPE a counter\na{i="1"} 1\na{i="2"} 2\nb 3\n\n# TYPE c gauge\nc 4\n'
    assert cut_text(text, 1) == [
        (b'# HELP a A.\n# TYPE a counter\na{i="1"} 1\n', 1),
        (b'# HELP a A.\n# TYPE a counter\na{i="2"} 2\n', 1),
        (b"b 3\n", 1),
        (b"# TYPE c gauge\nc 4\n", 1),
    ]
    assert cut_text(text, 10**6) == [(text, 4)]


@pytest.mark.parametrize("cut", [cut_text, cut_json])
def test_of_nothing_there_are_no_pieces(cut):
    assert cut(b"", 5) == []
    assert cut_json(b"[]", 5) == []


def test_a_limit_is_only_made_smaller():
    limit = SizeLimit(100)
    limit.lower(500)
    assert limit.most == 100
    limit.lower(0)
    assert limit.most == 1


def test_documents_become_smaller_and_a_long_element_is_one_by_itself():
    documents = SeriesDocuments(1_000_000)
    batch = [Metric("a", i, {"i": "x" * (200 if i == 3 else 1)}) for i in range(8)]
    documents.max_size = 150
    encoding = documents.encode(batch, NOW)
    assert encoding.rejected == []
    found = [element for parcel in encoding.parcels for element in json.loads(parcel.body)]
    assert [element["value"] for element in found] == list(range(8))
    assert [len(one.body) > 150 for one in encoding.parcels].count(True) == 1
