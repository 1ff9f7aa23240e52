"""The file of a model: what is wrong in it is said with its place, and never passes."""

import copy
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.detectors.interfering.judged import JUDGED
from wca.detectors.modelling.file import encode_model, parse_model, read_model
from wca.detectors.modelling.model import Learned, Load, Model, Parameters, Span
from wca.errors import ValidationError

PSI = JUDGED[0].name
LIMIT = Learned(0.1, 0.25, 300, "fence", ((0.75, 0.1, 0.02), (0.25, 0.2, 0.01)))
MODEL = Model(
    "0.1.0",
    [Span(1.5e9, 1.5e9 + 300, 300)],
    None,
    Parameters("application", 0.05, 60, 4, 3.0, 0.05, 0.2),
    {"web": {-2: Load(300, {0: LIMIT})}},
)
DOCUMENT = json.loads(encode_model(MODEL))
#: Names from the document down to a limit.
LOAD = ("applications", "web", "-2")
PLACE = (*LOAD, "numbers", PSI)


def changed(path, value):
    """The document with something else at a place."""
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return document


def problem(document):
    with pytest.raises(ValidationError) as caught:
        parse_model(json.dumps(document).encode())
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


finite = st.floats(0, 1e30)
learned = st.builds(
    lambda median, more, components, **rest: Learned(
        median, min(median + more, 1e30), components=components, **rest
    ),
    finite,
    finite,
    st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=4).map(tuple),
    samples=st.integers(1, 1 << 53),
    by=st.sampled_from(["fence", "labels"]),
    disturbed=st.integers(0, 1 << 53),
    score=st.none() | st.floats(0, 1),
)
loads = st.dictionaries(
    st.integers(-100, 100),
    st.builds(
        Load,
        st.integers(1, 1 << 53),
        st.dictionaries(st.integers(0, len(JUDGED) - 1), learned, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@given(st.dictionaries(st.text(max_size=5), loads, min_size=1, max_size=3))
@settings(deadline=None)
def test_a_model_comes_back_as_it_was_written(applications):
    model = Model("1", MODEL.recordings, 3, MODEL.parameters, applications)
    assert parse_model(encode_model(model)) == model
    assert encode_model(parse_model(encode_model(model))) == encode_model(model)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 2, "is a model of version 2, this wca reads 1"),
        (("version",), "1", "version: expected a number"),
        (("version",), True, "version: expected a number"),
        (("kind",), "a recording", "is no model of wca, `wca train` writes one"),
        (("load_width",), 2.0, "load_width: expected a number between 1.5 and 1.5"),
        (("applications",), {}, "applications: expected one application at least"),
        (("applications",), [], "applications: expected an object"),
        (("applications", "web"), {}, "applications.web: expected one load at least"),
        (("applications", "web"), {"x": {}}, "not 'x'"),
        (("applications", "web"), {"01": {}}, "not '01'"),
        (("applications", "web"), {"101": {}}, "loads from -100 to 100, not '101'"),
        ((*LOAD, "numbers"), {}, "numbers: expected one number at least"),
        ((*LOAD, "numbers", "luck"), {}, "not 'luck'"),
        ((*LOAD, "more"), 1, 'applications.web."-2".more: is not known'),
        ((*PLACE, "limit"), 0.05, "limit: expected a number between 0.1 and"),
        ((*PLACE, "limit"), "0.3", "limit: expected a number"),
        ((*PLACE, "limit"), None, "limit: expected a number"),
        ((*PLACE, "limit"), 1e31, "limit: expected a number"),
        ((*PLACE, "median"), -1, "median: expected a number between 0 and"),
        ((*PLACE, "samples"), 1.5, "samples: expected a whole number"),
        ((*PLACE, "samples"), 0, "samples: expected a number"),
        ((*PLACE, "by"), "guess", "by: expected fence or labels"),
        ((*PLACE, "score"), 2, "score: expected a number between 0 and 1"),
        ((*PLACE, "components"), [[1, 2]], "components[0]: expected 3 numbers"),
        ((*PLACE, "components"), [], "components: expected one component at least"),
        (("parameters", "application_label"), "", "application_label: expected text"),
        (("parameters", "budget"), 1.5, "budget: expected a number between 0 and 1"),
        (("recordings",), {}, "recordings: expected a list"),
        (("recordings",), [{"begin": 1}], "recordings[0].end: is missing"),
        (("episodes",), -1, "episodes: expected a number"),
        (("wca",), 1, "wca: expected text"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path, value, said):
    assert said in problem(changed(path, value))


def _places(value, path=()):
    yield path
    if isinstance(value, (dict, list)):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(one, (*path, name))


#: Every place in the document, by the names that lead there.
PLACES = sorted((path for path in _places(DOCUMENT) if path), key=repr)


@given(
    st.sampled_from(PLACES),
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3) | st.integers(-2, 2) | st.floats(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
        max_leaves=4,
    ),
)
@settings(deadline=None)
def test_a_model_edited_by_hand_is_sound_or_refused(path, value):
    try:
        model = parse_model(json.dumps(changed(path, value)).encode())
    except ValidationError:
        return
    limits = [
        one
        for of_application in model.applications.values()
        for load in of_application.values()
        for one in load.numbers.values()
    ]
    assert limits
    assert all(0 <= one.median <= one.limit <= 1e30 for one in limits)
    assert parse_model(encode_model(model)) == model


@given(st.sampled_from([path for path in PLACES if isinstance(path[-1], str)]))
@settings(deadline=None)
def test_what_is_missing_is_refused(path):
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    assert problem(document)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "expected an object"),
        (b"{}", "is no model of wca"),
        (b'{"kind": "wca model", "kind": "wca model"}', '"kind" is in one object twice'),
        (b'{"kind": NaN}', "NaN is no number of JSON"),
        (encode_model(MODEL)[:-20], "is no JSON"),
    ],
)
def test_what_is_no_model_is_refused(data, said):
    with pytest.raises(ValidationError) as caught:
        parse_model(data)
    assert said in str(caught.value)


@given(st.integers(0, len(encode_model(MODEL)) - 3))
@settings(deadline=None)
def test_a_model_that_was_cut_is_refused(end):
    with pytest.raises(ValidationError):
        parse_model(encode_model(MODEL)[:end])


def test_a_file_that_cannot_be_read_is_said_with_its_name(tmp_path):
    path = tmp_path / "model.json"
    with pytest.raises(
        ValidationError, match=r"model.json: the model cannot be read: No such file"
    ):
        read_model(str(path))
    with pytest.raises(ValidationError, match=r"model"):
        read_model(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValidationError, match=r"pipe: is no model"):
        read_model(str(tmp_path / "pipe"))
    path.write_text(json.dumps(changed(("version",), 9)))
    with pytest.raises(ValidationError, match=r"model.json: is a model of version 9"):
        read_model(str(path))
    path.write_bytes(encode_model(MODEL))
    assert read_model(str(path)) == MODEL
