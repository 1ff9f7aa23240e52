"""Amounts as Kubernetes writes them."""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.nodes.kubernetes_client.quantities import parse_quantity, to_number

SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(1000),
    "M": Fraction(1000**2),
    "G": Fraction(1000**3),
    "T": Fraction(1000**4),
    "P": Fraction(1000**5),
    "E": Fraction(1000**6),
    "Ki": Fraction(1024),
    "Mi": Fraction(1024**2),
    "Gi": Fraction(1024**3),
    "Ti": Fraction(1024**4),
    "Pi": Fraction(1024**5),
    "Ei": Fraction(1024**6),
}
MOST = 2**63 - 1
BILLION = 10**9
DIGITS = st.text("0123456789", min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("250m", 0.25),
        ("64Mi", 67108864),
        ("1.5", 1.5),
        ("1.5Gi", 1610612736),
        ("+1", 1),
        ("-1k", -1000),
        ("5.", 5),
        (".5", 0.5),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("12e-1", 1.2),
        ("128974848", 128974848),
        ("129e6", 129000000),
        ("129M", 129000000),
        ("123Mi", 128974848),
        ("100n", 1e-7),
        ("0.1n", 1e-9),
        ("-0.1n", -1e-9),
        ("1e-999999999", 1e-9),
        ("1e999999999", MOST),
        ("-9Ei", -MOST),
        ("0e999999999", 0),
        ("0.00000000001Ei", 11529215.046068470),
        ("9223372036854775807", MOST),
        ("9223372036854775806", MOST - 1),
    ],
)
def test_an_amount(text, number):
    assert to_number(parse_quantity(text)) == number


@pytest.mark.parametrize(
    "text",
    ["", "m", "1 Mi", "1mi", "1KI", "1Kii", "1e", "1e1.5", "1e5m", "--1", "1.2.3", "0x10", "."],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValidationError, match="is no quantity such as 250m"):
        parse_quantity(text)


@given(st.sampled_from(["", "+", "-"]), DIGITS, st.none() | DIGITS, st.sampled_from(list(SUFFIXES)))
def test_every_suffix_is_exact(sign, whole, fraction, suffix):
    text = sign + whole + ("" if fraction is None else f".{fraction}") + suffix
    digits, places = int(whole + (fraction or "")), len(fraction or "")
    assert parse_quantity(text) == expected(sign, Fraction(digits, 10**places) * SUFFIXES[suffix])


@given(st.sampled_from(["", "+", "-"]), DIGITS, st.integers(-30, 30), st.sampled_from("eE"))
def test_every_exponent_is_exact(sign, whole, exponent, letter):
    text = f"{sign}{whole}{letter}{exponent}"
    assert parse_quantity(text) == expected(sign, int(whole) * Fraction(10) ** exponent)


def expected(sign, amount):
    """The rule in words: rounded up to a billionth, at most 2^63-1, then the sign."""
    billionths = -((-amount * BILLION) // 1)
    return min(billionths, MOST * BILLION) * (-1 if sign == "-" else 1)


@pytest.mark.parametrize("text", ["\u0661", "1_0", "NaN", "Infinity", " 1", "1\n"])
def test_what_python_calls_a_number_is_no_amount(text):
    with pytest.raises(ValidationError):
        parse_quantity(text)


@given(st.text(alphabet="0123456789.eEinumkKMGTP+-", max_size=8))
def test_any_text_is_an_amount_or_refused(text):
    with contextlib.suppress(ValidationError):
        assert abs(parse_quantity(text)) <= MOST * BILLION


def test_a_whole_amount_is_a_whole_number():
    assert isinstance(to_number(parse_quantity("64Mi")), int)
    assert isinstance(to_number(parse_quantity("250m")), float)


def test_what_is_long_is_not_computed():
    with pytest.raises(ValidationError):
        parse_quantity("1" * 100)
