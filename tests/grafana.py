"""The queries of the dashboards, as Grafana would ask them."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "configs" / "observing"


def queries(name):
    """Title and query of each panel, with variables as for all, and rates over some seconds."""
    dashboard = json.loads((FOLDER / name).read_text())
    return {
        panel["title"]: _asked(target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }


def _asked(query):
    for variable in ("$worker_id", "$task_name"):
        query = query.replace(variable, ".*")
    return query.replace("$__rate_interval", "10s")
