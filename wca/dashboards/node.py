"""The dashboard of the tasks of nodes, and of the agents on them."""

from typing import Any

from wca.dashboards.grafana import Dashboard, Panel, Row

__all__ = ["node_dashboard"]

_TASK = '{task_name=~"$task_name"}'
_RATE = "[$__rate_interval]"

_NODE = Dashboard(
    title="WCA: tasks of nodes",
    uid="wca-tasks",
    variables={"task_name": "<task_up>"},
    rows=(
        Row(
            "Tasks",
            (
                Panel(
                    "CPU",
                    f"sum by (task_name) (rate(<task_cpu_usage_seconds>{_TASK}{_RATE}))",
                    "{{task_name}}",
                    unit="none",
                ),
                Panel(
                    "Share of periods that are throttled",
                    f"sum by (task_name) (rate(<task_cpu_throttled_periods>{_TASK}{_RATE}))"
                    f" / sum by (task_name) (rate(<task_cpu_periods>{_TASK}{_RATE}))",
                    "{{task_name}}",
                    unit="percentunit",
                ),
                Panel(
                    "Working set",
                    f"sum by (task_name) (<task_mem_working_set_bytes>{_TASK})",
                    "{{task_name}}",
                ),
                Panel(
                    "Share of time that some of it waits for a CPU",
                    f"max by (task_name) (rate(<task_psi_cpu_some_seconds>{_TASK}{_RATE}))",
                    "{{task_name}}",
                    unit="percentunit",
                ),
                Panel(
                    "Share of time that some of it waits for memory",
                    f"max by (task_name) (rate(<task_psi_memory_some_seconds>{_TASK}{_RATE}))",
                    "{{task_name}}",
                    unit="percentunit",
                ),
                Panel(
                    "Share of time that some of it waits for input or output",
                    f"max by (task_name) (rate(<task_psi_io_some_seconds>{_TASK}{_RATE}))",
                    "{{task_name}}",
                    unit="percentunit",
                ),
            ),
        ),
        Row(
            "Agent",
            (
                Panel("Tasks", "<wca_tasks>"),
                Panel(
                    "CPU of the agent",
                    f"rate(<wca_cpu_seconds>{_RATE})",
                    unit="percentunit",
                ),
                Panel("Memory of the agent", "<wca_memory_usage_bytes>"),
                Panel("Time of an iteration", "<wca_iteration_duration_seconds>"),
                Panel("Parts that fail", "1 - <wca_healthy>"),
                Panel("Deadlines that were missed", f"rate(<wca_overruns>{_RATE})", unit="ops"),
                Panel(
                    "Agents by version",
                    "count by (version, python) (<wca_build_info>)",
                    "{{version}}, Python {{python}}",
                ),
                Panel("Agents by configuration", "count by (hash) (<wca_config_info>)", "{{hash}}"),
            ),
        ),
    ),
)


def node_dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's model."""
    return _NODE.as_json()
