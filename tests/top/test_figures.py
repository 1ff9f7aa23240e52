"""Numbers and names as text of few characters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.top.figures import NOT_MEASURED, WIDEST, amount, count, percent, precise, ratio
from wca.top.text import fit, shown, width_of

FIGURES = [amount, count, percent, ratio]


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        (percent, 0.0, "0.0"),
        (percent, 0.034, "3.4"),
        (percent, 0.9996, "100"),
        (percent, 16.0, "1600"),
        (percent, 2000.0, "200k"),
        (amount, 0, "0"),
        (amount, 512, "512"),
        (amount, 1023, "1.0K"),
        (amount, 1536, "1.5K"),
        (amount, 23 << 20, "23M"),
        (amount, 1000 << 30, "1.0T"),
        (count, 7, "7"),
        (count, 0.25, "0.2"),
        (count, 1500, "1.5k"),
        (ratio, 0.871, "0.87"),
        (ratio, 12.34, "12.3"),
        (ratio, 12345.0, "12k"),
    ],
)
def test_a_number_has_few_characters(figure, value, text):
    assert figure(value) == text


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_no_number(figure, value):
    assert figure(value) == NOT_MEASURED


@pytest.mark.parametrize("figure", FIGURES)
@given(value=st.floats(0, allow_infinity=True))
def test_a_figure_always_fits_its_column(figure, value):
    assert 1 <= len(figure(value)) <= WIDEST


@given(value=st.floats(0, 1e15))
def test_an_amount_is_within_five_percent_of_what_it_stands_for(value):
    text = amount(value)
    factor = 1024 ** " KMGTPE".index(text[-1]) if text[-1].isalpha() else 1
    assert float(text.rstrip("KMGTPE")) * factor == pytest.approx(value, rel=0.055, abs=0.051)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_precise_number_can_be_read_back(value):
    assert float(precise(value)) == pytest.approx(value, abs=1e-6, rel=1e-9)


@given(text=st.text(), width=st.integers(0, 40), keep_end=st.booleans())
def test_a_text_takes_exactly_the_columns_that_it_is_given(text, width, keep_end):
    fitted = fit(text, width, keep_end=keep_end)
    assert width_of(fitted) == width
    assert fitted.isprintable()


def test_of_a_text_that_is_cut_the_end_or_the_beginning_stays():
    assert fit("system.slice/ssh.service", 12) == "system.slic~"
    assert fit("system.slice/ssh.service", 12, keep_end=True) == "~ssh.service"


def test_wide_letters_take_two_columns():
    assert width_of("任务") == 4
    assert fit("任务", 3) == "任~"


def test_what_a_terminal_would_obey_is_not_sent_to_it():
    assert shown("a\x1b[2Jb\x9bc\nd") == "a?[2Jb?c?d"
