"""Dashboards in Grafana's model.

Source: https://grafana.com/docs/grafana/latest/, "Dashboard JSON model".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wca.dashboards.queries import described, expression
from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricUnit

__all__ = ["Dashboard", "Panel", "Row"]

#: Columns of a dashboard, and the size of a panel.
_COLUMNS, _WIDTH, _HEIGHT = 24, 8, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_UNITS = {
    MetricUnit.BYTES: "bytes",
    MetricUnit.SECONDS: "s",
    MetricUnit.TIMESTAMP: "dateTimeFromNow",
    MetricUnit.BYTES_PER_SECOND: "Bps",
}


@dataclass(frozen=True)
class Panel:
    """A graph.

    Args:
        title: of it.
        query: see ``expression``.
        legend: of each line, with labels as ``{{task_name}}``.
        unit: in Grafana's words; empty: that of the first metric of the query.
    """

    title: str
    query: str
    legend: str = ""
    unit: str = ""

    def as_json(self, number: int, column: int, line: int) -> dict[str, Any]:
        """In Grafana's model.

        Args:
            number: unique in the dashboard.
            column: of the left edge.
            line: of the upper edge.
        """
        about = described(self.query)
        return {
            "id": number,
            "type": "timeseries",
            "title": self.title,
            "description": about.help,
            "datasource": _SOURCE,
            "gridPos": {"x": column, "y": line, "w": _WIDTH, "h": _HEIGHT},
            "fieldConfig": {"defaults": {"unit": self.unit or _unit(about)}, "overrides": []},
            "options": {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi"}},
            "targets": [
                {
                    "refId": "A",
                    "datasource": _SOURCE,
                    "expr": expression(self.query),
                    "legendFormat": self.legend or "__auto",
                }
            ],
        }


@dataclass(frozen=True)
class Row:
    """Panels below a title.

    Args:
        title: of the row.
        panels: from left to right.
    """

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """Rows below each other.

    Args:
        title: of the dashboard.
        uid: by which Grafana knows it again.
        variables: name of each selection, and the query that gives its values.
        rows: from above.
    """

    title: str
    uid: str
    variables: dict[str, str]
    rows: Sequence[Row]

    def as_json(self) -> dict[str, Any]:
        """In Grafana's model, ready to be imported."""
        return {
            "title": self.title,
            "uid": self.uid,
            "schemaVersion": 39,
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "tags": ["wca"],
            "templating": {
                "list": [_datasource(), *(_variable(*one) for one in self.variables.items())]
            },
            "panels": list(self._panels()),
        }

    def _panels(self) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        line = 0
        for row in self.rows:
            found.append(
                {
                    "id": len(found) + 1,
                    "type": "row",
                    "title": row.title,
                    "collapsed": False,
                    "gridPos": {"x": 0, "y": line, "w": _COLUMNS, "h": 1},
                    "panels": [],
                }
            )
            line += 1
            in_line = _COLUMNS // _WIDTH
            for place, panel in enumerate(row.panels):
                lower, column = divmod(place, in_line)
                found.append(panel.as_json(len(found) + 1, column * _WIDTH, line + lower * _HEIGHT))
            line += -(-len(row.panels) // in_line) * _HEIGHT
        return found


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
    }


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values({expression(query)}, {name})", "refId": name},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _unit(about: MetricMetadata) -> str:
    if about.name.endswith("_ratio"):
        return "percentunit"
    return _UNITS.get(MetricUnit(about.unit), "short")
