"""Grafana dashboards and Prometheus alert rules, made of the metric catalogue."""

from wca.dashboards.alerts import alert_rules
from wca.dashboards.fleet import fleet_dashboard
from wca.dashboards.node import node_dashboard

__all__ = ["alert_rules", "fleet_dashboard", "node_dashboard"]
