"""A server that only this machine can reach is shown under names of this machine alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.talking import exchange, get, page, served, status_of
from wca.http.hosts import LocalNames


@pytest.mark.parametrize(
    "header",
    [
        *(None, "localhost", "LocalHost:19220", "localhost.", "wca.localhost:80", "127.0.0.1"),
        *("127.0.0.1:19220", "127.1.2.3", "[::1]:19220", "[::1]", "node-7", "Node-7:19220"),
    ],
)
def test_names_of_this_machine(header):
    assert LocalNames("node-7").include(header)


@pytest.mark.parametrize(
    "header",
    [
        *(
            "",
            "evil.example",
            "evil.example:19220",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ),
        *("10.0.0.1", "[2001:db8::1]:80", "notlocalhost", "node-7.evil.example", "0.0.0.0"),
    ],
)
def test_other_names(header):
    assert not LocalNames("node-7").include(header)


@given(st.text())
def test_any_text_is_a_name_or_none(header):
    assert LocalNames("127.0.0.1").include(header) in (True, False)


def test_a_page_of_another_site_cannot_read_what_this_machine_shows():
    with served(page(), page("/healthz", public=True)) as server:
        status, _, body = get(server, Host="evil.example")
        assert status == 421
        assert b"localhost or 127.0.0.1" in body
        assert get(server, Host="localhost:1")[0] == 200
        assert get(server, "/healthz", Host="evil.example")[0] == 200
        assert status_of(exchange(server, b"GET /page HTTP/1.0\r\n\r\n")) == 200


def test_who_has_to_say_who_he_is_may_use_any_name(tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    token.chmod(0o600)
    with served(page(), token_file=str(token)) as server:
        headers = {"Host": "wca.example", "Authorization": "Bearer 0123456789abcdef"}
        assert get(server, **headers)[0] == 200
        assert get(server, Host="wca.example")[0] == 401


def test_a_server_that_others_reach_is_shown_under_any_name():
    with served(page(), address="0.0.0.0:0") as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert get(server, Host="node-7.example")[0] == 200
