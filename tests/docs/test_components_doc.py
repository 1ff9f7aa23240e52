"""docs/components.md is the catalogue of components, as a page."""

from dataclasses import dataclass, field
from typing import Annotated

from tests.docs.pages import ROOT
from wca.commands.docs import components_markdown
from wca.components import BUILT_IN
from wca.config import Duration, Injected
from wca.config.reference import component_reference


def test_the_committed_page_is_up_to_date():
    page = (ROOT / "docs" / "components.md").read_text()
    assert page == components_markdown(), "run: wca docs components > docs/components.md"


def test_every_component_has_a_section_and_every_field_a_meaning():
    page = components_markdown()
    for entry in BUILT_IN:
        assert f"\n## !{entry.tag}\n" in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.endswith("|  |")]


def test_a_plugin_is_described_from_its_constructor_and_docstring():
    @dataclass
    class Mirror:
        """Sends everything twice.

        Args:
            every: time between
                two sendings.
            names: what | is sent.
        """

        every: Annotated[float, Duration(1, 60)]
        names: list[str] = field(default_factory=list)
        quiet: bool = True
        clock: Annotated[object, Injected()] = field(default=None, kw_only=True)

    text = component_reference(Mirror)
    assert text.startswith("Sends everything twice.\n")
    assert "| `every` | a duration between 1s and 60s (such as" in text
    assert "| required | time between two sendings. |" in text
    assert "| `names` | a list |  | what \\| is sent. |" in text
    assert "| `quiet` | true or false | `true` |  |" in text
    assert "clock" not in text
