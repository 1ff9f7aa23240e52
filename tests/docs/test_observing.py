"""Dashboards and alert rules are those of the catalogue, and Prometheus and Grafana can read them."""

import json
import subprocess

import pytest

from tests.docs.pages import ROOT
from tests.grafana import FOLDER, queries
from tests.services import program
from wca.commands.docs import page
from wca.dashboards.queries import described, expression

PAGES = {
    "grafana-tasks": "grafana-tasks.json",
    "grafana-workers": "grafana-workers.json",
    "prometheus-alerts": "alerts.yml",
}


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_file_is_up_to_date(name):
    assert (FOLDER / PAGES[name]).read_text() == page(name), "run: make docs"


def test_promtool_takes_the_rules():
    promtool = program("promtool", package="prometheus")
    done = subprocess.run(
        [promtool, "check", "rules", str(FOLDER / PAGES["prometheus-alerts"])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["grafana-tasks.json", "grafana-workers.json"])
def test_panels_have_places_of_their_own_and_say_what_they_show(name):
    dashboard = json.loads((FOLDER / name).read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(panel["description"] for panel in panels if panel["type"] != "row")
    assert queries(name)


def test_a_query_names_metrics_as_the_catalogue_does():
    query = "rate(<task_cpu_usage_seconds>[5m])"
    assert expression(query) == "rate(task_cpu_usage_seconds_total[5m])"
    assert described(query).name == "task_cpu_usage_seconds"
    with pytest.raises(KeyError):
        expression("<task_cpu_usage_second>")
    with pytest.raises(KeyError):
        described("up")


def test_the_guide_says_where_they_are():
    text = (ROOT / "docs" / "prometheus.md").read_text()
    assert all(f"configs/observing/{name}" in text for name in PAGES.values())
