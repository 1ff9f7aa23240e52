"""Sentences of the README that must stay."""

from tests.docs.pages import ROOT


def test_the_readme_says_that_this_is_pre_production():
    text = " ".join((ROOT / "README.md").read_text().split())
    assert "pre-production software and should not be deployed to production servers" in text
