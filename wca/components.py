"""The catalogue: which class each tag of a configuration file names.

Nothing is imported before a file names it. Three sources, the later ones before the earlier:
the built-in components below, installed packages (entry points of the group ``wca.components``,
named as the tag), and ``--register`` with whatever those modules mark with ``@register``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from wca.config.importing import load_class
from wca.config.registry import Registry
from wca.errors import ConfigLoadError

__all__ = ["BUILT_IN", "ENTRY_POINTS", "Entry", "installed_components", "load_registry"]

ENTRY_POINTS = "wca.components"

Stability = Literal["stable", "beta", "compat"]


@dataclass(frozen=True)
class Entry:
    """One built-in component.

    Args:
        place: ``module:Class``; the class's name is the tag.
        summary: one line for documents.
        stability: ``stable``; ``beta``: may still change; ``compat``: correct, small, not extended.
    """

    place: str
    summary: str
    stability: Stability = "stable"

    @property
    def tag(self) -> str:
        """The name in a file, without ``!``."""
        return self.place.partition(":")[2]


BUILT_IN: tuple[Entry, ...] = (
    Entry("wca.runners.measurement:MeasurementRunner", "measures tasks and the machine"),
    Entry("wca.runners.detection:DetectionRunner", "measures and asks a detector", "beta"),
    Entry("wca.runners.allocation:AllocationRunner", "asks an allocator, acts in bounds", "beta"),
    Entry("wca.nodes.static:StaticNode", "a fixed list of tasks, by cgroup"),
    Entry("wca.nodes.kubernetes:KubernetesNode", "the pods of a node of Kubernetes", "beta"),
    Entry("wca.nodes.cgroup:CgroupNode", "tasks by patterns of cgroup paths"),
    Entry("wca.nodes.own:OwnCgroupNode", "the container that the agent runs in", "beta"),
    Entry("wca.nodes.systemd:SystemdNode", "services and scopes of systemd"),
    Entry("wca.nodes.mesos:MesosNode", "tasks of an Apache Mesos agent", "compat"),
    Entry("wca.nodes.union:UnionNode", "the tasks of several nodes together"),
    Entry("wca.nodes.container:ContainerNode", "containers of containerd, CRI-O, Docker", "beta"),
    Entry("wca.nodes.labels:TaskLabelRegexGenerator", "a task label made from another one"),
    Entry("wca.nodes.labels:TaskLabelResourceGenerator", "a task label made from a resource"),
    Entry("wca.storage.log:LogStorage", "Prometheus text to a file or standard output"),
    Entry("wca.storage.prometheus:PrometheusStorage", "a page for Prometheus to fetch"),
    Entry("wca.http.server:HttpServer", "the one address on which pages are shown"),
    Entry("wca.storage.cloudwatch:CloudWatchStorage", "metrics of Amazon CloudWatch", "beta"),
    Entry("wca.storage.emf:EmfStorage", "CloudWatch's embedded metric format", "beta"),
    Entry("wca.storage.kafka:KafkaStorage", "messages in a topic of Apache Kafka", "beta"),
    Entry("wca.storage.http:HTTPStorage", "JSON to a web service"),
    Entry("wca.storage.remote_write:RemoteWriteStorage", "to Prometheus by remote write", "beta"),
    Entry("wca.storage.otlp:OTLPStorage", "to a collector by OpenTelemetry's protocol", "beta"),
    Entry("wca.storage.filter:FilterStorage", "hands on metrics chosen by name and labels"),
    Entry("wca.storage.relabel:RelabelStorage", "hands metrics on with other names and labels"),
    Entry("wca.storage.multi:MultiStorage", "hands metrics on to several storages"),
    Entry("wca.storage.aggregating:AggregatingStorage", "one sample for a window of time"),
    Entry("wca.detectors.nop:NOPAnomalyDetector", "a detector that finds nothing", "beta"),
    Entry("wca.detectors.threshold:ThresholdDetector", "reports numbers beyond limits", "beta"),
    Entry("wca.detectors.interference:InterferenceDetector", "who disturbs whom, by what", "beta"),
    Entry("wca.detectors.cpi:CPIDetector", "CPI squared: who takes more cycles", "beta"),
    Entry("wca.detectors.multi:MultiDetector", "the answers of several detectors", "beta"),
    Entry("wca.detectors.model:ModelDetector", "who disturbs whom, by a trained model", "beta"),
    Entry("wca.allocators.nop:NOPAllocator", "an allocator that asks for nothing", "beta"),
    Entry("wca.allocators.static:StaticAllocator", "grants what rules say", "beta"),
    Entry("wca.allocators.contention:ContentionAllocator", "protects who is disturbed", "beta"),
    Entry(
        "wca.allocators.reclaim:MemoryReclaimAllocator",
        "takes memory that tasks do not use",
        "beta",
    ),
    Entry("wca.allocators.oom:OOMAllocator", "ends one before the kernel ends another", "beta"),
    Entry("wca.allocators.suppress:SuppressAllocator", "best effort gets what is left", "beta"),
    Entry("wca.allocators.tiers:Tiers", "which tasks matter and which give way", "beta"),
    Entry("wca.allocators.numa:NUMAAllocator", "binds each task to a NUMA node", "beta"),
    Entry("wca.allocators.api:AllocationConfiguration", "how values are told the kernel", "beta"),
    Entry("wca.allocations.envelope:Envelope", "bounds that no allocator can leave", "beta"),
    Entry("wca.audit.kubernetes_events:KubernetesEvents", "decisions as Events of pods", "beta"),
    Entry("wca.security.tls:SSL", "TLS of a connection that the agent opens"),
    Entry("wca.databases.local:LocalDatabase", "values of plugins in a folder"),
    Entry("wca.databases.zookeeper:ZookeeperDatabase", "values of plugins in ZooKeeper", "compat"),
    Entry("wca.databases.etcd:EtcdDatabase", "values of plugins in etcd", "compat"),
    Entry("wca.collectors.task_cpu:TaskCpuCollector", "CPU time and throttling of tasks"),
    Entry("wca.collectors.task_memory:TaskMemoryCollector", "memory of tasks"),
    Entry("wca.collectors.task_memory_events:TaskMemoryEventsCollector", "OOM kills of tasks"),
    Entry("wca.collectors.task_io:TaskIoCollector", "block device I/O of tasks"),
    Entry("wca.collectors.task_pids:TaskPidsCollector", "processes and threads of tasks"),
    Entry("wca.collectors.task_spec:TaskSpecCollector", "CPU quota, weight and start of tasks"),
    Entry("wca.collectors.task_psi:TaskPsiCollector", "pressure stall information of tasks"),
    Entry("wca.collectors.task_perf:TaskPerfCollector", "perf events of tasks", "beta"),
    Entry("wca.collectors.task_resctrl:TaskResctrlCollector", "L3 cache and memory traffic"),
    Entry("wca.collectors.task_network:TaskNetworkCollector", "network traffic of tasks"),
    Entry("wca.collectors.task_sched:TaskSchedCollector", "scheduler counters of tasks"),
    Entry("wca.collectors.task_schedstat:TaskSchedstatCollector", "waits of tasks for a CPU"),
    Entry("wca.collectors.task_wss:TaskWssCollector", "working set of tasks", "beta"),
    Entry(
        "wca.collectors.utilization.task:TaskUtilizationCollector",
        "parts of a task's limits in use",
        "beta",
    ),
    Entry(
        "wca.collectors.utilization.node:NodeUtilizationCollector",
        "parts of the machine in use",
        "beta",
    ),
    Entry(
        "wca.collectors.utilization.ecs:EcsUtilizationCollector",
        "parts of an ECS task's limits in use",
        "beta",
    ),
    Entry(
        "wca.collectors.utilization.tree:ProcessTreeUtilizationCollector",
        "parts of the agent's limits that its children use",
        "beta",
    ),
    Entry("wca.collectors.task_work:TaskWorkCollector", "work of tasks, told by them", "beta"),
    Entry("wca.collectors.work.counter_file:WorkCounterFile", "work of a task, in a file", "beta"),
    Entry("wca.collectors.work.endpoint:WorkEndpoint", "work of a task, on its page", "beta"),
    Entry("wca.collectors.work.shared_page:WorkSharedPage", "work of many tasks, a page", "beta"),
    Entry("wca.collectors.node_cpu:NodeCpuCollector", "CPU time of the machine"),
    Entry("wca.collectors.node_memory:NodeMemoryCollector", "memory of the machine"),
    Entry("wca.collectors.node_memory_hardware:NodeMemoryHardwareCollector", "memory modules"),
    Entry("wca.collectors.node_optane:NodeOptaneCollector", "Intel Optane modules", "compat"),
    Entry("wca.collectors.node_vmstat:NodeVmstatCollector", "counters of /proc/vmstat"),
    Entry("wca.collectors.node_psi:NodePsiCollector", "pressure stall information of the machine"),
    Entry("wca.collectors.node_zoneinfo:NodeZoneinfoCollector", "numbers of /proc/zoneinfo"),
    Entry("wca.collectors.node_topology:NodeTopologyCollector", "sockets, cores and CPUs"),
    Entry("wca.collectors.node_uncore:NodeUncoreCollector", "memory controllers and links", "beta"),
    Entry("wca.workers.runner:WorkerMonitoringRunner", "watches a fleet of EC2 instances", "beta"),
    Entry("wca.workers.sources.static:StaticWorkers", "workers written in the file", "beta"),
    Entry("wca.workers.sources.ec2_tags:Ec2TagWorkers", "instances by their tags", "beta"),
    Entry("wca.workers.sources.sql:SqlWorkers", "workers in a table of a database", "beta"),
    Entry("wca.workers.sources.union:UnionWorkers", "the workers of several sources", "beta"),
    Entry("wca.workers.aws.cloud:AwsCloud", "states and metrics of EC2 instances", "beta"),
    Entry("wca.workers.aws.account:AwsAccount", "an AWS account that is watched", "beta"),
    Entry("wca.workers.schedule.aps:ApsSchedule", "when shards are polled, by APScheduler", "beta"),
    Entry("wca.workers.job_stores.memory:MemoryJobStore", "jobs while the agent runs", "beta"),
    Entry("wca.workers.job_stores.sqlite:SqliteJobStore", "jobs in SQLite", "beta"),
    Entry("wca.workers.job_stores.redis:RedisJobStore", "jobs in Redis", "beta"),
    Entry("wca.workers.job_stores.mongo:MongoJobStore", "jobs in MongoDB", "beta"),
    Entry("wca.workers.leases.sqlite:SqliteLease", "who polls a shard, on one machine", "beta"),
    Entry("wca.workers.leases.redis:RedisLease", "who polls a shard, on several machines", "beta"),
    Entry("wca.workers.stores.sql:SqliteWorkerStore", "states and alerts in SQLite", "beta"),
    Entry("wca.workers.stores.sql:PostgresWorkerStore", "states and alerts in PostgreSQL", "beta"),
    Entry("wca.workers.stores.redis:RedisWorkerStore", "states and alerts in Redis", "beta"),
    Entry("wca.workers.stores.mongo:MongoWorkerStore", "states and alerts in MongoDB", "beta"),
    Entry("wca.workers.history.sql:SqliteHistory", "what was found of workers, in SQLite", "beta"),
    Entry("wca.workers.history.sql:PostgresHistory", "the same in PostgreSQL", "beta"),
    Entry("wca.workers.history.remote_write:RemoteWriteHistory", "the same to Prometheus", "beta"),
    Entry("wca.workers.rules.threshold:ThresholdRule", "a metric beyond a bound", "beta"),
    Entry("wca.workers.rules.status_check:StatusCheckRule", "status checks of EC2", "beta"),
    Entry("wca.workers.rules.state_change:StateChangeRule", "an instance has stopped", "beta"),
    Entry("wca.workers.rules.no_data:NoDataRule", "a metric does not come in any more", "beta"),
    Entry("wca.workers.rules.scheduled_event:ScheduledEventRule", "events of EC2", "beta"),
    Entry("wca.workers.notifiers.log:LogNotifier", "alerts in the agent's log", "beta"),
    Entry("wca.workers.notifiers.webhook:WebhookNotifier", "alerts as CloudEvents", "beta"),
    Entry("wca.workers.notifiers.slack:SlackNotifier", "alerts in a channel of Slack", "beta"),
    Entry("wca.workers.notifiers.pagerduty:PagerDutyNotifier", "alerts for PagerDuty", "beta"),
    Entry("wca.workers.notifiers.alertmanager:AlertmanagerNotifier", "for Alertmanager", "beta"),
    Entry("wca.workers.notifiers.opsgenie:OpsgenieNotifier", "ends in April 2027", "compat"),
    Entry("wca.workers.remediation:AutoRemediation", "reboots, stops and starts workers", "beta"),
)


def load_registry(
    specs: Iterable[str] = (), entry_points: Iterable[metadata.EntryPoint] | None = None
) -> Registry:
    """The registry of a command: built-in, installed and ``--register``.

    Args:
        specs: ``module:Class`` each, as given on the command line; imported at once.
        entry_points: installed components; those of this Python when None.

    Raises:
        ConfigLoadError: with every spec that cannot be registered.
    """
    installed, problems = installed_components(
        metadata.entry_points(group=ENTRY_POINTS) if entry_points is None else entry_points
    )
    registry = Registry({entry.tag: entry.place for entry in BUILT_IN}, installed)
    for spec in dict.fromkeys(specs):  # the same one twice is the same one
        try:
            registry.add(load_class(spec), f"--register {spec}")
        except ConfigLoadError as error:
            problems += [f"--register {spec}: {problem}" for problem in error.problems]
    if not problems:
        registry.verify()
    if problems:
        raise ConfigLoadError(problems)
    return registry


def installed_components(
    entry_points: Iterable[metadata.EntryPoint],
) -> tuple[Mapping[str, str], list[str]]:
    """Tag to ``module:Class`` of installed packages, and a problem for each tag taken twice."""
    found: dict[str, str] = {}
    twice = [
        (point, found[point.name])
        for point in entry_points
        if found.setdefault(point.name, point.value) != point.value
    ]
    problems = [
        f"two installed packages have a component !{point.name}: {first} and {point.value}; "
        "remove one of them"
        for point, first in twice
    ]
    return found, problems
