"""The dashboard of a fleet that a ``WorkerMonitoringRunner`` watches."""

from typing import Any

from wca.dashboards.grafana import Dashboard, Panel, Row

__all__ = ["fleet_dashboard"]

_NAMED = "* on (worker_id) group_left (worker_name) <worker_information>"

_FLEET = Dashboard(
    title="WCA: workers",
    uid="wca-workers",
    variables={"worker_id": "<worker_information>"},
    rows=(
        Row(
            "Fleet",
            (
                Panel("Workers by state", "sum by (state) (<wca_workers>)", "{{state}}"),
                Panel(
                    "Alerts that fire", "sum by (severity) (<wca_worker_alerts>)", "{{severity}}"
                ),
                Panel(
                    "Status checks that fail",
                    "sum by (check) (1 - <worker_check_passed>)",
                    "{{check}}",
                ),
            ),
        ),
        Row(
            "Workers",
            (
                Panel(
                    "CPU",
                    f'<worker_cpu_utilization_ratio>{{worker_id=~"$worker_id"}} {_NAMED}',
                    "{{worker_name}}",
                ),
                Panel(
                    "Memory",
                    f'<worker_mem_utilization_ratio>{{worker_id=~"$worker_id"}} {_NAMED}',
                    "{{worker_name}}",
                ),
                Panel(
                    "Since the last answer of EC2",
                    'time() - <worker_polled>{worker_id=~"$worker_id"}',
                    "{{worker_id}}",
                    unit="s",
                ),
                Panel(
                    "Since CPU was last above the idle threshold",
                    'time() - <worker_active>{worker_id=~"$worker_id"}',
                    "{{worker_id}}",
                    unit="s",
                ),
            ),
        ),
        Row(
            "Monitoring",
            (
                Panel(
                    "Polls of shards",
                    "sum by (shard, result) (rate(<wca_worker_polls>[$__rate_interval]))",
                    "{{shard}} {{result}}",
                    unit="ops",
                ),
                Panel("Time of a poll", "<wca_worker_poll_duration_seconds>", "{{shard}}"),
                Panel(
                    "Readings by what they are worth",
                    "sum by (metric, verdict) (<wca_worker_readings>)",
                    "{{metric}}: {{verdict}}",
                ),
                Panel(
                    "Notifications",
                    "sum by (notifier, result) (increase(<wca_worker_notifications>[1h]))",
                    "{{notifier}} {{result}}",
                ),
                Panel(
                    "Notifications that wait",
                    "sum by (notifier) (<wca_worker_notifications_waiting>)",
                    "{{notifier}}",
                ),
                Panel("Age of the list of workers", "time() - <wca_workers_listed>", unit="s"),
            ),
        ),
        Row(
            "AWS",
            (
                Panel(
                    "Requests",
                    "sum by (api) (rate(<wca_aws_requests>[$__rate_interval]))",
                    "{{api}}",
                    unit="reqps",
                ),
                Panel(
                    "Metrics that were asked for",
                    "sum (rate(<wca_aws_metrics_requested>[$__rate_interval]))",
                    "asked for",
                ),
                Panel(
                    "Cost of 30 days", "sum (<wca_aws_forecast_dollars>)", "forecast", "currencyUSD"
                ),
            ),
        ),
    ),
)


def fleet_dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's model."""
    return _FLEET.as_json()
