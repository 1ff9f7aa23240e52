"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from wca.lazy import lazy_names

__all__: list[str] = []

#: Public name to the module that has it.
_PLACES: dict[str, str] = {
    "ApplicationSettings": "wca.workers.cml.settings",
    "BackgroundTaskScheduler": "wca.workers.cml.task_scheduler",
    "BackgroundTasksBus": "wca.workers.cml.task_bus",
    "CMLWorker": "wca.workers.cml.worker",
    "CMLWorkerCreatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerImportedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerRepository": "wca.workers.cml.repository",
    "CMLWorkerState": "wca.workers.cml.worker",
    "CMLWorkerStatus": "wca.workers.cml.status",
    "CMLWorkerStatusUpdatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerTelemetryUpdatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerTerminatedDomainEvent": "wca.workers.cml.domain_events",
    "EventBus": "wca.workers.cml.events",
    "InMemoryCMLWorkerRepository": "wca.workers.cml.repository",
    "JobFinishedError": "wca.workers.cml.background",
    "MonitoringHandle": "wca.workers.cml.monitoring_scheduler",
    "RecurrentBackgroundJob": "wca.workers.cml.background",
    "RecurrentTaskDescriptor": "wca.workers.cml.background",
    "ServiceCollection": "wca.workers.cml.services",
    "Settings": "wca.workers.cml.settings",
    "WorkerMetricsCollectionJob": "wca.workers.cml.metrics_job",
    "WorkerMonitoringScheduler": "wca.workers.cml.monitoring_scheduler",
    "WorkerNotFoundError": "wca.workers.cml.metrics_job",
    "WorkerNotificationHandler": "wca.workers.cml.notification",
    "WorkerTerminatedError": "wca.workers.cml.metrics_job",
    "backgroundjob": "wca.workers.cml.background",
    "integration_event_handler": "wca.workers.cml.events",
    "map_ec2_state_to_cml_status": "wca.workers.cml.status",
}

__getattr__ = lazy_names(__name__, _PLACES)
