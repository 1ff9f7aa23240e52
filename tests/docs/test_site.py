"""The pages of the documentation as a site: `make site` makes it of the same files."""

import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

#: What a browser fetches by itself; links that a reader follows are not among it.
FETCHED = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]+)\"|<link[^>]*\shref=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as `make site` does: a link that leads nowhere, or a page that is in no table of
    contents, is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(folder / "doctrees"), str(ROOT / "docs"), str(folder / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_each_page_is_in_it(site):
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages <= {page.stem for page in site.glob("*.html")}


def test_a_file_of_the_checkout_that_is_linked_can_be_read(site):
    assert list(site.glob("_downloads/*/contention.yaml"))


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.glob("*.html"):
        for script, sheet in FETCHED.findall(page.read_text()):
            assert not re.match(r"(https?:)?//", script or sheet), (page.name, script or sheet)


def test_make_site_makes_it_so():
    recipe = (ROOT / "Makefile").read_text().partition("\nsite: setup\n")[2].split("\n\n")[0]
    assert "sphinx -W --keep-going -q -b html" in recipe
