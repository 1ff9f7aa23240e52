"""docs/names.md says what the vocabularies do."""

from pathlib import Path

import pytest

from wca.metrics.prometheus_names import PROMETHEUS_EXCEPTIONS
from wca.metrics.task_labels import MACHINE_FACTS, TASK_LABELS
from wca.metrics.vocabulary import Names

PAGE = (Path(__file__).parents[2] / "docs" / "names.md").read_text()


@pytest.mark.parametrize("word", sorted({*TASK_LABELS, *MACHINE_FACTS, *Names}))
def test_the_page_names_vocabularies_and_labels(word):
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize(("key", "exception"), PROMETHEUS_EXCEPTIONS.items())
def test_the_page_has_the_exceptions(key, exception):
    row = next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{key[0]}`" in line)
    assert f"`{exception.name}`" in row


def test_the_list_of_labels_that_stay_is_complete():
    listed = PAGE.split("only the labels of a list stay:")[1].split(". `task_labels`")[0]
    assert {word.strip(" `\n") for word in listed.replace(" and", ",").split(",")} == TASK_LABELS
