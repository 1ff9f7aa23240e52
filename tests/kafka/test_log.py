"""What kafka-python says, without what nobody is to know."""

import logging

import pytest

from wca.storage.kafka_client.log import Complaints

ODD = "p\u00e4ss\\word"
LOGGER = logging.getLogger("kafka.some.part")


@pytest.fixture
def complaints(caplog):
    caplog.set_level(logging.DEBUG, logger="kafka")
    made = Complaints(["correct-horse", ODD, "abc", ""])
    made.listen()
    yield made
    made.forget()


class SaslAuthenticateRequest:
    def __str__(self):
        return "SaslAuthenticateRequest(auth_bytes=...)"

    __repr__ = __str__


class ProduceRequest(SaslAuthenticateRequest):
    pass


def test_requests_are_shown_by_their_kind_wherever_they_stand(complaints, caplog):
    LOGGER.debug("a %s, b %r", SaslAuthenticateRequest(), [{1: (ProduceRequest(), 5)}])
    LOGGER.debug("c %s", {"d": ProduceRequest()})
    assert "a <SaslAuthenticateRequest>, b [{1: ('<ProduceRequest>', 5)}]" in caplog.text
    assert "c {'d': '<ProduceRequest>'}" in caplog.text
    assert "auth_bytes" not in caplog.text


def test_bytes_are_shown_by_their_length(complaints, caplog):
    LOGGER.debug("Send: %r %d", b"\x00user\x00secret", 7)
    assert "Send: '<12 bytes>' 7" in caplog.text


def test_what_is_hidden_is_hidden_in_every_form(complaints, caplog):
    LOGGER.debug("%s", f"correct-horse {ODD} {ODD!r} {ODD.encode()!r} abc")
    assert "*** *** '***' b'***' abc" in caplog.text


def test_so_it_is_in_what_was_raised(complaints, caplog):
    LOGGER.error("it failed", exc_info=ValueError("not correct-horse"))
    assert "ValueError: not ***" in caplog.text
    assert "horse" not in caplog.text


def test_a_line_that_cannot_be_written_breaks_nothing(complaints, caplog):
    LOGGER.debug("%d of %d", *["one"])
    assert "%d of %d" in caplog.text


def test_the_loggers_are_left_as_they_were(complaints):
    assert LOGGER.filters
    complaints.forget()
    complaints.forget()
    assert not LOGGER.filters
