"""promtool's lint of every metric that there is: the lines that are accepted stand in the docs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.metrics.test_vocabulary_catalogue import BATCHES
from tests.services import program
from wca.metrics import CATALOGUE
from wca.metrics.batch import Batch, Series
from wca.metrics.vocabulary import Names, Vocabulary
from wca.storage.encoding import Encoder

PAGE = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text()
TOTAL = 'counter metrics should have "_total" suffix'


def lint(batch):
    """Lines of promtool by what they are about."""
    promtool = program("promtool", package="prometheus")
    encoded = Encoder().encode(batch)
    assert encoded.rejected == []
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=b"".join(encoded.chunks()).decode(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    return {tuple(line.split(" ", 1)) for line in done.stderr.splitlines()}


def accepted(names):
    """What the page accepts: lines by metric, and those that are about every counter."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if " should " in line]
    lines, of_all_counters = set(), set()
    for vocabularies, line, metrics, _why in rows:
        if f"`{names}`" in vocabularies:
            line = line.strip("`")
            lines |= {(metric, line) for metric in re.findall(r"`(\w+)`", metrics)}
            of_all_counters |= {line} if metrics == "every counter" else set()
    return lines, of_all_counters


@pytest.mark.parametrize("names", Names)
def test_promtool_says_of_every_metric_what_the_page_accepts_and_nothing_else(names):
    said = {line for batch in BATCHES for line in lint(Vocabulary(names).translate(batch))}
    lines, of_all_counters = accepted(names)
    counters = {
        series.name
        for batch in BATCHES
        for series in Vocabulary(names).translate(batch).series()
        if series.type == "counter"
    }
    assert said == lines | {(name, line) for name in counters for line in of_all_counters}


def test_with_the_names_of_prometheus_it_has_nothing_to_say():
    assert accepted(Names.PROMETHEUS) == (set(), set())


def test_the_names_of_the_first_release_lack_the_suffix_and_no_other_thing_is_accepted():
    lines, of_all_counters = accepted(Names.WCA)
    assert of_all_counters == {TOTAL}
    assert {name for name, _ in lines} <= CATALOGUE.keys()


def test_a_line_would_be_seen():
    batch = Batch(1.0)
    batch.add((Series("hits", {}, "counter", "Help."),), [1])
    assert lint(batch) == {("hits", TOTAL)}
