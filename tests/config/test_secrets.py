# ruff: noqa: UP006, UP035, UP045 - plugins write annotations in all of these ways
"""Secret parameters are masked wherever a value could be shown."""

from typing import Annotated, Dict, Optional, Required, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.secrets import hidden_texts, scrub
from wca.config.types import Path, Secret, Str
from wca.errors import ValidationError


class Client:
    def __init__(
        self,
        user: str = "u",
        password: Annotated[Optional[str], Str(10), Secret()] = None,
        tokens: Optional[Dict[str, Secret]] = None,
        key: Annotated[Optional[str], Path(absolute=True, mode=4), Secret()] = None,
    ):
        if user == "bad":
            raise ValidationError(f"{user} cannot log in with {password} or {tokens}")
        self.password, self.tokens = password, tokens

    def run(self):
        return 0


def test_the_tree_masks_secrets(load):
    loaded = load("runner: !Client {user: a, password: hunter2, tokens: {b: hunter3}}", Client)
    assert loaded.runner.password == "hunter2"
    assert loaded.runner.tokens == {"b": "hunter3"}
    assert loaded.tree == "runner: !Client\n  user: a\n  password: ***\n  tokens: ***"


@pytest.mark.parametrize(
    "fields",
    [
        "password: hunter2hunter2",
        "password: [hunter2]",
        "tokens: {a: {b: hunter2}}",
        "tokens: hunter2",
        "key: hunter2",
        "key: /hunter2",
        "user: bad, password: hunter2",
        "user: bad, tokens: {a: hunter2}",
        "user: bad, password: hu",
    ],
)
def test_no_problem_shows_a_secret(only_problem, fields):
    assert "hu" not in only_problem(f"runner: !Client {{{fields}}}", Client, here=True)


def test_a_remark_about_the_machine_does_not_show_a_secret(load):
    loaded = load("runner: !Client {key: /hunter2}", Client)
    assert loaded.not_checked == ("c.yaml:1:23: runner.key: must be readable",)


def test_a_refused_secret_still_says_what_is_accepted(only_problem):
    message = only_problem("runner: !Client {password: hunter2hunter2}", Client)
    assert message.endswith(
        "expected text of at most 10 characters; the value is secret and not shown"
    )


class Login(TypedDict, total=False):
    user: Required[str]
    password: Required[Annotated[str, Secret()]]


class Server:
    def __init__(self, login: Optional[Login] = None):
        if login and login["user"] == "bad":
            raise ValidationError(f"{login} is no login")
        self.login = login

    def run(self):
        return 0


def test_the_tree_masks_the_secret_fields_of_a_mapping_and_no_other(load):
    loaded = load("runner: !Server {login: {user: a, password: hunter2}}", Server)
    assert loaded.runner.login == {"user": "a", "password": "hunter2"}
    assert loaded.tree == "runner: !Server\n  login:\n    user: a\n    password: ***"


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("{user: 5, password: hunter2}", "expected text, got the number 5"),
        ("{user: a, passwort: hunter2, password: x}", "did you mean password?"),
        ("{user: a, password: [hunter2]}", "expected text; the value is secret and not shown"),
        ("hunter2", "a mapping with user, password or nothing (null); the value is secret"),
        ("{user: bad, password: hunter2}", "{'user': 'bad', 'password': '***'} is no login"),
    ],
)
def test_no_problem_shows_the_secret_field_of_a_mapping(only_problem, login, said):
    message = only_problem(f"runner: !Server {{login: {login}}}", Server)
    assert "hu" not in message
    assert said in message


def test_a_secret_whose_annotation_cannot_be_resolved_stays_secret(load):
    class Loose:
        def __init__(self, token: "Annotated[Absent, Secret()]", **others: Secret):  # noqa: F821
            pass

        def run(self):
            return 0

    tree = load("runner: !Loose {token: hunter2, other: hunter3}", Loose).tree
    assert tree == "runner: !Loose\n  token: ***\n  other: ***"


def test_a_password_inside_an_address_is_masked(load, only_problem):
    class Web:
        def __init__(self, url: str, n: int = 0):
            self.url = url

        def run(self):
            return 0

    assert "hunter2" not in load("runner: !Web {url: 'http://u:hunter2@host/'}", Web).tree
    assert "hunter2" not in load("runner: !Web {url: !Env 'http://u:hunter2@${A:-host}'}", Web).tree
    assert "hunter2" not in only_problem("runner: !Web {url: a, n: 'http://u:hunter2@host/'}", Web)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_scrubbed_message_holds_no_hidden_text_of_some_length(secret, before, after):
    message = scrub(before + secret + after, {secret})
    if len(secret) >= 4 and secret not in "***":
        assert secret not in message.replace("***", "\0") or secret in before + "***" + after
    else:
        assert (
            secret not in message
            or secret in "the value is refused (neither it nor the reason is shown)***"
        )


def test_hidden_texts_are_found_once_in_a_value_that_holds_itself():
    loop = ["abcd"]
    loop.append(loop)
    assert hidden_texts([loop, {"k": 5}], every=True) == {"abcd", "5"}
    assert hidden_texts([loop]) == set()
