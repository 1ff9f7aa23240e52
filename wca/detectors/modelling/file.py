"""The file of a model: JSON, with a version, and nothing in it that is not known."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from wca.detectors.interfering.judged import JUDGED
from wca.detectors.interfering.norms import WIDTH
from wca.detectors.modelling.model import (
    BY_FENCE,
    BY_LABELS,
    Learned,
    Load,
    Model,
    Parameters,
    Span,
)
from wca.detectors.modelling.parts import Part, parse
from wca.errors import ValidationError

__all__ = ["encode_model", "parse_model", "read_model"]

#: Of the format; and what says that a file is one.
_VERSION, _KIND = 1, "wca model"
_MOST_BYTES = 64 << 20
#: Places of loads between a millionth and a million of whatever.
_PLACES = range(-100, 101)
_NUMBERS: Mapping[str, int] = {one.name: place for place, one in enumerate(JUDGED)}


def read_model(path: str) -> Model:
    """The model in a file.

    Raises:
        ValidationError: it cannot be read, or is none that can be used; says where and what.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                raise ValidationError(f"{path}: is no model, or larger than {_MOST_BYTES} bytes")
            data = file.read()
    except OSError as error:
        raise ValidationError(
            f"{path}: the model cannot be read: {error.strerror}; `wca train` writes one"
        ) from None
    try:
        return parse_model(data)
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from None


def encode_model(model: Model) -> bytes:
    """The content of the file; the same for the same model."""
    applications = {
        name: {str(place): _encoded(load) for place, load in sorted(loads.items())}
        for name, loads in sorted(model.applications.items())
    }
    document = {
        "kind": _KIND,
        "version": _VERSION,
        "wca": model.wca,
        "load_width": WIDTH,
        "recordings": [asdict(one) for one in model.recordings],
        "episodes": model.episodes,
        "parameters": asdict(model.parameters),
        "applications": applications,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def parse_model(data: bytes) -> Model:
    """The model that ``encode_model`` gave. Raises ValidationError; says where and what."""
    document = parse(data)
    known = dict(document.entries())
    if "kind" not in known or known["kind"].text() != _KIND or "version" not in known:
        raise ValidationError("is no model of wca, `wca train` writes one")
    version = known["version"].count(1)
    if version != _VERSION:
        raise ValidationError(
            f"is a model of version {version}, this wca reads {_VERSION}: train it again"
        )
    found = document.fields(
        *("kind", "version", "wca", "load_width", "recordings", "episodes", "parameters"),
        "applications",
    )
    found["load_width"].number(WIDTH, WIDTH)
    episodes = found["episodes"]
    return Model(
        found["wca"].text(),
        [_span(one) for one in found["recordings"].items()],
        None if episodes.is_null else episodes.count(),
        _parameters(found["parameters"]),
        _applications(found["applications"]),
    )


def _encoded(load: Load) -> dict[str, Any]:
    numbers = {JUDGED[place].name: asdict(one) for place, one in sorted(load.numbers.items())}
    return {"samples": load.samples, "numbers": numbers}


def _span(part: Part) -> Span:
    found = part.fields(*_names(Span))
    begin = found["begin"].number(-1e15, 1e15)
    return Span(begin, found["end"].number(-1e15, 1e15), found["intervals"].count(1))


def _parameters(part: Part) -> Parameters:
    found = part.fields(*_names(Parameters))
    return Parameters(
        found["application_label"].text(),
        found["min_cpu"].number(),
        found["samples"].count(1),
        found["components"].count(1),
        found["span"].number(),
        found["budget"].number(0, 1),
        found["share"].number(),
    )


def _applications(part: Part) -> dict[str, dict[int, Load]]:
    found = {name: _loads(one) for name, one in part.entries()}
    if not found:
        raise part.refuse("one application at least")
    return found


def _loads(part: Part) -> dict[int, Load]:
    found = {}
    for name, one in part.entries():
        place = int(name) if name.removeprefix("-").isdecimal() and len(name) < 5 else None
        if place not in _PLACES or str(place) != name:
            raise one.refuse(f"loads from {_PLACES[0]} to {_PLACES[-1]}, not {name[:80]!r},")
        load = one.fields(*_names(Load))
        found[int(name)] = Load(load["samples"].count(1), _numbers(load["numbers"]))
    if not found:
        raise part.refuse("one load at least")
    return found


def _numbers(part: Part) -> dict[int, Learned]:
    found = {}
    for name, one in part.entries():
        if name not in _NUMBERS:
            raise one.refuse(f"one of the numbers {', '.join(_NUMBERS)}, not {name[:80]!r},")
        found[_NUMBERS[name]] = _learned(one)
    if not found:
        raise part.refuse("one number at least")
    return found


def _learned(part: Part) -> Learned:
    found = part.fields(*_names(Learned))
    median, score = found["median"].number(), found["score"]
    components = tuple(one.numbers(3) for one in found["components"].items())
    if not components:
        raise found["components"].refuse("one component at least")
    return Learned(
        median,
        found["limit"].number(median),
        found["samples"].count(1),
        found["by"].text(BY_FENCE, BY_LABELS),
        components,
        found["disturbed"].count(),
        None if score.is_null else score.number(0, 1),
    )


def _names(kind: type) -> list[str]:
    return [one.name for one in fields(kind)]
