"""What answers of a web service mean."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.http_client.words import shown_url
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.http_client.answers import Answer, judge, retry_after

PARCEL = Parcel(b"{}", 3, 0.0)


def judged(status, body=b"", **headers):
    return judge(PARCEL, Answer("http://h/", status, headers, body, retry_after=7.0))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_accepts_the_message(status):
    assert judged(status) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again_when_the_receiver_says(status):
    outcome = judged(status)
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after == 7.0


@pytest.mark.parametrize("status", [400, 404, 405, 409, 415, 422, 451, 501, 505])
def test_what_stays_wrong_is_refused_for_good(status):
    outcome = judged(status)
    assert isinstance(outcome, Refused)
    assert (outcome.label, outcome.lost(PARCEL)) == ("refused", 3)


def test_a_message_that_is_too_large_has_a_reason_of_its_own():
    assert judged(413).label == "too_large"


@pytest.mark.parametrize("status", [401, 403, 407])
def test_credentials_that_are_not_accepted_today_may_be_tomorrow(status):
    outcome = judged(status, b"who are you?")
    assert isinstance(outcome, Unavailable)
    assert "who are you? (the credentials are not accepted)" in outcome.reason


def test_a_redirection_says_where_to_and_what_to_do():
    outcome = judged(301, location="https://user:secret@other/path?token=secret")
    assert isinstance(outcome, Unavailable)
    assert outcome.reason.startswith("http://h/ redirects to https://other/path, which is not")
    assert "nowhere" in judged(304).reason


def test_the_message_quotes_the_answer_on_one_line_and_not_all_of_it():
    reason = judged(400, "bad\r\n\x1b[31m\tname é ".encode() + b"x" * 1000).reason
    assert reason.startswith("http://h/ answers 400 Bad Request: bad [31m name é xxx")
    assert len(reason) < 250
    assert reason.isprintable()


def test_a_status_that_nobody_knows_has_no_phrase():
    assert judged(499).reason == "http://h/ answers 499"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("999999", 3600.0),
        ("99999999999999999999", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thursday, 01-Jan-70 00:16:50 GMT", 10.0),
        ("Thu Jan  1 00:16:50 1970", 10.0),
        ("Thu, 01 Jan 1970 00:00:50 GMT", 0.0),
        ("Thu, 01 Jan 2970 00:00:50 GMT", 3600.0),
        ("Thu, 01 Foo 1970 00:00:50 GMT", None),
        ("Thu, 99 Jan 99999999 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, 1000.0) == seconds


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+( GMT)?"))
def test_no_retry_after_is_anything_but_a_wait_of_at_most_an_hour(text):
    found = retry_after(text, time.time())
    assert found is None or 0 <= found <= 3600


@given(st.integers(0, 3500))
def test_a_date_is_understood_to_the_second(seconds):
    assert retry_after(formatdate(1e9 + seconds, usegmt=True), 1e9) == seconds


def test_a_shown_url_has_nothing_secret_in_it():
    assert shown_url("https://user:secret@host:81/path?key=secret#f") == "https://host:81/path"
    assert shown_url("http://[::1]:80/a") == "http://[::1]:80/a"
    assert shown_url("http://[half") == ""
