"""The hash of a configuration: the same for what means the same, another for any other field."""

import enum
from typing import Annotated, TypedDict

import pytest

from wca.config.types import Duration, Secret
from wca.runners import Runner


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Auth(TypedDict, total=False):
    name: str
    password: Annotated[str, Secret()]


class Part:
    def __init__(self, name: str = "", size: float = 1):
        pass


class Whole(Runner):
    def __init__(
        self,
        interval: Annotated[float, Duration(0.01, 60)] = 1.0,
        colour: Colour = Colour.RED,
        labels: dict[str, str] | None = None,
        parts: list[Part] | None = None,
        other: Part | None = None,
        token: Annotated[str, Secret()] | None = None,
        auth: Auth | None = None,
        url: str = "",
    ):
        pass

    def run(self):
        pass


@pytest.fixture
def hash_of(load):
    """hash_of(fields, **environ): of a configuration whose runner has these fields."""

    def hash_of(fields, **environ):
        text = f"runner: !Whole\n  {fields}\n" if fields else "runner: !Whole\n"
        return load(text, Whole, Part, environ=environ).fingerprint()

    return hash_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("interval: 2s", "interval: 2000ms  # slow"),
        ("interval: 2s", "interval: 2.0"),
        ("", "interval: 1s"),
        ("", "colour: red"),
        ("", "labels: null"),
        ("labels: {a: x, b: y}", "labels: {b: y, a: x}"),
        ("parts: [!Part {name: a, size: 2}]", "parts: [!Part {size: 2.0, name: a}]"),
        ("parts: [!Part {name: a}]", "parts: [!Part {name: a, size: 1}]"),
    ],
)
def test_what_means_the_same_has_the_same_hash(hash_of, one, other):
    assert hash_of(one) == hash_of(other)


DIFFERENT = [
    "interval: 2s",
    "colour: blue",
    "labels: {a: x}",
    "labels: {a: y}",
    "parts: []",
    "parts: [!Part {}]",
    "parts: [!Part {}, !Part {}]",
    "parts: [!Part {name: a}]",
    "other: !Part {}",
    "token: abcdef",
    "auth: {name: me}",
    "auth: {name: me, password: abcdef}",
    f"url: {'x' * 5000}a",
    f"url: {'x' * 5000}b",
    "url: !Env ONE",
    "url: !Env TWO",
]


def test_every_field_changes_the_hash(hash_of):
    hashes = [hash_of(fields, ONE="same", TWO="same") for fields in ("", *DIFFERENT)]
    assert len(set(hashes)) == len(hashes)


def test_one_component_in_two_fields_is_not_the_same_as_two_alike(hash_of):
    shared = "parts: [&a !Part {}]\n  other: *a"
    assert hash_of(shared) != hash_of("parts: [!Part {}]\n  other: !Part {}")


def test_of_secrets_only_their_presence_counts(hash_of):
    assert hash_of("token: abcdef") == hash_of("token: uvwxyz")
    assert hash_of("token: abcdef") != hash_of("")
    one, other = (f"auth: {{name: me, password: {word}}}" for word in ("abcdef", "uvwxyz"))
    assert hash_of(one) == hash_of(other)
    assert hash_of("url: http://me:abcdef@h/") == hash_of("url: http://me:uvwxyz@h/")


def test_values_of_the_environment_are_not_in_it(hash_of):
    assert hash_of("url: !Env HERE", HERE="abcdef") == hash_of("url: !Env HERE", HERE="uvwxyz")


def test_levels_of_loggers_are_part_of_it(load):
    one, other = (
        load(f"runner: !Whole {{}}\nloggers: {{wca: {level}}}\n", Whole).fingerprint()
        for level in ("info", "debug")
    )
    assert one != other


def test_it_is_short_enough_for_a_label(hash_of):
    assert len(hash_of("")) == 16
    assert set(hash_of("")) <= set("0123456789abcdef")
