"""What docs/workers-alerts.md prints builds; the dates and numbers in it are those of the code."""

from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.workers.alert_parts import configured
from wca.workers.alerting.notifications import MOST_WAITING

PAGE = "workers-alerts.md"
TEXT = (Path(__file__).parents[2] / "docs" / PAGE).read_text()
PARTS = ("rules:", "notifiers:", "remediation:")
FRAGMENTS = [text for page, _, text in blocks("text") if page == PAGE and text.startswith(PARTS)]
ENVIRON = {
    "PD_KEY": "0123456789abcdef0123456789abcdef",
    "SLACK_URL": "https://hooks.slack.com/services/T0/B0/xyz",
    "HOOK_URL": "https://example.com/hook",
    "HOOK_SECRET": "a secret",
}


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda text: text.split(":")[0])
def test_a_fragment_builds(fragment):
    configured(fragment, **ENVIRON)


def test_all_parts_are_shown():
    assert [text.split(":")[0] for text in FRAGMENTS] == ["rules", "notifiers", "remediation"]


def test_numbers_are_those_of_the_code():
    assert f"a queue for {MOST_WAITING} alerts" in TEXT


def test_the_deprecated_notifier_has_its_date():
    assert "5 April 2027" in TEXT
