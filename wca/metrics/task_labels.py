"""Which labels stay where names are not ours, and what cAdvisor calls them."""

from collections.abc import Collection, Iterable, Mapping

from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metric import MetricGranularity

__all__ = ["MACHINE_FACTS", "TASK_LABELS", "KeptLabels"]

#: Facts of the agent and the machine, which ``wca_information`` carries for all series.
MACHINE_FACTS = frozenset({"wca_version", "cpu_model", "sockets", "cores", "cpus"})

#: What stays of the labels of a task unless the user lists others: who it is, and what changes
#: neither with its deployments nor from copy to copy. ``app_kubernetes_io__name`` is how a pod's
#: label ``app.kubernetes.io/name`` is written here, ``app_kubernetes_io_name`` how Prometheus and
#: others write it.
TASK_LABELS = frozenset(
    {
        "task_name",
        "namespace",
        "pod_namespace",
        "pod",
        "pod_name",
        "container_name",
        "app",
        "k8s_app",
        "app_kubernetes_io__name",
        "app_kubernetes_io__instance",
        "app_kubernetes_io__component",
        "app_kubernetes_io__qos_class",
        "app_kubernetes_io_name",
        "app_kubernetes_io_instance",
        "app_kubernetes_io_component",
        "app_kubernetes_io_qos_class",
    }
)

#: Without these, two tasks, or two containers of one, would have the same series.
_IDENTITY = frozenset({"task_id", "container"})
#: What tells the series of one metric of a task apart; ``cpu`` by ``perf_aggregate_cpus: false``.
_LEVELS = frozenset(
    {
        level
        for entry in CATALOGUE.values()
        if entry.granularity is MetricGranularity.TASK
        for level in entry.levels
    }
    | {"cpu"}
)
#: cAdvisor's labels and where they come from, the best source first.
_CADVISOR_LABELS = (
    ("name", ("task_name",)),
    ("namespace", ("namespace", "pod_namespace")),
    ("pod", ("pod", "pod_name")),
    ("container", ("container", "container_name")),
    ("image", ("image", "container_image")),
)
_RENAMED = frozenset(source for _, sources in _CADVISOR_LABELS for source in sources)
_PATH = "cgroup_path"


class KeptLabels:
    """Decides which labels of a series stay.

    Args:
        task_labels: which labels of a task stay, besides those that tell series apart.
    """

    def __init__(self, task_labels: Iterable[str] = TASK_LABELS) -> None:
        self._kept = _IDENTITY | _LEVELS | frozenset(task_labels)

    def of_task(self, labels: Mapping[str, str], common: Collection[str]) -> dict[str, str]:
        """Labels of a task's series.

        Args:
            labels: all of them.
            common: names of the labels that every series has, such as ``host``.
        """
        return {
            name: value
            for name, value in labels.items()
            if name in self._kept or (name in common and name not in MACHINE_FACTS)
        }

    def of_task_in_cadvisor(
        self, labels: Mapping[str, str], common: Collection[str], *, part: bool
    ) -> dict[str, str]:
        """The same as cAdvisor has them; ``id`` is the path of the cgroup.

        Args:
            labels: see ``of_task``.
            common: see ``of_task``.
            part: the series is about a container of the task.
        """
        gone = {*_RENAMED, "task_id"}
        kept = {
            name: value for name, value in self.of_task(labels, common).items() if name not in gone
        }
        for name, sources in _CADVISOR_LABELS:
            value = next((labels[source] for source in sources if source in labels), None)
            if value is not None:
                kept[name] = value
        path = labels.get(_PATH) or labels.get("task_id")
        if path is not None:
            below = labels.get("container_id") or labels.get("container") if part else None
            kept["id"] = "/" + f"{path.strip('/')}/{below or ''}".strip("/")
        return kept

    def of_others(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Labels of the agent's, the machine's and unknown series: all but the facts."""
        if MACHINE_FACTS.isdisjoint(labels):
            return labels
        return {name: value for name, value in labels.items() if name not in MACHINE_FACTS}
