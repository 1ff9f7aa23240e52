"""What every page of the agent keeps to, whatever it shows."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from tests.http.talking import get, served
from wca.http.api import Request
from wca.status.pages import StatusPages
from wca.testing.clock import FakeClock
from wca.web.channel import Channel
from wca.web.pages import page_routes
from wca.workers.dashboard.pages import Dashboard
from wca.workers.monitoring.lanes import Lane


def pages():
    channel = Channel("status", FakeClock().monotonic)
    yield "/status", StatusPages(SimpleNamespace(channel=channel))
    yield "/workers", Dashboard(None, Lane("history"), FakeClock())


@pytest.fixture(params=list(pages()), ids=lambda param: param[0])
def shown(request):
    """The path of a page, and its files by path."""
    path, owner = request.param
    static = [one for one in owner.routes() if one.path.startswith((path, "/web"))]
    files = [one for one in static if not one.path.endswith(("json", "events"))]
    return path, {one.path: one.respond(Request("GET", one.path, {}, {})) for one in files}


class Page(HTMLParser):
    """The addresses that a page names, its ids, and what is written in scripts."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.inline, self.labelled = [], [], "", []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.addresses += [named[name] for name in ("src", "href") if named.get(name)]
        self.ids += [named["id"]] if "id" in named else []
        self.labelled += [(tag, {"aria-label", "aria-labelledby"} & named.keys())]
        self.inline += "".join(name for name in named if name.startswith("on") or name == "style")
        self._in_script = tag in ("script", "style")

    def handle_data(self, data):
        self.inline += data.strip() if self._in_script else ""


def page(shown):
    path, files = shown
    return Page(files[path].body.decode())


def test_a_page_loads_nothing_but_its_own_files(shown):
    path, files = shown
    loaded = [one for one in page(shown).addresses if not one.startswith("data:")]
    assert {f"/{one}" for one in loaded} >= {f"{path}{path}.js", f"{path}{path}.css"}
    assert {f"/{one}" for one in loaded if not one.endswith("json")} <= files.keys()
    for response in files.values():
        assert b"http://" not in response.body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in response.body
        assert b"@import" not in response.body


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(shown):
    _, files = shown
    for response in files.values():
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert page(shown).inline == ""


def test_what_comes_from_the_agent_never_becomes_html(shown):
    for response in shown[1].values():
        found = re.findall(
            rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", response.body
        )
        assert found == []


def test_every_id_is_there_once_and_every_part_has_a_name(shown):
    found = page(shown)
    assert len(found.ids) == len(set(found.ids))
    for tag, names in found.labelled:
        assert names or tag not in ("table", "section", "dialog"), tag


def test_a_script_finds_every_element_that_it_asks_for(shown):
    path, files = shown
    ids = set(page(shown).ids)
    for name in (f"{path}{path}.js", "/web/web.js"):
        assert set(re.findall(r'\$\("([\w-]+)"\)', files[name].body.decode())) <= ids


def test_a_page_that_is_not_in_the_installation_is_an_error():
    with pytest.raises(OSError, match=r"no\.html"):
        page_routes("/no", "wca.status", "no.html", (), "No")


def test_a_browser_keeps_no_old_page(shown):
    path, _ = shown
    with served(*page_routes(path, "wca.status", "status.html", (), "A page")) as server:
        status, headers, body = get(server, path)
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert body.startswith(b"<!DOCTYPE html>")
