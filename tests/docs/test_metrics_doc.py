"""docs/metrics.md is the catalogue, as a page."""

import argparse
import re
from pathlib import Path

import pytest

from wca.commands import docs
from wca.metrics import CATALOGUE, MetricMetadata
from wca.metrics.document import metrics_markdown

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def wca_docs(*arguments):
    parser = argparse.ArgumentParser()
    docs.add_arguments(parser)
    return docs.run(parser.parse_args(arguments))


def test_the_committed_page_is_up_to_date():
    assert PAGE.read_text() == metrics_markdown(), "run: wca docs metrics > docs/metrics.md"


def test_the_command_prints_the_page(capsys):
    assert wca_docs("metrics") == 0
    assert capsys.readouterr().out == metrics_markdown()


def test_an_unknown_page_is_refused(capsys):
    with pytest.raises(SystemExit):
        wca_docs("nothing")
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_every_metric_has_one_row_in_the_section_of_what_it_is_about():
    rows = {}
    for section in metrics_markdown().split("\n## ")[1:]:
        title = section.split("\n")[0]
        names = [line.split("`")[1] for line in section.split("\n") if line.startswith("| `")]
        rows |= dict.fromkeys(names, title)
        assert len(names) == len(set(names))
    titles = {
        "task": "Tasks",
        "platform": "Machine",
        "internal": "Agent",
        "anomaly": "Anomalies",
        "allocation": "Allocations",
        "worker": "Workers",
    }
    assert rows == {name: titles[entry.granularity] for name, entry in CATALOGUE.items()}


def test_the_names_in_the_words_about_tasks_are_those_of_metrics():
    words = metrics_markdown().split("\n## Tasks\n")[1].split("\n|")[0]
    names = re.findall(r"`((?:task|container)_\w+)`", words)
    assert names
    assert {name.replace("container_", "task_") for name in names} <= CATALOGUE.keys()


def test_a_row_says_all_that_the_catalogue_knows():
    entry = MetricMetadata(
        "a", "gauge", "bytes", "task", "Help | of a.", "/proc/a", ("x", "y"), "root"
    )
    assert (
        "| `a` | `a_bytes` |  | gauge | bytes | `x`, `y` | Help \\| of a. | /proc/a | root |\n"
        in metrics_markdown([entry])
    )


def test_a_row_has_the_labels_that_cadvisor_has_for_itself():
    row = metrics_markdown([CATALOGUE["task_io_device_reads"]])
    assert '| `container_fs_reads_total{device="/dev/..."}` |' in row
    row = metrics_markdown([CATALOGUE["task_mem_page_faults"]])
    assert '`container_memory_failures_total{failure_type="pgfault", scope="hierarchy"}`' in row
